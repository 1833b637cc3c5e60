import type { Paths } from "../paths.ts";

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

/** Writes one line of data. */
export function print(context: CommandContext, line: string): void {
  context.stdout.write(`${line}\n`);
}

/** Writes one line that is not data. */
export function complain(context: CommandContext, line: string): void {
  context.stderr.write(`${line}\n`);
}
