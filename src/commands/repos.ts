import { stat } from "node:fs/promises";
import { basename, join, resolve, sep } from "node:path";
import { type NewRepo, addRepo, removeRepo, unknownRepo } from "../config/edit.ts";
import { toWrittenPath } from "../config/expand.ts";
import { loadConfig } from "../config/load.ts";
import { statIfThere } from "../store/identity.ts";
import { realpathOrSame } from "../store/real-path.ts";
import { findEnclosingRepo, findStateFile } from "../config/scan.ts";
import { nameFrom } from "../core/name.ts";
import {
  CACHE_DIRECTORY,
  CACHE_FILE,
  DEFAULT_STATE_FILE,
  type Registry,
  type Repo,
  findRepo,
  targetsOf,
} from "../core/registry.ts";
import { EXIT, type ExitCode, FaultError, systemCode } from "../errors.ts";
import { visible } from "../visible.ts";
import { stateFilePath } from "../store/state-file.ts";
import { cachePath } from "../store/write-scope.ts";
import { type CommandContext, complain, complainProse, print, printFacts } from "./context.ts";
import { excludeAll, excludePlans } from "./excluding.ts";
import { type Inherited, inheritedBy } from "./worktree.ts";

/** Prints the registered repos in the order of the config. */
export async function reposList(context: CommandContext): Promise<ExitCode> {
  const { registry, file } = await loadConfig(context.paths.config);
  if (context.json) {
    printFacts(context, registry.repos);
    return EXIT.ok;
  }
  if (registry.repos.length === 0) {
    complain(context, `No repo is registered in ${file}. Add one with \`state-syncd repos add <path>\`.`);
    return EXIT.ok;
  }
  const rows = registry.repos.map((repo) => [repo.name, repo.role, visible(repo.writtenPath), remarks(repo)]);
  const table = [["NAME", "ROLE", "PATH", ""], ...rows];
  const widths = [0, 1, 2].map((column) => Math.max(...table.map((row) => (row[column] ?? "").length)));
  for (const row of table) {
    print(
      context,
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    );
  }
  return EXIT.ok;
}

/** What differs from the defaults. */
function remarks(repo: Repo): string {
  if (repo.role === "passive") return "";
  return [
    repo.stateFile === DEFAULT_STATE_FILE ? "" : `shares ${repo.stateFile}`,
    repo.groups.join(" ") === "default" ? "" : `groups ${repo.groups.join(", ")}`,
    repo.publish ? "" : "does not publish",
    repo.subscribe ? "" : "does not subscribe",
    repo.fence ? "fences its peers' texts" : "",
  ]
    .filter((remark) => remark !== "")
    .join("; ");
}

export interface ReposAddOptions {
  /** The directory, relative to the current one. */
  readonly path: string;
  /** Default: made from the directory's name. */
  readonly name?: string | undefined;
  readonly role?: "execution" | "passive" | undefined;
  /** Default: STATE.md, or docs/STATE.md where only that exists. */
  readonly stateFile?: string | undefined;
  readonly groups?: readonly string[] | undefined;
  /** Keep its cache out of git's sight. Undefined: ask, where there is a terminal. */
  readonly exclude?: boolean | undefined;
}

/**
 * Registers a directory.
 *
 * @throws ConfigError, or FaultError REPO_EXISTS, USAGE, CONFIG_MISSING, CONFIG_UNREADABLE,
 *   CONFIG_UNWRITABLE. The config is as it was then.
 */
export async function reposAdd(options: ReposAddOptions, context: CommandContext): Promise<ExitCode> {
  const { registry } = await loadConfig(context.paths.config);
  const directory = resolve(context.cwd, options.path);
  await requireDirectory(directory);
  const path = toWrittenPath(directory, process.env);
  if (path === undefined) {
    throw new FaultError("USAGE", `a config cannot name ${JSON.stringify(directory)}; rename the directory`);
  }
  const registered = await registeredAt(registry, directory);
  if (registered !== undefined) return refuseChange(registered, directory, options, context);

  const inherited = await inheritedBy(directory, registry, options);
  const role = options.role ?? inherited?.entry.role ?? "execution";
  const passive = role === "passive";
  const present = passive ? undefined : await findStateFile(directory);
  const found = present === DEFAULT_STATE_FILE ? undefined : present;
  const stateFile = options.stateFile ?? inherited?.entry.stateFile ?? found;
  const name = options.name ?? inherited?.name ?? nameFrom(basename(directory));
  const entry: NewRepo = {
    name,
    path,
    ...(passive ? { role } : {}),
    ...(options.groups === undefined ? {} : { groups: options.groups }),
    ...inherited?.entry,
    ...(stateFile === undefined ? {} : { stateFile }),
  };
  const plans = await excludePlans([{ path: directory, role }], { exclude: options.exclude }, context);
  if (plans === undefined) {
    complain(context, "Nothing was written.");
    return EXIT.failed;
  }
  const config = await addRepo(context.paths.config, entry);
  const repo = findRepo(config.registry, name);
  if (context.json) printFacts(context, repo);
  else print(context, `Added ${name}: ${path}`);
  if (inherited !== undefined) tellInherited(name, inherited, context);
  tellOvershadowed(registry, directory, name, context);
  if (passive) complain(context, `${name} is passive: never read, never written.`);
  else if (
    options.stateFile === undefined &&
    (await statIfThere(join(directory, stateFile ?? DEFAULT_STATE_FILE))) === undefined
  ) {
    const missing = stateFile ?? DEFAULT_STATE_FILE;
    complain(context, `${name} has no ${missing} yet; its peers see it as soon as it has one.`);
    if ((await findEnclosingRepo(directory)) === undefined) {
      complain(context, `${path} is neither under git nor has it a state file: is it the one you meant?`);
      complain(context, `  If it is not: \`state-syncd repos remove ${name}\`.`);
    }
  } else if (
    options.stateFile === undefined &&
    inherited?.entry.stateFile === undefined &&
    found !== undefined
  ) {
    complain(context, `${name} shares ${found}, the state file that was found there.`);
  }
  return (await excludeAll(plans, context)) ? EXIT.ok : EXIT.failed;
}

/** What nobody has said and yet decides over who sees what. */
function tellInherited(name: string, { from, told }: Inherited, context: CommandContext): void {
  const what = told === "" ? "" : `, and shares as that does: ${told}`;
  complainProse(context, `${name} is a worktree of ${from}${what}.`);
}

/** A state file is its innermost repo's: that of another one around it is refused from now on. */
function tellOvershadowed(
  { repos }: Registry,
  directory: string,
  name: string,
  context: CommandContext,
): void {
  const isWithin = (path: string): boolean => path.startsWith(directory + sep);
  for (const repo of repos) {
    if (repo.role === "passive" || isWithin(repo.path) || !isWithin(stateFilePath(repo))) continue;
    complainProse(
      context,
      `${name} lies around the state file of ${repo.name}, which is not read any more: ${stateFilePath(repo)}`,
    );
    complainProse(context, `If that is not what you want: \`state-syncd repos remove ${name}\`.`, "  ");
  }
}

async function requireDirectory(directory: string): Promise<void> {
  try {
    if ((await stat(directory)).isDirectory()) return;
  } catch (cause) {
    const code = systemCode(cause);
    if (code === undefined) throw cause;
    const why = code === "ENOENT" ? "there is no directory" : `cannot look at (${code})`;
    throw new FaultError("USAGE", `${why} ${directory}; name the repo's directory`, {
      path: directory,
      cause,
    });
  }
  throw new FaultError("USAGE", `${directory} is not a directory; name the repo's directory`, {
    path: directory,
  });
}

async function registeredAt(registry: Registry, directory: string): Promise<Repo | undefined> {
  const real = await realpathOrSame(directory);
  for (const repo of registry.repos) if ((await realpathOrSame(repo.path)) === real) return repo;
  return undefined;
}

/** What is registered as it is asked for is done; to change it is another command's work, or an editor's. */
function refuseChange(
  repo: Repo,
  directory: string,
  options: ReposAddOptions,
  context: CommandContext,
): ExitCode {
  const message = `${directory} is registered already, as ${repo.name} (${repo.writtenPath})`;
  const place = { repo: repo.name, path: repo.path };
  const { name = repo.name, role = repo.role, stateFile = repo.stateFile, groups = repo.groups } = options;
  if (name !== repo.name) {
    const again = `state-syncd repos add ${options.path} --name ${name}`;
    const remedy = `To rename it: \`state-syncd repos remove ${repo.name}\`, then \`${again}\`.`;
    throw new FaultError("REPO_REGISTERED", message, { ...place, remedy });
  }
  if (role !== repo.role || stateFile !== repo.stateFile || groups.join(" ") !== repo.groups.join(" ")) {
    const remedy = `To change it, edit ${context.paths.config}; the daemon follows.`;
    throw new FaultError("REPO_REGISTERED", message, { ...place, remedy });
  }
  if (context.json) printFacts(context, repo);
  complain(context, `${message}: nothing to do.`);
  return EXIT.ok;
}

/**
 * Takes a repo out of the config. Touches nothing in the repo.
 *
 * @throws ConfigError, or FaultError REPO_UNKNOWN, CONFIG_MISSING, CONFIG_UNREADABLE, CONFIG_UNWRITABLE.
 */
export async function reposRemove(
  options: { readonly name: string },
  context: CommandContext,
): Promise<ExitCode> {
  const { registry } = await loadConfig(context.paths.config);
  const repo = findRepo(registry, options.name);
  if (repo === undefined) throw unknownRepo(registry, options.name);
  await removeRepo(context.paths.config, options.name);
  if (context.json) printFacts(context, repo);
  else print(context, `Removed ${repo.name}: ${repo.writtenPath}`);
  if (repo.role === "execution" && (await statIfThere(cachePath(repo))) !== undefined) {
    const cache = `${repo.writtenPath.replace(/\/+$/, "")}/${CACHE_DIRECTORY}/${CACHE_FILE}`;
    complain(context, `Its own cache stays where it is, and is no longer brought up to date: ${cache}`);
  }
  if (targetsOf(registry, repo).length > 0)
    complain(context, "The daemon takes its state out of the other repos' caches.");
  return EXIT.ok;
}
