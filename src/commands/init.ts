import { stat } from "node:fs/promises";
import { dirname, relative, resolve } from "node:path";
import { type NewRepo, refuseExistingConfig, renderFirstConfig, writeFirstConfig } from "../config/edit.ts";
import { expandTilde, toWrittenPath } from "../config/expand.ts";
import { type FoundRepo, type Scan, findEnclosingRepo, scanForRepos } from "../config/scan.ts";
import { DEFAULT_STATE_FILE } from "../core/registry.ts";
import { EXIT, type ExitCode, FaultError, systemCode } from "../errors.ts";
import { type Answer, ask, canAsk } from "./ask.ts";
import type { Choice } from "./choose.ts";
import { type CommandContext, complain, complainProse, print, printFacts } from "./context.ts";
import { excludeAll, excludePlans } from "./excluding.ts";
import { homeOf } from "../paths.ts";

export interface InitOptions {
  /** Where to look for repos, relative to the current directory. */
  readonly scan?: string | undefined;
  /** Write without asking. */
  readonly yes: boolean;
  /** Keep the caches out of git's sight. Undefined: ask, where there is a terminal. */
  readonly exclude?: boolean | undefined;
}

/**
 * Writes a first config from the repos that are found.
 *
 * @throws FaultError CONFIG_EXISTS, CONFIG_UNWRITABLE, or USAGE where there is nothing to scan.
 */
export async function init(options: InitOptions, context: CommandContext): Promise<ExitCode> {
  const file = context.paths.config;
  await refuseExistingConfig(file);
  const directory = await chooseDirectory(options.scan, context.cwd);
  complain(context, `Looking for repos in ${directory} ...`);
  const scan = await scanForRepos(directory);
  const found = scan.repos.filter(({ path }) => toWrittenPath(path, process.env) !== undefined);
  reportGaps(scan, found, context);
  if (found.length === 0) {
    throw new FaultError("USAGE", `no repos found in ${directory}; name their parent with \`--scan\``, {
      path: directory,
    });
  }
  const asks = !options.yes && canAsk(context);
  const chosen = asks ? await chooseParts(found, directory, context) : found;
  if (!asks) reportFound(found, context);
  const repos = chosen?.map(toEntry) ?? [];
  const consent = repos.length === 0 ? "no" : options.yes ? "yes" : await askToWrite(file, repos, context);
  const plans = consent === "yes" ? await excludePlans(chosen ?? [], options, context) : [];
  if (consent !== "yes" || plans === undefined) {
    if (context.json) printFacts(context, asJson(false, file, scan, repos));
    const advice =
      consent === "nobody"
        ? "Nothing was written: there is no terminal to ask on. Add `--yes` to write it."
        : "Nothing was written.";
    complain(context, advice);
    return consent === "nobody" ? EXIT.usage : EXIT.failed;
  }
  await writeFirstConfig(file, repos);
  if (context.json) printFacts(context, asJson(true, file, scan, repos));
  else print(context, `Wrote ${file} with ${count(repos.length, "repo")}.`);
  const excluded = await excludeAll(plans, context);
  complain(context, "Next: `state-syncd service install` has the daemon run, from each login on.");
  complain(context, "To see it work first: `state-syncd run`, until ^C.");
  return excluded ? EXIT.ok : EXIT.failed;
}

/** Lets somebody look at what was found, and change it; undefined where they want none of it. */
async function chooseParts(
  found: readonly FoundRepo[],
  directory: string,
  context: CommandContext,
): Promise<readonly FoundRepo[] | undefined> {
  const { choose } = await import("./choose.ts");
  complain(
    context,
    `Found ${count(found.length, "repo")}. Those with a state file share it with each other.`,
  );
  const choices = found.map(({ name, path, stateFile, role }): Choice => {
    const about = `${stateFile ?? "no state file"}, in ${relative(directory, path) || homeAsTilde(path)}`;
    return { name, part: role === "passive" ? "passive" : "share", about };
  });
  const parts = await choose(choices, context);
  if (parts === undefined) return undefined;
  const chosen = found.flatMap((repo, at): FoundRepo[] => {
    if (parts[at] === "leave out") return [];
    return [{ ...repo, role: parts[at] === "passive" ? "passive" : "execution" }];
  });
  const passive = chosen.filter(({ role }) => role === "passive").length;
  const out = found.length - chosen.length;
  complain(context, `${chosen.length - passive} share their state, ${passive} passive, ${out} left out.`);
  return chosen;
}

function homeAsTilde(path: string): string {
  const home = process.env["HOME"] ?? "";
  return home !== "" && path.startsWith(`${home}/`) ? `~${path.slice(home.length)}` : path;
}

/** The directory that was named; else the one that the current repo stands in; else this one. */
async function chooseDirectory(named: string | undefined, cwd: string): Promise<string> {
  if (named === undefined) {
    const repo = await findEnclosingRepo(cwd);
    return repo === undefined ? resolve(cwd) : dirname(repo);
  }
  // Not every shell expands the tilde in `--scan=~/repos`.
  const directory = resolve(cwd, expandTilde(named, homeOf(process.env)));
  if (await isDirectory(directory)) return directory;
  throw new FaultError("USAGE", `there is no directory ${directory} to scan`, { path: directory });
}

function toEntry({ name, path: absolute, role, stateFile }: FoundRepo): NewRepo {
  const path = toWrittenPath(absolute, process.env) ?? absolute;
  if (role === "passive") return { name, path, role };
  return stateFile === undefined || stateFile === DEFAULT_STATE_FILE
    ? { name, path }
    : { name, path, stateFile };
}

function reportGaps(scan: Scan, found: readonly FoundRepo[], context: CommandContext): void {
  for (const path of scan.unreadable) complain(context, `Left out ${path}: it cannot be read.`);
  for (const { path } of scan.repos.filter((repo) => !found.includes(repo)))
    complain(context, `Left out ${JSON.stringify(path)}: a config cannot name such a path.`);
  if (!scan.complete) complain(context, "There is more than could be looked at; scan a smaller directory.");
}

function reportFound(repos: readonly FoundRepo[], context: CommandContext): void {
  const width = Math.max(...repos.map(({ name }) => name.length));
  for (const { name, path, stateFile } of repos) {
    const what =
      stateFile === undefined
        ? "no state file, so passive: never read, never written"
        : `shares ${stateFile}`;
    complainProse(context, `  ${name.padEnd(width)}  ${path}  (${what})`, " ".repeat(width + 4), "");
  }
}

async function askToWrite(file: string, repos: readonly NewRepo[], context: CommandContext): Promise<Answer> {
  const text = renderFirstConfig(repos);
  if (canAsk(context)) for (const line of ["", ...text.split("\n")]) complain(context, line);
  else if (!context.json) context.stdout.write(text);
  return await ask(`Write this to ${file}?`, context);
}

function asJson(written: boolean, config: string, scan: Scan, repos: readonly NewRepo[]): unknown {
  return {
    written,
    config,
    scanned: scan.directory,
    complete: scan.complete,
    unreadable: scan.unreadable,
    repos,
  };
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return false;
  }
}
