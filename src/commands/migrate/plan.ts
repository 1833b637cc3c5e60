import type { Config } from "../../config/load.ts";
import type { Registry, Repo } from "../../core/registry.ts";
import { lookAtGit } from "../../doctor/git.ts";
import type { Finding } from "../../doctor/finding.ts";
import { lookAtImports } from "../../doctor/imports.ts";
import { FaultError } from "../../errors.ts";
import { homeOf } from "../../paths.ts";
import { answering } from "../../store/disks.ts";
import { planExclude } from "../../store/exclude.ts";
import type { CommandContext } from "../context.ts";
import { type AdoptionPlan, planAdoptions } from "./caches.ts";
import { type HookPlan, type HookScope, planHooks } from "./hooks.ts";
import { findLeftovers, type Leftovers } from "./mentions.ts";
import { futureConfig, type RepoPlan } from "./repos.ts";
import type { FoundMap } from "./scripts.ts";
import { kindAt } from "../../store/small-text.ts";

export interface MigrationWish {
  /** Undefined leaves the hooks alone. */
  readonly hooks: HookScope | undefined;
  readonly exclude: boolean | undefined;
}

/** All that is to be done, and what is left to the user. */
export interface Migration {
  readonly found: FoundMap;
  readonly repos: RepoPlan;
  /** As it will be. */
  readonly config: Config;
  /** The map's repos that take part, and are there. */
  readonly active: readonly Repo[];
  readonly caches: AdoptionPlan;
  readonly hooks: HookPlan;
  /** The repos whose caches git sees, and was not told to see. */
  readonly visible: readonly Repo[];
  /** The repos whose caches git tracks. */
  readonly tracked: readonly Repo[];
  /** What imports a cache. */
  readonly imports: readonly Finding[];
  readonly leftovers: Leftovers;
  /** Nothing is left to be done by this command. */
  readonly done: boolean;
}

const NO_HOOKS: HookPlan = { files: [], byHand: [], left: new Set(), unread: [], warnings: [] };

/** Looks at everything and changes nothing. @throws ConfigError or FaultError. */
export async function planMigration(
  found: FoundMap,
  repos: RepoPlan,
  wish: MigrationWish,
  context: CommandContext,
): Promise<Migration> {
  const config = await futureConfig(repos, context.paths.config);
  const active = await activeOf(found, repos, config.registry);
  const caches = await planAdoptions(config, context);
  const hooks = wish.hooks === undefined ? NO_HOOKS : await planHooks(active, wish.hooks, context);
  const visible: Repo[] = [];
  for (const repo of active)
    if (((await planExclude(repo.path))?.missing.length ?? 0) > 0) visible.push(repo);
  const warnings = (await lookAtGit({ repos: active })).filter(({ level }) => level === "warning");
  const tracked = active.filter(({ name }) => warnings.some(({ about }) => about === name));
  const changed = new Map(hooks.files.map(({ file, after }) => [file.path, after]));
  const { mentions, ...others } = await findLeftovers(active, changed);
  // What is named as a hook to take out is not named again.
  const leftovers = {
    ...others,
    mentions: mentions.filter((at) => !hooks.left.has(`${at.file}:${at.line}`)),
  };
  const env = process.env;
  const imports = await lookAtImports(config.registry, { home: homeOf(env), env }, active);
  const done =
    repos.additions.length === 0 &&
    caches.adoptions.length === 0 &&
    hooks.files.length === 0 &&
    (wish.exclude !== true || visible.length === 0);
  return { found, repos, config, active, caches, hooks, visible, tracked, imports, leftovers, done };
}

async function activeOf(
  { map }: FoundMap,
  { additions, left }: RepoPlan,
  { repos }: Registry,
): Promise<Repo[]> {
  const names = new Set([
    ...additions.map(({ name }) => name),
    ...left.flatMap(({ repo }) => (repo === undefined ? [] : [repo.name])),
  ]);
  const meant = repos.filter(({ name, role }) => names.has(name) && role === "execution");
  if (map.entries.length > 0 && repos.length === 0)
    throw new FaultError("USAGE", "no repo of the map can be registered");
  const there: Repo[] = [];
  for (const repo of await answering(meant)) if ((await kindAt(repo.path)) === "directory") there.push(repo);
  return there;
}
