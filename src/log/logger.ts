import { pino } from "pino";
import { AppendFile } from "./append-file.ts";
import { EVENTS, fieldsOf, LEVELS, type EventFields, type EventName, type Level } from "./events.ts";
import { createListing, parseLine, wantsColour } from "./format.ts";
import { JournalStream } from "./journal-stream.ts";
import { FILE_BYTES } from "./rotate.ts";

/**
 * The daemon's log. Nothing here throws, and nothing waits for long: a line is in the file, or with
 * the journal, when the call returns.
 */
export interface Log {
  /** Logs an event at the level that the table gives it. */
  readonly record: <E extends EventName>(event: E, fields: EventFields<E>) => void;
  /** How many lines could not be written since the start. */
  readonly failedLines: number;
  /** Why the last line could not be written (`ENOSPC`, ...); undefined once one could be again. */
  readonly failure: string | undefined;
  /** Why the journal did not take the last line, which went to the file; undefined where it did, or has none to take. */
  readonly diversion: string | undefined;
  /**
   * Goes on in the file that the path names now, if it is another one: the log was moved or
   * removed. Where lines were lost, tries whether the log can be written again.
   */
  keep(): void;
  /** Goes on in the file that the path names now. Call it when the log was moved away. */
  reopen(): void;
  /** Brings everything to the disk and closes the file. Later lines are dropped. */
  close(): void;
}

export interface LogOptions {
  /** Absolute path. Its directory must exist. */
  readonly file: string;
  /** What is less important is not logged, neither in the file nor on the terminal. */
  readonly level: Level;
  /** Gets each line of info and above in the human form as well. */
  readonly terminal?: NodeJS.WriteStream | undefined;
  /**
   * Where stderr is the journal: it gets the lines instead of the file, as long as it takes them.
   * The mark is a file that tells `logs` so.
   */
  readonly journal?: { readonly mark: string } | undefined;
  /** How large a file becomes. Default {@link FILE_BYTES}. */
  readonly fileBytes?: number;
}

/**
 * Opens the log for appending; a new file is private to the user. A log that cannot be opened
 * is tried again with every line: the daemon's work matters more than its diary.
 */
export function openLog(options: LogOptions): Log {
  const terminal = options.terminal === undefined ? undefined : openTerminal(options.terminal);
  const journal = options.journal === undefined ? undefined : new JournalStream(options.journal.mark);
  const openFile = (): AppendFile => new AppendFile(options.file, options.fileBytes ?? FILE_BYTES);
  // With a journal there is no file until one is needed.
  let file = journal === undefined ? openFile() : undefined;
  let latest: Attempt = { line: "", level: "trace", problem: undefined };
  let failedLines = 0;
  let lost = 0;
  let failure: string | undefined;
  let diverted = 0;
  let diversion: string | undefined;
  let closed = false;

  const writer = pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    {
      write(line: string) {
        latest = { ...latest, line, problem: deliver(line, latest.level) };
      },
    },
  );

  /** @returns the system's code where neither the journal nor the file takes the line. */
  function deliver(line: string, level: Level): string | undefined {
    const refusal = journal?.append(line, level);
    if (journal !== undefined && refusal === undefined) {
      diversion = undefined;
      return undefined;
    }
    diversion = refusal;
    file ??= openFile();
    const problem = file.append(line);
    if (problem === undefined && refusal !== undefined) diverted += 1;
    return problem;
  }

  /** @returns whether it was written. */
  function put(event: EventName, fields: Readonly<Record<string, unknown>>): boolean {
    const { level } = EVENTS[event];
    latest = { line: "", level, problem: undefined };
    writer[level](pick(event, fields));
    failure = latest.problem ?? failure;
    return latest.problem === undefined;
  }

  function write(event: EventName, fields: Readonly<Record<string, unknown>>): void {
    if (closed || !writer.isLevelEnabled(EVENTS[event].level)) return;
    tellGap();
    const written = put(event, fields);
    terminal?.write(latest.line);
    if (written) {
      failure = undefined;
      tellDiversion();
    } else {
      lost += 1;
      failedLines += 1;
    }
  }

  function tellGap(): void {
    if (lost === 0 || !put("log.gap", { lineCount: lost, code: failure ?? "unknown" })) return;
    lost = 0;
    failure = undefined;
  }

  /** Whoever reads the journal alone should know what is not in it, as soon as it takes lines again. */
  function tellDiversion(): void {
    if (diverted === 0 || diversion !== undefined) return;
    const lineCount = diverted;
    diverted = 0;
    put("log.diverted", { lineCount, path: options.file });
  }

  return {
    record: write,
    get failedLines() {
      return failedLines;
    },
    get failure() {
      return failure;
    },
    get diversion() {
      return diversion;
    },
    keep() {
      if (closed) return;
      file?.retry();
      tellGap();
    },
    reopen() {
      if (!closed) file?.reopen();
    },
    close() {
      if (closed) return;
      closed = true;
      file?.close();
      terminal?.close();
    },
  };
}

interface Attempt {
  readonly line: string;
  readonly level: Level;
  readonly problem: string | undefined;
}

/** In characters, for each text and all names of a list together. */
const LONGEST_TEXT = 8192;
/** Below the longest line of the journal (48 KiB), which would make two of it. */
const LONGEST_RECORD_BYTES = 40_000;

/** What the table allows, and no more: a type can be got around by an object with extra members. */
function pick(event: EventName, fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  for (let longest = LONGEST_TEXT; ; longest /= 2) {
    const picked: Record<string, unknown> = { event };
    for (const name of fieldsOf(event)) {
      if (fields[name] !== undefined) picked[name] = shortened(fields[name], longest);
    }
    // One character may take six bytes, and only then are there this many.
    if (Buffer.byteLength(JSON.stringify(picked)) <= LONGEST_RECORD_BYTES) return picked;
  }
}

function shortened(value: unknown, longest: number): unknown {
  if (typeof value === "string") return value.length > longest ? `${value.slice(0, longest)}...` : value;
  if (!Array.isArray(value)) return value;
  let left = longest;
  const kept = value.filter((item: unknown) => (left -= String(item).length + 3) >= 0);
  return kept.length === value.length ? kept : [...kept, "..."];
}

/** A reader that does not keep up may cost this much memory, and then misses lines. */
const TERMINAL_BACKLOG_BYTES = 1 << 20;

function openTerminal(stream: NodeJS.WriteStream): { write(line: string): void; close(): void } {
  const show = createListing({ colour: wantsColour(stream, process.env), now: new Date() });
  let gone = false;
  // A terminal that was closed, or a pipe whose reader left, must not end the daemon.
  const ignore = (): void => {
    gone = true;
  };
  stream.on("error", ignore);
  return {
    write(line) {
      const parsed = parseLine(line.trimEnd());
      const level = parsed.record?.level;
      if (gone || level === undefined || LEVELS.indexOf(level) < LEVELS.indexOf("info")) return;
      if (stream.writableLength > TERMINAL_BACKLOG_BYTES) return;
      stream.write(`${show(parsed)}\n`);
    },
    close() {
      // An error of the last lines may still be on its way to the listener.
      stream.write("", () => setImmediate(() => stream.off("error", ignore)));
    },
  };
}
