import { relative } from "node:path";
import { EXIT, type ExitCode, FaultError } from "../errors.ts";
import { untracking } from "../doctor/git.ts";
import { ask, canAsk } from "./ask.ts";
import { type CommandContext, complain, complainProse, print, printFacts } from "./context.ts";
import { excludePlans } from "./excluding.ts";
import { carryOut, type Outcome } from "./migrate/work.ts";
import { type Migration, type MigrationWish, planMigration } from "./migrate/plan.ts";
import { type Addition, planRepos, type RepoPlan } from "./migrate/repos.ts";
import { findMap } from "./migrate/scripts.ts";
import { tellLeftovers, tellNext, tellPlan } from "./migrate/words.ts";

export interface MigrateOptions {
  /** The script, or directories to look for it in. */
  readonly scripts: readonly string[];
  readonly dryRun: boolean;
  readonly yes: boolean;
  /** Keep the caches out of git's sight. Undefined: ask, where there is a terminal. */
  readonly exclude: boolean | undefined;
  /** False leaves the agents' hooks alone. */
  readonly hooks: boolean;
  /** Our hooks go into the user's settings ... */
  readonly user: boolean;
  /** ... or, as is the default, to where the old ones are. */
  readonly project: boolean;
}

/**
 * Brings users of `utils/state_sync.py` over: its map into the config, its caches into the new
 * form, its hooks out of the agents' settings. Says first what it will do.
 *
 * @throws ConfigError or FaultError; nothing has been written then.
 */
export async function migrate(options: MigrateOptions, context: CommandContext): Promise<ExitCode> {
  if (options.user && options.project)
    throw new FaultError("USAGE", "--user and --project exclude each other");
  const found = await findMap(options.scripts, context);
  const wish: MigrationWish = {
    hooks: options.hooks ? (options.user ? "user" : "project") : undefined,
    exclude: options.exclude,
  };
  const asks = !options.dryRun && !options.yes && canAsk(context);
  const repos = await planRepos(found.map, context.paths.config);
  const chosen = asks ? await chooseParts(repos, context) : repos;
  if (chosen === undefined) return stop(context);
  const migration = await planMigration(found, chosen, wish, context);
  if (!context.json) await tellPlan(migration, wish, context);
  if (migration.done || options.dryRun) return tellEnd(migration, context);

  if (!options.yes && canAsk(context)) complain(context, "");
  const consent = options.yes ? "yes" : await ask("Do all this?", context);
  if (consent === "nobody") {
    if (context.json) printFacts(context, asFacts(migration, undefined));
    complain(context, "Nothing was done: there is no terminal to ask on. Add `--yes` to do it.");
    return EXIT.usage;
  }
  if (consent !== "yes") return stop(context);
  const excludes = await excludePlans(migration.active, options, context);
  if (excludes === undefined) return stop(context);
  const outcome = await carryOut(migration, excludes, context);
  const after = outcome.isComplete
    ? await planMigration(found, await replan(migration, context), wish, context)
    : migration;
  if (context.json) printFacts(context, asFacts(after, outcome));
  else {
    tellLeftovers(after, context);
    if (outcome.isComplete) tellNext(after, await daemonRuns(context), context);
  }
  return outcome.isComplete && isUnderstood(migration) ? EXIT.ok : EXIT.failed;
}

async function daemonRuns({ paths }: CommandContext): Promise<boolean> {
  const { runningDaemon } = await import("../store/lock.ts");
  return (await runningDaemon(paths)) !== undefined;
}

async function replan({ found }: Migration, { paths }: CommandContext): Promise<RepoPlan> {
  return await planRepos(found.map, paths.config);
}

function stop(context: CommandContext): ExitCode {
  complain(context, "Nothing was done.");
  return EXIT.failed;
}

/** Where there is nothing to do, or nothing is to be done. */
function tellEnd(migration: Migration, context: CommandContext): ExitCode {
  if (context.json) printFacts(context, asFacts(migration, undefined));
  else {
    tellLeftovers(migration, context);
    print(context, "");
    if (!migration.done) print(context, "This was a dry run: nothing was written.");
    else if (isUnderstood(migration) && migration.hooks.byHand.length === 0)
      print(context, "Everything is done: nothing is left to migrate.");
    else print(context, "Everything else is done.");
  }
  return isUnderstood(migration) ? EXIT.ok : EXIT.failed;
}

function isUnderstood({ repos, hooks }: Migration): boolean {
  return repos.unread.length === 0 && hooks.unread.length === 0;
}

/** Lets somebody look at what the map names, and change it; undefined where they want none of it. */
async function chooseParts(plan: RepoPlan, context: CommandContext): Promise<RepoPlan | undefined> {
  if (plan.additions.length === 0) return plan;
  const { choose } = await import("./choose.ts");
  complainProse(
    context,
    "The script's map names these repos, which the config does not have yet. Those that share have their state copied to each other.",
  );
  const choices = plan.additions.map(({ name, part, path, stateFile, missing }) => {
    const what = missing ? "not there now" : (stateFile ?? "no state file");
    return { name, part, about: `${what}, ${shortest(path, context.cwd)}` };
  });
  const parts = await choose(choices, context);
  complain(context, "");
  if (parts === undefined) return undefined;
  const additions = plan.additions.flatMap((addition, at): Addition[] => {
    const part = parts[at] ?? addition.part;
    return part === "leave out" ? [] : [{ ...addition, part }];
  });
  return { ...plan, additions };
}

function shortest(path: string, cwd: string): string {
  const fromHere = relative(cwd, path);
  return fromHere === "" || fromHere.startsWith("../..") ? path : fromHere;
}

function asFacts(
  { found, repos, caches, hooks, tracked, imports, leftovers, done }: Migration,
  outcome: Outcome | undefined,
): unknown {
  return {
    script: found.script,
    copies: found.copies,
    done: outcome?.isComplete ?? done,
    repos: repos.additions.map(({ name, oldName, path, part, stateFile, missing }) => {
      return { name, oldName, path, part, stateFile: stateFile ?? null, missing };
    }),
    left: repos.left.map(({ oldName, why, repo }) => ({ oldName, why, name: repo?.name ?? null })),
    unread: repos.unread.map(({ name, line, why }) => ({ name: name ?? null, line, why })),
    caches: caches.adoptions.map(({ repo, ...facts }) => ({ repo: repo.name, ...facts })),
    settings: hooks.files.map(({ file, changes }) => ({ path: file.path, changes })),
    byHand: [...hooks.byHand, ...hooks.unread.map(({ message }) => message)],
    tracked: tracked.map(({ name, path }) => ({ repo: name, remedy: untracking(path) })),
    imports: imports.map(({ message, remedy }) => ({ message, remedy })),
    ...leftovers,
    ...(outcome === undefined ? {} : { did: outcome.done, open: outcome.open }),
  };
}
