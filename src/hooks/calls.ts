import { appendFileSync, closeSync, constants, openSync } from "node:fs";
import { systemCode } from "../errors.ts";
import type { WritablePath } from "../store/write-scope.ts";
import { makeSessions, readRegular } from "./session.ts";
import { shortMark } from "./short-mark.ts";

/** What the call is called, the process that counts it, and the time in milliseconds: no two records are alike. */
const MARK_BYTES = 4;
const PROCESS_BYTES = 4;
const TIME_BYTES = 6;
const TIME_AT = MARK_BYTES + PROCESS_BYTES;
const RECORD_BYTES = TIME_AT + TIME_BYTES;

export interface Call {
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Calls before this moment are not counted. */
  readonly since: number;
  /** As the harness names it: hooks that stand in two of its settings are called twice for one call. */
  readonly id: string | undefined;
}

/**
 * Counts a tool call of a session. Calls that run side by side append side by side, which a file
 * system does whole: each finds its own place, and no two find the same.
 *
 * @returns how many there have been since, this one included; undefined where it was counted already.
 */
export function countCall(file: WritablePath, { now, since, id }: Call): number | undefined {
  const record = Buffer.alloc(RECORD_BYTES);
  record.writeUInt32BE(id === undefined ? 0 : shortMark(id), 0);
  record.writeUInt32BE(process.pid, MARK_BYTES);
  record.writeUIntBE(now, TIME_AT, TIME_BYTES);
  append(file, record);
  const all = readRegular(file);
  const marks = new Set<number>();
  let count = 0;
  for (let at = 0; at + RECORD_BYTES <= all.length; at += RECORD_BYTES) {
    const mark = all.readUInt32BE(at);
    const isAgain = mark !== 0 && marks.has(mark);
    if (!isAgain && all.readUIntBE(at + TIME_AT, TIME_BYTES) >= since) count += 1;
    if (all.compare(record, 0, RECORD_BYTES, at, at + RECORD_BYTES) === 0) return isAgain ? undefined : count;
    marks.add(mark);
  }
  return count;
}

/** Without waiting: a FIFO that somebody made there is refused. */
const FLAGS = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK;

function append(file: WritablePath, record: Buffer): void {
  const descriptor = opened(file);
  try {
    appendFileSync(descriptor, record);
  } finally {
    closeSync(descriptor);
  }
}

function opened(file: WritablePath): number {
  try {
    return openSync(file, FLAGS, 0o600);
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw error;
    makeSessions(file);
    return openSync(file, FLAGS, 0o600);
  }
}
