import { basename, join } from "node:path";
import { addRepos, type NewRepo, renderFirstConfig, writeFirstConfig } from "../../config/edit.ts";
import { toWrittenPath } from "../../config/expand.ts";
import { type Config, loadConfig, parseConfig } from "../../config/load.ts";
import type { OldEntry, OldMap, Unread } from "../../migration/old-map.ts";
import { findStateFile, freeName } from "../../config/scan.ts";
import { nameFrom } from "../../core/name.ts";
import { CACHE_DIRECTORY, CACHE_FILE, DEFAULT_STATE_FILE, findRepo, type Repo } from "../../core/registry.ts";
import { FaultError } from "../../errors.ts";
import { realpathOrSame } from "../../store/real-path.ts";
import type { Part } from "../choose.ts";
import { kindAt } from "../../store/small-text.ts";

/** A repo of the map that the config does not have yet. */
export interface Addition {
  readonly oldName: string;
  readonly name: string;
  /** Absolute. */
  readonly path: string;
  readonly part: Part;
  /** The state file that was found, relative to the repo. */
  readonly stateFile: string | undefined;
  /** Its directory is not there now: a drive that is not mounted. */
  readonly missing: boolean;
  /** It has a cache, which a passive repo's does not stay one of ours. */
  readonly hasCache: boolean;
}

/** A repo of the map that stays as it is. */
export interface LeftOut {
  readonly oldName: string;
  readonly why: string;
  /** As it is registered, where it is. */
  readonly repo: Repo | undefined;
}

export interface RepoPlan {
  readonly additions: readonly Addition[];
  readonly left: readonly LeftOut[];
  /** Entries of the map that could not be read, and that the config does not have either. */
  readonly unread: readonly Unread[];
  /** Undefined where there is none yet. */
  readonly present: Config | undefined;
}

/**
 * What a config lacks of the old map.
 *
 * @throws ConfigError, or FaultError CONFIG_UNREADABLE.
 */
export async function planRepos(map: OldMap, file: string): Promise<RepoPlan> {
  const present = await configIfThere(file);
  const registered = present?.registry ?? { repos: [] };
  const byPlace = new Map<string, Repo>();
  for (const repo of registered.repos) byPlace.set(await realpathOrSame(repo.path), repo);
  const taken = new Set(registered.repos.map(({ name }) => name));
  const additions: Addition[] = [];
  const left: LeftOut[] = [];
  const places = new Map<string, string>();
  for (const entry of map.entries) {
    const real = await realpathOrSame(entry.path);
    const there = byPlace.get(real);
    const namesake = findRepo(registered, nameFrom(entry.name));
    const twin = places.get(real);
    const leave = (why: string, repo?: Repo): unknown => left.push({ oldName: entry.name, why, repo });
    if (there !== undefined)
      leave(there.name === nameFrom(entry.name) ? "" : `registered already, as ${there.name}`, there);
    else if (namesake !== undefined)
      leave(`the config has a repo ${namesake.name} elsewhere, at ${namesake.writtenPath}`);
    else if (twin !== undefined) leave(`the same directory as ${twin}`);
    else if (toWrittenPath(entry.path, process.env) === undefined) leave("a config cannot name such a path");
    else if ((await kindAt(entry.path)) === "file") leave(`${entry.path} is no directory`);
    else {
      const addition = await additionOf(entry, taken);
      taken.add(addition.name);
      places.set(real, entry.name);
      additions.push(addition);
    }
  }
  const unread = map.unread.filter(
    ({ name }) => name === undefined || findRepo(registered, nameFrom(name)) === undefined,
  );
  return { additions, left, unread, present };
}

async function configIfThere(file: string): Promise<Config | undefined> {
  try {
    return await loadConfig(file);
  } catch (error) {
    // A link that leads nowhere is no invitation to write there.
    const nothing = error instanceof FaultError && error.fault.code === "CONFIG_MISSING";
    if (!nothing || error.message.includes(": the link leads")) throw error;
    return undefined;
  }
}

async function additionOf({ name: oldName, path }: OldEntry, taken: ReadonlySet<string>): Promise<Addition> {
  const own = nameFrom(oldName);
  const name = taken.has(own) ? freeName(join("/", basename(path), own), taken) : own;
  const missing = (await kindAt(path)) === undefined;
  const stateFile = missing ? undefined : await findStateFile(path);
  const hasCache = (await kindAt(join(path, CACHE_DIRECTORY, CACHE_FILE))) !== undefined;
  const part = stateFile === undefined && !missing ? "passive" : "share";
  return { oldName, name, path, part, stateFile, missing, hasCache };
}

export function entryOf({ name, path: absolute, part, stateFile }: Addition): NewRepo {
  const path = toWrittenPath(absolute, process.env) ?? absolute;
  if (part === "passive") return { name, path, role: "passive" };
  return stateFile === undefined || stateFile === DEFAULT_STATE_FILE
    ? { name, path }
    : { name, path, stateFile };
}

/** The config as it will be, without writing it. */
export async function futureConfig({ additions, present }: RepoPlan, file: string): Promise<Config> {
  const fresh = await parseConfig(Buffer.from(renderFirstConfig(additions.map(entryOf))), file);
  if (present === undefined) return fresh;
  return { ...present, registry: { repos: [...present.registry.repos, ...fresh.registry.repos] } };
}

/**
 * Writes a first config, or adds to the one that is there, all at once.
 *
 * @throws ConfigError or FaultError, as {@link writeFirstConfig} and {@link addRepos}.
 */
export async function registerAll({ additions, present }: RepoPlan, file: string): Promise<void> {
  if (additions.length === 0) return;
  const entries = additions.map(entryOf);
  if (present === undefined) await writeFirstConfig(file, entries);
  else await addRepos(file, entries);
}
