import { stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { createInterface } from "node:readline/promises";
import { type NewRepo, refuseExistingConfig, renderFirstConfig, writeFirstConfig } from "../config/edit.ts";
import { toWrittenPath } from "../config/expand.ts";
import { type FoundRepo, type Scan, findEnclosingRepo, scanForRepos } from "../config/scan.ts";
import { DEFAULT_STATE_FILE } from "../core/registry.ts";
import { EXIT, type ExitCode, FaultError, systemCode } from "../errors.ts";
import { visible } from "../visible.ts";
import { type CommandContext, complain, print, printFacts } from "./context.ts";

export interface InitOptions {
  /** Where to look for repos, relative to the current directory. */
  readonly scan?: string | undefined;
  /** Write without asking. */
  readonly yes: boolean;
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
  const { repos, unwritable } = toEntries(scan.repos);
  reportGaps(scan, unwritable, context);
  if (repos.length === 0) {
    throw new FaultError("USAGE", `no repos found in ${directory}; name their parent with \`--scan\``, {
      path: directory,
    });
  }
  reportFound(scan.repos, context);

  const consent = options.yes ? "yes" : await askToWrite(file, repos, context);
  if (consent !== "yes") {
    if (context.json) printFacts(context, asJson(false, file, scan, repos));
    const advice =
      consent === "no"
        ? "Nothing was written."
        : "Nothing was written: there is no terminal to ask on. Add `--yes` to write it.";
    complain(context, advice);
    return consent === "no" ? EXIT.failed : EXIT.usage;
  }
  await writeFirstConfig(file, repos);
  if (context.json) printFacts(context, asJson(true, file, scan, repos));
  else print(context, `Wrote ${file} with ${count(repos.length, "repo")}.`);
  complain(context, "Next: start the daemon with `state-syncd run`.");
  return EXIT.ok;
}

/** The directory that was named; else the one that the current repo stands in; else this one. */
async function chooseDirectory(named: string | undefined, cwd: string): Promise<string> {
  if (named === undefined) {
    const repo = await findEnclosingRepo(cwd);
    return repo === undefined ? resolve(cwd) : dirname(repo);
  }
  const directory = resolve(cwd, named);
  if (await isDirectory(directory)) return directory;
  throw new FaultError("USAGE", `there is no directory ${directory} to scan`, { path: directory });
}

function toEntries(found: readonly FoundRepo[]): { repos: NewRepo[]; unwritable: string[] } {
  const repos: NewRepo[] = [];
  const unwritable: string[] = [];
  for (const { name, path: absolute, role, stateFile } of found) {
    const path = toWrittenPath(absolute, process.env);
    if (path === undefined) unwritable.push(absolute);
    else if (role === "passive") repos.push({ name, path, role });
    else if (stateFile === undefined || stateFile === DEFAULT_STATE_FILE) repos.push({ name, path });
    else repos.push({ name, path, stateFile });
  }
  return { repos, unwritable };
}

function reportGaps(scan: Scan, unwritable: readonly string[], context: CommandContext): void {
  for (const path of scan.unreadable) complain(context, `Left out ${path}: it cannot be read.`);
  for (const path of unwritable)
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
    complain(context, `  ${name.padEnd(width)}  ${path}  (${what})`);
  }
}

type Consent = "yes" | "no" | "nobody to ask";

async function askToWrite(
  file: string,
  repos: readonly NewRepo[],
  context: CommandContext,
): Promise<Consent> {
  const text = renderFirstConfig(repos);
  if (!context.stdin.isTTY || !context.stderr.isTTY) {
    if (!context.json) context.stdout.write(text);
    return "nobody to ask";
  }
  for (const line of ["", ...text.split("\n")]) complain(context, line);
  const terminal = createInterface({ input: context.stdin, output: context.stderr });
  try {
    const closed = new Promise<string>((settle) => terminal.once("close", () => settle("no")));
    // Ctrl-C and Ctrl-D leave a question unanswered for ever.
    terminal.once("SIGINT", () => terminal.close());
    const answer = await Promise.race([terminal.question(`Write this to ${visible(file)}? [Y/n] `), closed]);
    return /^(?:y|yes)?$/i.test(answer.trim()) ? "yes" : "no";
  } finally {
    terminal.close();
  }
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
