import { type Config, ConfigError, loadConfig } from "../config/load.ts";
import { findEnclosingRepo } from "../config/scan.ts";
import type { Repo } from "../core/registry.ts";
import { FaultError } from "../errors.ts";
import { repoSettings, type SettingsScope, userSettings } from "../hooks/settings/file.ts";
import { homeOf } from "../paths.ts";
import { isInside } from "../store/anchor.ts";
import { realpathOrSame } from "../store/real-path.ts";
import { type CommandContext, complain, complainProse } from "./context.ts";

/** Whose settings are meant; at most one. */
export interface ScopeOptions {
  /** The default. */
  readonly user: boolean;
  readonly project: boolean;
  readonly local: boolean;
}

export interface HookPlace {
  readonly scope: SettingsScope;
  /** The settings file. */
  readonly file: string;
  /** The repo around the current directory, as far as there is one. */
  readonly repo: string | undefined;
  readonly home: string;
  /** Undefined where there is none that loads. */
  readonly config: Config | undefined;
  /** What keeps the hooks from telling anything. */
  readonly noConfig: FaultError | undefined;
}

/**
 * The settings file that is meant.
 *
 * @throws FaultError USAGE where two are named, or no repo is around; REPO_PASSIVE.
 */
export async function findPlace(options: ScopeOptions, context: CommandContext): Promise<HookPlace> {
  const scope = scopeOf(options);
  const home = homeOf(process.env);
  const { config, noConfig } = await configIfAny(context);
  const registered = config === undefined ? undefined : await repoAround(config, context.cwd);
  const isPassive = registered?.role === "passive";
  const around = registered?.path ?? (await findEnclosingRepo(context.cwd));
  // Nothing is read in there, either.
  const repo = isPassive ? undefined : around;
  const found = { scope, repo, home, config, noConfig };
  if (scope === "user") return { ...found, file: userSettings(home, process.env) };
  if (isPassive) {
    const message = `${registered.name} is a passive repo: nothing is written there`;
    throw new FaultError("REPO_PASSIVE", message, { repo: registered.name, path: registered.path });
  }
  if (repo === undefined) {
    throw new FaultError("USAGE", `${context.cwd} lies in no repo`, {
      path: context.cwd,
      remedy: `Run it in the repo that --${scope} is about; without the option it is about all of yours.`,
    });
  }
  return { ...found, file: repoSettings(repo, scope) };
}

function scopeOf({ user, project, local }: ScopeOptions): SettingsScope {
  if ([user, project, local].filter(Boolean).length > 1) {
    throw new FaultError("USAGE", "only one of --user, --project and --local can be meant");
  }
  if (project) return "project";
  return local ? "local" : "user";
}

async function configIfAny({ paths }: CommandContext): Promise<Pick<HookPlace, "config" | "noConfig">> {
  try {
    return { config: await loadConfig(paths.config), noConfig: undefined };
  } catch (error) {
    if (!(error instanceof FaultError)) throw error;
    return { config: undefined, noConfig: error };
  }
}

/** The innermost registered repo that a directory lies in. */
async function repoAround({ registry }: Config, directory: string): Promise<Repo | undefined> {
  const here = await realpathOrSame(directory);
  const around: { readonly repo: Repo; readonly length: number }[] = [];
  for (const repo of registry.repos) {
    const root = await realpathOrSame(repo.path);
    if (here === root || isInside(here, root)) around.push({ repo, length: root.length });
  }
  return around.toSorted((one, other) => other.length - one.length)[0]?.repo;
}

/** The hooks are in place, and have nothing to tell yet. */
export function tellWhatIsMissing({ config, noConfig }: HookPlace, context: CommandContext): void {
  if (noConfig !== undefined) {
    complain(context, "Until this is mended the hooks have nothing to tell:");
    const lines = noConfig instanceof ConfigError ? noConfig.lines : [noConfig.message];
    for (const line of [...lines, noConfig.fault.remedy]) complainProse(context, line, "  ");
  } else if (config?.registry.repos.length === 0) {
    const advice = "Register some with `state-syncd repos add <path>`.";
    complainProse(context, `No repo is registered yet, so the hooks have nothing to tell. ${advice}`);
  }
}
