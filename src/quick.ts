import type { Act } from "./cli/definition.ts";
import { status, sync } from "./cli/families/state.ts";
import { plainLine } from "./cli/plain.ts";
import { EXIT, type ExitCode } from "./errors.ts";
import { argv, main, standardOutput } from "./main.ts";
import { VERSION } from "./version.ts";

/**
 * The way to what is one question to the daemon: without the command line's parser, and in a file of
 * its own. A line that says more than that is `cli.ts`'s.
 */
const QUESTIONS: ReadonlySet<unknown> = new Set([status, sync]);

function reader(): ((act: Act) => Promise<ExitCode>) | undefined {
  if (argv.length === 1 && argv[0] === "--version") return printVersion;
  const line = plainLine(argv);
  if (line === undefined || !QUESTIONS.has(line.command)) return undefined;
  return async (act) => await act(line.command, line.given);
}

function printVersion(): Promise<ExitCode> {
  standardOutput().write(`${VERSION}\n`);
  return Promise.resolve(EXIT.ok);
}

const read = reader();
if (read === undefined) void import("./cli.ts");
else void main(read);
