import { type GlobalArgs, globalsIn } from "./cli/globals.ts";
import type { Act } from "./cli/definition.ts";
import { reach } from "./cli/reach.ts";
// Loaded with the rest: when something went wrong there may be no thread to load it with.
import { ofThisLine } from "./cli/usage.ts";
import type { CommandContext } from "./commands/context.ts";
import { endForSure } from "./commands/ending.ts";
import { unanswered } from "./concurrently.ts";
import { locate } from "./paths.ts";
import { EXIT, type ExitCode, exitCodeOf, FaultError } from "./errors.ts";
import { prose, widthOf } from "./status/layout.ts";
import { visible } from "./visible.ts";

/** The words that this process was called with. */
export const argv: readonly string[] = process.argv.slice(2);

/**
 * Does what the line says, tells what went wrong, and ends with a code. What there is to say is in `cli/`.
 *
 * @param read finds the command that the line names, and acts on it.
 */
export async function main(read: (act: Act) => Promise<ExitCode>): Promise<void> {
  const outcome = await attempt(read);
  const code = isOfHarness() ? EXIT.ok : outcome;
  // With nothing left to wait for, Node ends by itself. What has not come back may never.
  if (unanswered() > 0) endForSure(code);
  process.exitCode = code;
}

async function attempt(read: (act: Act) => Promise<ExitCode>): Promise<ExitCode> {
  let verbose = false;
  const act: Act = async (command, given) => {
    const globals = globalsIn(given);
    ({ verbose } = globals);
    return await command.run(given, contextOf(globals));
  };
  try {
    return await read(act);
  } catch (error) {
    return complain(ofThisLine(argv, error), verbose);
  }
}

/** Node's streams take some milliseconds each to come up: at their first use. */
function contextOf({ config, json }: GlobalArgs): CommandContext {
  return {
    paths: locate(config),
    json,
    cwd: process.cwd(),
    get stdin() {
      return process.stdin;
    },
    get stdout() {
      return standardOutput();
    },
    get stderr() {
      return process.stderr;
    },
  };
}

function complain(error: unknown, verbose: boolean): ExitCode {
  if (error instanceof FaultError) {
    const [first = "", ...others] = error.lines;
    tell(`state-syncd: ${first}`, ...others);
    tellIndented(error.fault.remedy);
    if (verbose) tell(...stackOf(error));
    return exitCodeOf(error.fault.code);
  }
  tell(`state-syncd: internal error: ${String(error)}`);
  if (verbose && error instanceof Error) tell(...stackOf(error));
  tellIndented(`Please report this${verbose ? "" : "; --verbose shows more"}.`);
  return EXIT.failed;
}

function tell(...lines: readonly string[]): void {
  for (const line of lines) write(prose(visible(line), widthOf(process.stderr), "  "));
}

function tellIndented(line: string): void {
  write(prose(visible(line), widthOf(process.stderr), "  ", "  "));
}

function write(lines: readonly string[]): void {
  for (const line of lines) process.stderr.write(`${line}\n`);
}

/** Where it came from. The message that a stack begins with may hold newlines, and has been told. */
function stackOf(error: Error): string[] {
  return (error.stack ?? "").split("\n").filter((line) => /^ {4}at /.test(line));
}

/** What they print is all that they do, and some of them never end by themselves. */
const ONLY_PRINTS: ReadonlySet<string> = new Set(["status", "logs", "run"]);
let isHeeded = false;

/** A reader that has seen enough (`| head`) is no failure, and no reason to leave work undone. */
export function standardOutput(): typeof process.stdout {
  const { stdout } = process;
  if (!isHeeded) stdout.on("error", readerLeft);
  isHeeded = true;
  return stdout;
}

function readerLeft(error: NodeJS.ErrnoException): void {
  if (error.code !== "EPIPE" && error.code !== "ERR_STREAM_DESTROYED") throw error;
  const [command = ""] = reach(argv).names;
  if (!ONLY_PRINTS.has(command)) return;
  if (unanswered() > 0) endForSure(EXIT.ok);
  process.exit(EXIT.ok);
}

const FOR_PEOPLE: ReadonlySet<string> = new Set(["install", "uninstall", "print"]);

/**
 * Whether a harness calls a hook, and none that a person would: it takes 2 for the order to stop the
 * turn, and to erase the user's prompt. A line in its settings may be as wrong as it likes.
 */
function isOfHarness(): boolean {
  if (!argv.includes("hook")) return false;
  const { isatty } = process.getBuiltinModule("node:tty");
  const [family, event = ""] = reach(argv).names;
  if (family !== "hook" || FOR_PEOPLE.has(event)) return false;
  return !isatty(0);
}
