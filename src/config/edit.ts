import { lstat, mkdir, realpath, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { type Registry, type Repo, findRepo } from "../core/registry.ts";
import { FaultError, systemCode } from "../errors.ts";
import { crashPoint } from "../store/crash-point.ts";
import { type FileIdentity, identityOf } from "../store/identity.ts";
import { type ReplaceOptions, replaceFile } from "../store/replace.ts";
import { removeTemporaries, temporariesOf } from "../store/temporary.ts";
import { writableConfig } from "../store/write-scope.ts";
import { withEditLock } from "./edit-lock.ts";
import type { Environment } from "./expand.ts";
import { type Config, ConfigError, loadConfig, parseConfig, readConfigFile } from "./load.ts";
import { nearest } from "./nearest.ts";
import { type RepoEntry, insertEntry, removeEntry, renderEntry } from "./splice.ts";

export interface NewRepo extends RepoEntry {
  readonly name: string;
}

/** Somebody's save comes in between once; more often than this means a program in a loop. */
const MOST_TRIES = 5;

/**
 * Adds a repo in the last place. Comments, order and alignment of the file stay as they are.
 *
 * @returns the config as it is now.
 * @throws ConfigError where the present file is invalid; FaultError REPO_EXISTS, USAGE where the
 *   entry itself is wrong, CONFIG_UNWRITABLE. Nothing has been touched then.
 */
export async function addRepo(file: string, repo: NewRepo, env: Environment = process.env): Promise<Config> {
  return await addRepos(file, [repo], env);
}

/**
 * The same for several, in one edit: a daemon that follows sees all of them or none, and takes no
 * old section of one for the others' text.
 */
export async function addRepos(
  file: string,
  repos: readonly NewRepo[],
  env: Environment = process.env,
): Promise<Config> {
  return await edit(file, env, (text, { registry }) => {
    for (const { name } of repos) {
      const present = findRepo(registry, name);
      if (present === undefined) continue;
      const message = `there is a repo ${name} already: ${present.writtenPath}`;
      throw new FaultError("REPO_EXISTS", message, { repo: name, path: present.path });
    }
    const names = repos.map(({ name }) => name);
    const count = registry.repos.length;
    return {
      what: `add ${names.join(", ")}`,
      texts: insertAll(text, repos),
      expected: (after) =>
        isDeepStrictEqual(
          names,
          after.repos.slice(count).map(({ name }) => name),
        ) && sameRepos(registry.repos, after.repos.slice(0, count)),
    };
  });
}

/** The best way for each, or the last resort for each. */
function insertAll(text: string, repos: readonly NewRepo[]): string[] {
  const ways = [0, -1].map((way) =>
    repos.reduce<string | undefined>((before, { name, ...entry }) => {
      return before === undefined ? undefined : insertEntry(before, name, entry).at(way);
    }, text),
  );
  return ways.filter((after) => after !== undefined);
}

/**
 * Takes a repo out. Comments stay, those above its entry as well: they may be about more than it.
 *
 * @returns the config as it is now.
 * @throws ConfigError where the present file is invalid; FaultError REPO_UNKNOWN or
 *   CONFIG_UNWRITABLE. Nothing has been touched then.
 */
export async function removeRepo(
  file: string,
  name: string,
  env: Environment = process.env,
): Promise<Config> {
  return await edit(file, env, (text, { registry }) => {
    if (findRepo(registry, name) === undefined) throw unknownRepo(registry, name);
    const rest = registry.repos.filter((repo) => repo.name !== name);
    const texts = removeEntry(text, name);
    return { what: `remove ${name}`, texts, expected: (after) => sameRepos(rest, after.repos) };
  });
}

/** The fault of a name that is not registered: says which ones are. */
export function unknownRepo(registry: Registry, name: string): FaultError {
  const names = registry.repos.map((repo) => repo.name);
  const meant = nearest(name, names);
  const hint = meant === undefined ? "" : `; did you mean ${meant}?`;
  const known = names.length === 0 ? "no repo is registered" : `registered are ${names.join(", ")}`;
  return new FaultError("REPO_UNKNOWN", `there is no repo ${JSON.stringify(name)}; ${known}${hint}`, {
    repo: name,
  });
}

/** What {@link writeFirstConfig} writes. */
export function renderFirstConfig(repos: readonly NewRepo[]): string {
  const lines = repos.map(({ name, ...entry }) => `  ${renderEntry(name, entry)}\n`);
  return [
    "# Which repos keep each other informed; `state-syncd config check` checks it.\n",
    "version: 1\n\n",
    "repos:\n",
    ...lines,
    "\n# A change goes out `wait` after the last of its burst,\n",
    "# and at the latest `maxWait` after the first.\n",
    "debounce: { wait: 100ms, maxWait: 1s }\n\n",
    "# How often everything is compared even if nothing was heard of.\n",
    "rescan: 60s\n",
  ].join("");
}

/**
 * Writes a config where there is none, private to the user, and its directory if need be.
 *
 * @throws FaultError CONFIG_EXISTS where anything is at the path, CONFIG_UNWRITABLE; ConfigError
 *   where the result would not load. Nothing has been written then.
 */
export async function writeFirstConfig(
  file: string,
  repos: readonly NewRepo[],
  env: Environment = process.env,
): Promise<Config> {
  const path = resolve(file);
  await refuseExistingConfig(path);
  const bytes = Buffer.from(renderFirstConfig(repos));
  const config = await parseConfig(bytes, path, env);
  const written = await unlessUnwritable(path, async () => {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    crashPoint("config.directory-made");
    return await replaceFile(writableConfig(path), [bytes], { basedOn: undefined });
  });
  if (written === undefined) throw configExists(path);
  crashPoint("config.created");
  return config;
}

/** @throws FaultError CONFIG_EXISTS where anything is at the path, be it a link that leads nowhere. */
export async function refuseExistingConfig(path: string): Promise<void> {
  try {
    await lstat(path);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return;
    throw unwritable(path, error);
  }
  throw configExists(path);
}

function configExists(path: string): FaultError {
  return new FaultError("CONFIG_EXISTS", `there is a config at ${path} already; it stays as it is`, { path });
}

/**
 * Removes what a killed `init` or `repos` left beside the config. Whoever is just editing it is
 * waited for.
 *
 * @returns the paths removed; none where the config cannot be had, or is not ours to edit.
 */
export async function removeConfigTemporaries(file: string): Promise<string[]> {
  try {
    const target = await realpath(file);
    if ((await temporariesOf(target)).length === 0) return [];
    return await withEditLock(target, () => removeTemporaries(target));
  } catch (error) {
    if (!(error instanceof FaultError) && systemCode(error) === undefined) throw error;
    return [];
  }
}

interface Change {
  /** For messages: "add karematch". */
  readonly what: string;
  /** Candidates, best first. */
  readonly texts: readonly string[];
  /** Whether a candidate says what it should, and nothing else. */
  readonly expected: (after: Registry) => boolean;
}

type Plan = (text: string, present: Config) => Change;

async function edit(file: string, env: Environment, plan: Plan): Promise<Config> {
  const path = resolve(file);
  // Says what is the matter with a file that is missing or wrong, before anything is locked.
  await loadConfig(path, env);
  // A link stays, what it leads to is replaced.
  const target = await realpath(path);
  return await withEditLock(target, async () => {
    crashPoint("config.locked");
    await removeTemporaries(target);
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const based = await identify(target);
      const base = await readConfigFile(target);
      const present = await parseConfig(base, path, env);
      const change = plan(base.toString("utf8"), present);
      const { bytes, config } = await firstThatLoads(change, present, env);
      const written = await unlessUnwritable(path, () => replaceFile(writableConfig(target), [bytes], based));
      crashPoint("config.edited");
      if (written !== undefined) return config;
      // An editor, which knows of no lock, was faster: once more, on top of what it wrote.
    }
    throw new FaultError("CONFIG_UNWRITABLE", `${path} is changed by another program again and again`, {
      path,
    });
  });
}

async function identify(
  path: string,
): Promise<ReplaceOptions & { readonly basedOn: FileIdentity | undefined }> {
  try {
    const stats = await stat(path, { bigint: true });
    const like = { mode: Number(stats.mode), uid: Number(stats.uid), gid: Number(stats.gid) };
    return { basedOn: identityOf(stats), like };
  } catch (error) {
    // Reading it says what is the matter.
    if (systemCode(error) === undefined) throw error;
    return { basedOn: undefined };
  }
}

async function firstThatLoads(
  change: Change,
  present: Config,
  env: Environment,
): Promise<{ readonly bytes: Buffer; readonly config: Config }> {
  let refusal: ConfigError | undefined;
  for (const text of change.texts) {
    const bytes = Buffer.from(text);
    try {
      const config = await parseConfig(bytes, present.file, env);
      if (isDeepStrictEqual(timing(config), timing(present)) && change.expected(config.registry))
        return { bytes, config };
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      refusal ??= error;
    }
  }
  const why = refusal?.mistakes.map(
    ({ where, found, expected }) => `${where}: found ${found}, expected ${expected}`,
  );
  const reason = why === undefined ? "edit the file by hand; its shape is too unusual" : why.join("; ");
  throw new FaultError("USAGE", `cannot ${change.what}: ${reason}`, { path: present.file });
}

function timing({ debounceMs, rescanMs, maxBytes }: Config): unknown {
  return { debounceMs, rescanMs, maxBytes };
}

function sameRepos(one: readonly Repo[], other: readonly Repo[]): boolean {
  return isDeepStrictEqual(one, other);
}

async function unlessUnwritable<T>(path: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    throw unwritable(path, error);
  }
}

function unwritable(path: string, cause: unknown): unknown {
  const code = systemCode(cause);
  if (code === undefined) return cause;
  return new FaultError("CONFIG_UNWRITABLE", `cannot write ${path}: ${code}`, { path, cause });
}
