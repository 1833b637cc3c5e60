import type { Paths } from "../paths.ts";
import { prose, widthOf } from "../status/layout.ts";
import { visible } from "../visible.ts";

/** What every command gets from the command line, and all that it may print through. */
export interface CommandContext {
  readonly paths: Paths;
  /** `--json`: facts as JSON on stdout. */
  readonly json: boolean;
  readonly cwd: string;
  readonly stdin: NodeJS.ReadStream;
  /** Data goes here ... */
  readonly stdout: NodeJS.WriteStream;
  /** ... and complaints and questions here. */
  readonly stderr: NodeJS.WriteStream;
}

/** Writes one line for people: what the paths and messages in it hold acts on no terminal. */
export function print(context: CommandContext, line: string): void {
  context.stdout.write(`${visible(line)}\n`);
}

/** The same, broken between its words where a terminal would break it inside of one. */
export function printProse(context: CommandContext, line: string, indent = "", first = ""): void {
  for (const part of prose(visible(line), widthOf(context.stdout), indent, first)) printText(context, part);
}

/** Writes facts as JSON, on one line unless told otherwise. */
export function printFacts(context: CommandContext, facts: unknown, indent?: number): void {
  printText(context, JSON.stringify(facts, undefined, indent));
}

/** Writes what is to come out as it is: a body that has passed the guard, text with colours of ours. */
export function printText(context: CommandContext, text: string): void {
  context.stdout.write(`${text}\n`);
}

/** Writes one line for people that is not data. */
export function complain(context: CommandContext, line: string): void {
  context.stderr.write(`${visible(line)}\n`);
}

/** The same, broken between its words where a terminal would break it inside of one. */
export function complainProse({ stderr }: CommandContext, line: string, indent = "", first = indent): void {
  for (const part of prose(visible(line), widthOf(stderr), indent, first)) stderr.write(`${part}\n`);
}
