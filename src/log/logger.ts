import {
  closeSync,
  fchmodSync,
  fstatSync,
  fsyncSync,
  openSync,
  readSync,
  statSync,
  writeSync,
} from "node:fs";
import { pino } from "pino";
import { systemCode } from "../errors.ts";
import { EVENTS, fieldsOf, LEVELS, type EventFields, type EventName, type Level } from "./events.ts";
import { createListing, parseLine, wantsColour } from "./format.ts";

/** The daemon's log. Nothing here throws, and nothing waits: a line is in the file when the call returns. */
export interface Log {
  /** Logs an event at the level that the table gives it. */
  readonly record: <E extends EventName>(event: E, fields: EventFields<E>) => void;
  /** How many lines could not be written since the start. */
  readonly failedLines: number;
  /** Why the last line could not be written (`ENOSPC`, ...); undefined once one could be again. */
  readonly failure: string | undefined;
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
}

/**
 * Opens the log for appending; a new file is private to the user. A log that cannot be opened
 * is tried again with every line: the daemon's work matters more than its diary.
 */
export function openLog(options: LogOptions): Log {
  const sink = new AppendFile(options.file);
  const terminal = options.terminal === undefined ? undefined : openTerminal(options.terminal);
  let latest = { line: "", written: true };
  let failedLines = 0;
  let lost = 0;
  let failure: string | undefined;
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
        const problem = sink.append(line);
        if (problem !== undefined) failure = problem;
        latest = { line, written: problem === undefined };
      },
    },
  );

  function put(event: EventName, fields: Readonly<Record<string, unknown>>): boolean {
    latest = { line: "", written: true };
    writer[EVENTS[event].level](pick(event, fields));
    return latest.written;
  }

  function write(event: EventName, fields: Readonly<Record<string, unknown>>): void {
    if (closed || !writer.isLevelEnabled(EVENTS[event].level)) return;
    tellGap();
    const written = put(event, fields);
    terminal?.write(latest.line);
    if (written) {
      failure = undefined;
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

  return {
    record: write,
    get failedLines() {
      return failedLines;
    },
    get failure() {
      return failure;
    },
    keep() {
      if (closed) return;
      if (!sink.isAtItsPath()) sink.reopen();
      tellGap();
    },
    reopen() {
      if (!closed) sink.reopen();
    },
    close() {
      if (closed) return;
      closed = true;
      sink.close();
      terminal?.close();
    },
  };
}

const LONGEST_TEXT = 8192;

/** What the table allows, and no more: a type can be got around by an object with extra members. */
function pick(event: EventName, fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const picked: Record<string, unknown> = { event };
  for (const name of fieldsOf(event)) {
    const value = fields[name];
    const long = typeof value === "string" && value.length > LONGEST_TEXT;
    if (value !== undefined) picked[name] = long ? `${value.slice(0, LONGEST_TEXT)}...` : value;
  }
  return picked;
}

/**
 * Appends whole lines, synchronously, and takes no failure to heart. pino's own destination does
 * not: on a full disk it keeps every failed line in memory, and its `flushSync` never returns.
 */
class AppendFile {
  readonly #path: string;
  #descriptor: number | undefined;
  #torn = false;

  constructor(path: string) {
    this.#path = path;
    try {
      this.#open();
    } catch {
      // The first line tries again, and counts.
    }
  }

  /** @returns the system's code of what went wrong, or undefined. */
  append(line: string): string | undefined {
    try {
      const descriptor = this.#descriptor ?? this.#open();
      // A line that a full disk or a crash cut short must not swallow the next one.
      const bytes = Buffer.from(this.#torn ? `\n${line}` : line);
      let offset = 0;
      while (offset < bytes.length) offset += writeSync(descriptor, bytes, offset);
      this.#torn = false;
      return undefined;
    } catch (error) {
      // Opening anew also helps against a handle that went stale when a disk came back.
      this.close();
      return systemCode(error) ?? "unknown";
    }
  }

  /** False where the path names another file by now, or none. */
  isAtItsPath(): boolean {
    if (this.#descriptor === undefined) return false;
    try {
      const present = statSync(this.#path, { throwIfNoEntry: false });
      const opened = fstatSync(this.#descriptor);
      return present !== undefined && present.ino === opened.ino && present.dev === opened.dev;
    } catch {
      return false;
    }
  }

  /** Opens the new file first, and keeps the old one where that fails. */
  reopen(): void {
    const old = this.#descriptor;
    try {
      this.#open();
    } catch {
      return;
    }
    if (old !== undefined) closeQuietly(old);
  }

  close(): void {
    const old = this.#descriptor;
    this.#descriptor = undefined;
    if (old !== undefined) closeQuietly(old);
  }

  #open(): number {
    const descriptor = openSync(this.#path, "a+", 0o600);
    try {
      const stats = fstatSync(descriptor);
      // Only what is a file: the path may name a device, whose mode is not ours to change.
      if (stats.isFile() && (stats.mode & 0o077) !== 0) fchmodSync(descriptor, 0o600);
      this.#torn = stats.isFile() && stats.size > 0 && lastByte(descriptor, stats.size) !== 0x0a;
    } catch (error) {
      closeQuietly(descriptor);
      throw error;
    }
    this.#descriptor = descriptor;
    return descriptor;
  }
}

function lastByte(descriptor: number, size: number): number | undefined {
  const byte = Buffer.alloc(1);
  return readSync(descriptor, byte, 0, 1, size - 1) === 1 ? byte[0] : undefined;
}

function closeQuietly(descriptor: number): void {
  try {
    fsyncSync(descriptor);
  } catch {
    // A device cannot be synced, and a failing disk has been counted already.
  }
  try {
    closeSync(descriptor);
  } catch {
    // The descriptor is released whatever close reports.
  }
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
