import { join } from "node:path";
import type { Repo } from "../core/registry.ts";
import { FaultError } from "../errors.ts";
import { SettingsError } from "../hooks/jsonc.ts";
import { scriptPath, thresholdIn } from "../hooks/old-calls.ts";
import { type HookProgram, programAt, SHARED_PROGRAM } from "../hooks/own-calls.ts";
import {
  findHooks,
  type HookChange,
  installHooks,
  type OldHook,
  withoutOldHooks,
} from "../hooks/settings.ts";
import { homeOf } from "../paths.ts";
import { stablePath, waysByPath, waysToNode } from "../service/stable-path.ts";
import { USERS_OWN } from "../store/copies.ts";
import type { CommandContext } from "./context.ts";
import { readSettings, replaceSettings, type SettingsFile } from "./migrate-settings.ts";
import { smallText } from "./small-text.ts";

/** Where our hooks go: into the files in which the old ones stood, or into the user's own. */
export type HookScope = "project" | "user";

export interface SettingsPlan {
  readonly file: SettingsFile;
  /** The repo whose file it is, or USERS_OWN. */
  readonly owner: string;
  readonly after: string;
  readonly changes: readonly HookChange[];
}

export interface HookPlan {
  readonly files: readonly SettingsPlan[];
  /** What is left for the user, each with its file and line. */
  readonly byHand: readonly string[];
  /** That a file is not understood, which mentions the old utility. */
  readonly unread: readonly string[];
}

/** One settings file, and whose it is. */
interface Place {
  readonly path: string;
  readonly owner: string;
  /** The project's root; undefined for the user's own. */
  readonly project: string | undefined;
  /** Others share it, by git. */
  readonly shared: boolean;
}

const MENTIONS = /checkpoint_reminder|state_sync(?!d)/;

/** How the old utility is wired in the repos and for the user, and what takes its place. Writes nothing. */
export async function planHooks(
  repos: readonly Repo[],
  scope: HookScope,
  context: CommandContext,
): Promise<HookPlan> {
  const home = homeOf(process.env);
  const users: Place = {
    path: join(home, ".claude", "settings.json"),
    owner: USERS_OWN,
    project: undefined,
    shared: false,
  };
  const planner = new Planner(home, await programHere(home, context));
  const [own] = await planner.read([users]);
  const projects = await Promise.all(
    repos.map(async (repo) => await planner.read(placesOf(repo).filter(({ path }) => path !== users.path))),
  );
  const all = projects.flat();
  const isOld = ({ old }: Read): boolean => old.some(({ call }) => call.whole);
  // Where the user's own cannot be changed, what stands in the projects is replaced there.
  const inUsers = own !== undefined && (own.hasOwn || isOld(own) || (scope === "user" && all.some(isOld)));
  if (own !== undefined) {
    const every = own.every ?? all.find((read) => read.every !== undefined)?.every;
    planner.replace(own, inUsers && !own.hasOwn, every);
  }
  for (const project of projects) {
    // Once a project: of two files that have ours, both would be called.
    let isWired = inUsers || project.some(({ hasOwn }) => hasOwn);
    for (const read of project) {
      planner.replace(read, isOld(read) && !isWired, read.every);
      isWired ||= isOld(read);
    }
  }
  return planner.plan;
}

function placesOf({ name, path }: Repo): Place[] {
  const at = (file: string, shared: boolean): Place => {
    return { path: join(path, ".claude", file), owner: name, project: path, shared };
  };
  return [at("settings.json", true), at("settings.local.json", false)];
}

interface Read {
  readonly place: Place;
  readonly file: SettingsFile;
  readonly old: readonly OldHook[];
  readonly hasOwn: boolean;
  /** After how many writes the old script reminded. */
  readonly every: number | undefined;
}

class Planner {
  readonly #home: string;
  readonly #program: HookProgram;
  readonly #files: SettingsPlan[] = [];
  readonly #byHand: string[] = [];
  readonly #unread: string[] = [];

  constructor(home: string, program: HookProgram) {
    this.#home = home;
    this.#program = program;
  }

  get plan(): HookPlan {
    return { files: this.#files, byHand: this.#byHand, unread: this.#unread };
  }

  async read(places: readonly Place[]): Promise<Read[]> {
    const found: Read[] = [];
    for (const place of places) {
      const file = await readSettings(place.path);
      if (file === undefined) {
        this.#unread.push(`${place.path} cannot be read as text`);
        continue;
      }
      try {
        const { own, old } = findHooks(file.text);
        for (const { call, line, command } of old)
          if (!call.whole)
            this.#byHand.push(`${place.path}:${line} does more than call the old script: ${command}`);
        found.push({ place, file, old, hasOwn: own.length > 0, every: await this.#thresholdOf(old, place) });
      } catch (error) {
        if (!(error instanceof SettingsError)) throw error;
        if (MENTIONS.test(file.text)) this.#unread.push(`${place.path}:${error.line}: ${error.message}`);
      }
    }
    return found;
  }

  /** @param installs ours go in here as well. */
  replace({ place, file }: Read, installs: boolean, every: number | undefined): void {
    const program = place.shared ? SHARED_PROGRAM : this.#program;
    const { text, changes } = installs
      ? installHooks(file.text, { program, every, replaceOld: true })
      : withoutOldHooks(file.text);
    if (text !== file.text) this.#files.push({ file, owner: place.owner, after: text, changes });
  }

  async #thresholdOf(old: readonly OldHook[], { project }: Place): Promise<number | undefined> {
    for (const { call } of old) {
      if (call.kind !== "checkpoint script") continue;
      const path = scriptPath(call.script, { project, home: this.#home });
      const text = path === undefined ? undefined : await smallText(path);
      const threshold = text === undefined ? undefined : thresholdIn(text);
      if (threshold !== undefined) return threshold;
    }
    return undefined;
  }
}

/** By ways that outlive upgrades. */
async function programHere(home: string, { paths }: CommandContext): Promise<HookProgram> {
  const { env } = process;
  const node = await stablePath(process.execPath, waysToNode(home, env), env);
  const script = await stablePath(process.argv[1] ?? "", waysByPath("state-syncd", env), env);
  return programAt(node.path, script.path, paths.configChosen ? paths.config : undefined);
}

export interface SettingsDone {
  readonly plan: SettingsPlan;
  /** Undefined where there was no file before. */
  readonly copy: string | undefined;
}

/** Changes each file of which a copy could be kept; what fails keeps no other from being changed. */
export async function rewire(
  { files }: HookPlan,
  context: CommandContext,
): Promise<{ readonly done: readonly SettingsDone[]; readonly failed: readonly FaultError[] }> {
  const done: SettingsDone[] = [];
  const failed: FaultError[] = [];
  for (const plan of files) {
    try {
      const copy = await replaceSettings(plan.file, plan.after, plan.owner, context);
      done.push({ plan, copy });
    } catch (error) {
      if (!(error instanceof FaultError)) throw error;
      failed.push(error);
    }
  }
  return { done, failed };
}
