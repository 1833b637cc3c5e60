import { type Fault, FaultError } from "../../errors.ts";
import { type HookProgram, programAt, SHARED_PROGRAM } from "../../hooks/settings/own-calls.ts";
import {
  findHooks,
  type HookChange,
  installHooks,
  type OldHook,
  withoutOldHooks,
} from "../../hooks/settings/edit.ts";
import {
  edited,
  readSettings,
  repoSettings,
  type SettingsFile,
  type SettingsScope,
  userSettings,
  writeSettings,
} from "../../hooks/settings/file.ts";
import type { Repo } from "../../core/registry.ts";
import { homeOf } from "../../paths.ts";
import { findProgram } from "../../service/program.ts";
import { keepCopy, USERS_OWN } from "../../store/copies.ts";
import { removeTemporaries } from "../../store/temporary.ts";
import type { CommandContext } from "../context.ts";
import { oldThreshold } from "../old-threshold.ts";

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
  /** The same, file and line alone, as the files are going to be. */
  readonly left: ReadonlySet<string>;
  /** Files that cannot be read, or are not understood and mention the old utility. */
  readonly unread: readonly FaultError[];
  /** What will one day end the program that the hooks name, in words. */
  readonly warnings: readonly string[];
}

/** One settings file, and whose it is. */
interface Place {
  readonly path: string;
  readonly owner: string;
  /** The project's root; undefined for the user's own. */
  readonly project: string | undefined;
  readonly scope: SettingsScope;
}

export const MENTION = /checkpoint_reminder|state_sync(?!d)/;

/** How the old utility is wired in the repos and for the user, and what takes its place. Writes nothing. */
export async function planHooks(
  repos: readonly Repo[],
  scope: HookScope,
  context: CommandContext,
): Promise<HookPlan> {
  const home = homeOf(process.env);
  const users = userSettings(home, process.env);
  const planner = new Planner(home, context);
  const [own] = await planner.read([{ path: users, owner: USERS_OWN, project: undefined, scope: "user" }]);
  const projects: Read[][] = [];
  for (const repo of repos)
    projects.push(await planner.read(placesOf(repo).filter(({ path }) => path !== users)));
  const all = projects.flat();
  const isOld = ({ old }: Read): boolean => old.some(({ call }) => call.whole);
  // Where the user's own cannot be changed, what stands in the projects is replaced there.
  const inUsers = own !== undefined && (own.hasOwn || isOld(own) || (scope === "user" && all.some(isOld)));
  if (own !== undefined) {
    const every = own.every ?? all.find((read) => read.every !== undefined)?.every;
    await planner.replace(own, inUsers && !own.hasOwn, every);
  }
  for (const project of projects) {
    // Once a project: of two files that have ours, both would be called.
    let isWired = inUsers || project.some(({ hasOwn }) => hasOwn);
    for (const read of project) {
      await planner.replace(read, isOld(read) && !isWired, read.every);
      isWired ||= isOld(read);
    }
  }
  return planner.plan;
}

function placesOf({ name, path }: Repo): Place[] {
  return (["project", "local"] as const).map((scope) => {
    return { path: repoSettings(path, scope), owner: name, project: path, scope };
  });
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
  readonly #context: CommandContext;
  readonly #files: SettingsPlan[] = [];
  readonly #byHand: string[] = [];
  readonly #left = new Set<string>();
  readonly #unread: FaultError[] = [];
  #warnings: readonly string[] = [];

  constructor(home: string, context: CommandContext) {
    this.#home = home;
    this.#context = context;
  }

  get plan(): HookPlan {
    const [files, byHand, unread] = [this.#files, this.#byHand, this.#unread];
    return { files, byHand, left: this.#left, unread, warnings: this.#warnings };
  }

  async read(places: readonly Place[]): Promise<Read[]> {
    const found: Read[] = [];
    for (const place of places) {
      const read = await this.#read(place);
      if (read !== undefined) found.push(read);
    }
    return found;
  }

  async #read(place: Place): Promise<Read | undefined> {
    let text = "";
    try {
      const file = await readSettings(place.path);
      ({ text } = file);
      const { own, old } = edited(file, findHooks);
      for (const { call, line, command } of old)
        if (!call.whole) this.#byHand.push(`${place.path}:${line}: ${command}`);
      return {
        place,
        file,
        old,
        hasOwn: own.length > 0,
        every: await oldThreshold(old, { project: place.project, home: this.#home }),
      };
    } catch (error) {
      if (!(error instanceof FaultError)) throw error;
      // What has nothing to do with the old utility is none of this command's business.
      if (error.fault.code !== "SETTINGS_INVALID" || MENTION.test(text)) this.#unread.push(error);
      return undefined;
    }
  }

  /** @param installs ours go in here as well. */
  async replace({ place, file }: Read, installs: boolean, every: number | undefined): Promise<void> {
    const program = installs ? await this.#programFor(place) : undefined;
    const { text, changes } = edited(file, (before) =>
      program === undefined
        ? withoutOldHooks(before)
        : installHooks(before, { program, every, replaceOld: true }),
    );
    for (const { call, line } of edited({ ...file, text }, findHooks).old)
      if (!call.whole) this.#left.add(`${place.path}:${line}`);
    if (text !== file.text) this.#files.push({ file, owner: place.owner, after: text, changes });
  }

  /** A file that teammates share names nothing of this machine. */
  async #programFor({ scope }: Place): Promise<HookProgram> {
    if (scope === "project") return SHARED_PROGRAM;
    const { paths } = this.#context;
    const { node, script, warnings } = await findProgram({
      node: process.execPath,
      script: process.argv[1] ?? "",
      paths,
      home: this.#home,
      env: process.env,
      again: scope === "local" ? "state-syncd hook install --local" : "state-syncd hook install",
    });
    this.#warnings = warnings;
    return programAt(node, script, paths.configChosen ? paths.config : undefined);
  }
}

export interface SettingsDone {
  readonly plan: SettingsPlan;
  /** Undefined where there was no file before. */
  readonly copy: string | undefined;
}

export interface SettingsFailed {
  readonly plan: SettingsPlan;
  readonly fault: Fault;
}

/** Changes each file of which a copy could be kept; what fails keeps no other from being changed. */
export async function rewire(
  { files }: HookPlan,
  context: CommandContext,
): Promise<{ readonly done: readonly SettingsDone[]; readonly failed: readonly SettingsFailed[] }> {
  const done: SettingsDone[] = [];
  const failed: SettingsFailed[] = [];
  for (const plan of files) {
    try {
      done.push({ plan, copy: await replaceSettings(plan, context) });
    } catch (error) {
      if (!(error instanceof FaultError)) throw error;
      failed.push({ plan, fault: error.fault });
    }
  }
  return { done, failed };
}

/** @returns where the file is kept as it was. @throws FaultError SETTINGS_UNWRITABLE or COPY_FAILED. */
async function replaceSettings(
  { file, owner, after }: SettingsPlan,
  { paths }: CommandContext,
): Promise<string | undefined> {
  const scope = { paths, registry: { repos: [] } };
  const copy = file.exists
    ? await keepCopy(owner, Buffer.from(file.text), "settings", new Date(), scope)
    : undefined;
  // What a killed run has left beside it. Of two at once one is told that it cannot write, and nothing is lost.
  await removeTemporaries(file.target);
  if (await writeSettings(file, after)) return copy;
  // What was shown, and agreed to, was another change.
  throw new FaultError("SETTINGS_UNWRITABLE", `${file.path} was changed by another program just now`, {
    path: file.path,
    remedy: "Look at it, and run this again.",
  });
}
