import type { CommandContext } from "./commands/context.ts";
import { endForSure } from "./commands/ending.ts";
import type { GlobalArgs } from "./cli/parse.ts";
import { unanswered } from "./concurrently.ts";
import { locate } from "./paths.ts";
import { EXIT, type ExitCode, exitCodeOf, FaultError } from "./errors.ts";
import { prose, widthOf } from "./status/layout.ts";
import { visible } from "./visible.ts";

/** Does what a line says, and tells what went wrong. What there is to say is in `cli/`. */
async function main(argv: readonly string[]): Promise<ExitCode> {
  let verbose = false;
  try {
    if (argv[0] === "--get-yargs-completions") {
      // At every Tab: it goes without the parser.
      const { complete } = await import("./cli/complete.ts");
      return await complete(argv.slice(1), process.env, process.stdout);
    }
    const { perform } = await import("./cli/parse.ts");
    return await perform(argv, (globals) => {
      verbose = globals.verbose;
      return contextOf(globals);
    });
  } catch (error) {
    return complain(error, verbose);
  }
}

function contextOf({ config, json }: GlobalArgs): CommandContext {
  const { stdin, stdout, stderr } = process;
  return { paths: locate(config), json, cwd: process.cwd(), stdin, stdout, stderr };
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

// A reader that has seen enough (`| head`) is no failure, and no reason to leave work undone.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE" && error.code !== "ERR_STREAM_DESTROYED") throw error;
  void endIfItOnlyPrints();
});

async function endIfItOnlyPrints(): Promise<void> {
  // The parser has loaded it by now.
  const { reach } = await import("./cli/reach.ts");
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
async function isOfHarness(argv: readonly string[]): Promise<boolean> {
  if (!argv.includes("hook")) return false;
  const [{ reach }, { isatty }] = await Promise.all([import("./cli/reach.ts"), import("node:tty")]);
  const [family, event = ""] = reach(argv).names;
  if (family !== "hook" || FOR_PEOPLE.has(event)) return false;
  return !isatty(0);
}

const argv = process.argv.slice(2);
const outcome = await main(argv);
const code = (await isOfHarness(argv)) ? EXIT.ok : outcome;
// With nothing left to wait for, Node ends by itself. What has not come back may never.
if (unanswered() > 0) endForSure(code);
process.exitCode = code;
