import { EXIT, FaultError, type ExitCode } from "../errors.ts";
import { followLog } from "../log/follow.ts";
import { createListing, wantsColour, type LogLine } from "../log/format.ts";
import { followJournal } from "../log/journal.ts";
import { mergeByTime, together } from "../log/merge.ts";
import { type LogFilter, readLog } from "../log/read.ts";
import { complain, type CommandContext } from "./context.ts";
import { newest, placesOf, readPlaces } from "./log-places.ts";
import { levelOf, lineCount, sinceTime } from "./log-options.ts";
import { tellOfNoLines } from "./no-lines.ts";
import { Output } from "./output.ts";

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

/** What ends a listing that goes on, and the journalctl that reads for it. */
const ENDING = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Prints the daemon's log for people, or with `--json` as it stands there: the files, and where
 * systemd runs the daemon its journal, as one by time.
 *
 * @throws FaultError USAGE, REPO_UNKNOWN and LOG_MISSING (not when following), LOG_UNREADABLE.
 */
export async function logs(options: LogsOptions, context: CommandContext): Promise<ExitCode> {
  const now = new Date();
  const since = options.since === undefined ? undefined : sinceTime(options.since, now);
  const filter: LogFilter = { level: levelOf(options.level), repo: options.repo, since };
  const lines = lineCount(options.lines ?? (since === undefined ? DEFAULT_LINES : Infinity));

  const stop = new AbortController();
  const output = new Output(context.stdout, stop);
  const interrupt = (): void => stop.abort();
  if (options.follow) for (const signal of ENDING) process.on(signal, interrupt);
  try {
    const listing = createListing({ colour: wantsColour(context.stdout, process.env), now, since });
    const show = (line: LogLine): string => (context.json ? line.raw : listing(line));
    const batches = options.follow
      ? following(filter, lines, stop.signal, context)
      : present(filter, lines, context);
    for await (const batch of batches) {
      for (const line of batch) {
        if (!stop.signal.aborted) await output.write(`${show(line)}\n`);
      }
      if (stop.signal.aborted) break;
    }
    await output.end();
    return EXIT.ok;
  } finally {
    // Whatever ended us ends those who read for us.
    stop.abort();
    for (const signal of ENDING) process.off(signal, interrupt);
  }
}

type Batches = AsyncGenerator<readonly LogLine[], void, undefined>;

async function* present(filter: LogFilter, lines: number, context: CommandContext): Batches {
  const places = await placesOf(context.paths);
  const found = await readPlaces(places, filter, lines);
  if (found.trouble !== undefined) tellOfTrouble(context, found.trouble);
  // What the filter passes on to journalctl may have hidden all that is there.
  if (!found.isThere && !(await readPlaces(places, {}, 0)).isThere) {
    throw new FaultError("LOG_MISSING", `there is no log at ${places.file}`, { path: places.file });
  }
  if (found.lines.length === 0 && lines > 0) await tellOfNoLines(filter, context);
  yield found.lines;
}

async function* following(
  filter: LogFilter,
  lines: number,
  signal: AbortSignal,
  context: CommandContext,
): Batches {
  const { file, hasJournal } = await placesOf(context.paths);
  const isThere = (await readLog(file, {}, { lines: 0 })) !== undefined;
  const tell = (trouble: string): void => tellOfTrouble(context, trouble);
  const sources = [followLog(file, filter, signal, { lines })];
  if (hasJournal) sources.push(followJournal(filter, signal, { lines, tell }));
  const first = await Promise.all(sources.map(async (source) => (await source.next()).value ?? []));
  const before = newest(mergeByTime(...first), lines);
  if (!isThere && before.length === 0) complain(context, `There is no log at ${file} yet; waiting for it.`);
  else if (before.length === 0 && lines > 0) await tellOfNoLines(filter, context, { goingOn: true });
  yield before;
  yield* together(sources);
}

function tellOfTrouble(context: CommandContext, trouble: string): void {
  complain(context, `The journal cannot be read (${trouble}); what follows is from the log file alone.`);
}
