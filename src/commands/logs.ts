import { once } from "node:events";
import parseDuration from "ms";
import { EXIT, FaultError, systemCode, type ExitCode } from "../errors.ts";
import { isLevel, LEVELS, type Level } from "../log/events.ts";
import { followLog } from "../log/follow.ts";
import { createListing, wantsColour, type LogLine } from "../log/format.ts";
import { readLog, type LogFilter } from "../log/read.ts";
import { complain, type CommandContext } from "./context.ts";

export interface LogsOptions {
  /** Go on with what is added, until interrupted. */
  readonly follow: boolean;
  /** At most this many lines from before; Infinity for all. Default 50, with `since` all. */
  readonly lines?: number | undefined;
  readonly level?: string | undefined;
  readonly repo?: string | undefined;
  /** A duration back from now (`10m`) or an ISO time, local where it names no zone. */
  readonly since?: string | undefined;
}

const DEFAULT_LINES = 50;

/**
 * Prints the daemon's log for people, or with `--json` as it stands in the file.
 *
 * @throws FaultError USAGE, LOG_MISSING (not when following), LOG_UNREADABLE.
 */
export async function logs(options: LogsOptions, context: CommandContext): Promise<ExitCode> {
  const now = new Date();
  const since = options.since === undefined ? undefined : sinceTime(options.since, now);
  const filter: LogFilter = { level: levelOf(options.level), repo: options.repo, since };
  const lines = lineCount(options.lines ?? (since === undefined ? DEFAULT_LINES : Infinity));
  const file = context.paths.logFile;

  const stop = new AbortController();
  const output = new Output(context.stdout, stop);
  const interrupt = (): void => stop.abort();
  if (options.follow) process.on("SIGINT", interrupt);
  try {
    const listing = createListing({ colour: wantsColour(context.stdout, process.env), now, since });
    const show = (line: LogLine): string => (context.json ? line.raw : listing(line));
    const before = await readLog(file, filter, { lines: options.follow ? 0 : lines });
    if (before === undefined && !options.follow) {
      throw new FaultError("LOG_MISSING", `there is no log at ${file}`, { path: file });
    }
    if (before === undefined) complain(context, `There is no log at ${file} yet; waiting for it.`);
    const source = options.follow ? followLog(file, filter, stop.signal, { lines }) : (before ?? []);
    for await (const line of source) {
      await output.write(`${show(line)}\n`);
      if (stop.signal.aborted) break;
    }
    await output.end();
    return EXIT.ok;
  } finally {
    process.off("SIGINT", interrupt);
  }
}

/** Writes no faster than is read, and takes a reader that left (`| head`) for the end. */
class Output {
  readonly #stream: NodeJS.WriteStream;
  readonly #stop: AbortController;
  #fault: Error | undefined;

  constructor(stream: NodeJS.WriteStream, stop: AbortController) {
    this.#stream = stream;
    this.#stop = stop;
    stream.on("error", this.#onError);
  }

  readonly #onError = (error: Error): void => {
    if (systemCode(error) !== "EPIPE") this.#fault ??= error;
    this.#stop.abort();
  };

  async write(text: string): Promise<void> {
    if (this.#stop.signal.aborted || this.#stream.write(text)) return;
    // An abort while waiting is noticed by the caller.
    await once(this.#stream, "drain", { signal: this.#stop.signal }).catch(() => undefined);
  }

  /** @throws what the stream failed with, other than EPIPE. */
  async end(): Promise<void> {
    if (!this.#stream.destroyed) {
      // A failure may be reported only after the last write returned.
      await new Promise<void>((done) => this.#stream.write("", () => setImmediate(done)));
    }
    if (this.#fault !== undefined) throw this.#fault;
    // After a failure the listener stays: the stream may complain once more.
    if (!this.#stop.signal.aborted) this.#stream.off("error", this.#onError);
  }
}

function levelOf(value: string | undefined): Level | undefined {
  if (value === undefined || isLevel(value)) return value;
  throw new FaultError("USAGE", `--level ${value}: must be one of ${LEVELS.join(", ")}`);
}

function lineCount(value: number): number {
  if (value === Infinity || (Number.isSafeInteger(value) && value >= 0)) return value;
  throw new FaultError(
    "USAGE",
    `-n${Number.isNaN(value) ? "" : ` ${value}`}: must be a whole number, 0 or more`,
  );
}

const DURATION = /^\d+(?:\.\d+)? ?[a-z]+$/i;
const ISO_TIME = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)(Z|[+-]\d{2}:?\d{2})?)?$/i;

function sinceTime(value: string, now: Date): Date {
  const time = DURATION.test(value) ? ago(value, now) : isoTime(value);
  if (time !== undefined && !Number.isNaN(time.getTime())) return time;
  throw new FaultError(
    "USAGE",
    `--since ${value}: must be a duration such as 10m, 2h or 3d, or a time such as 2026-11-22T16:40 or 2026-11-22T16:40:00Z`,
  );
}

function ago(duration: string, now: Date): Date {
  // For a unit it does not know it returns undefined, whatever its type says.
  const length: number | undefined = parseDuration(duration as parseDuration.StringValue);
  return new Date(now.getTime() - (length ?? Number.NaN));
}

function isoTime(value: string): Date | undefined {
  const [, day, clock = "00:00", zone = ""] = ISO_TIME.exec(value) ?? [];
  if (day === undefined) return undefined;
  // A date alone would be taken for midnight in UTC, and 30 February for a day in March.
  const calendar = new Date(`${day}T00:00:00Z`);
  if (Number.isNaN(calendar.getTime()) || !calendar.toISOString().startsWith(day)) return undefined;
  return new Date(`${day}T${clock}${zone.toUpperCase()}`);
}
