import { appendFileSync, closeSync, constants, openSync } from "node:fs";
import { systemCode } from "../errors.ts";
import type { WritablePath } from "../store/write-scope.ts";
import { makeSessions, readRegular } from "./session.ts";

/** The number of the process that counts, and the time in milliseconds: no two calls have both. */
const PROCESS_BYTES = 4;
const TIME_BYTES = 6;
const RECORD_BYTES = PROCESS_BYTES + TIME_BYTES;

/**
 * Counts a tool call of a session. Calls that run side by side append side by side, which a file
 * system does whole: each finds its own place, and no two find the same.
 *
 * @param now milliseconds since the epoch. @param since calls before this moment are not counted.
 * @returns how many there have been since, this one included.
 */
export function countCall(file: WritablePath, now: number, since: number): number {
  const record = Buffer.alloc(RECORD_BYTES);
  record.writeUInt32BE(process.pid, 0);
  record.writeUIntBE(now, PROCESS_BYTES, TIME_BYTES);
  append(file, record);
  const all = readRegular(file);
  let count = 0;
  for (let at = 0; at + RECORD_BYTES <= all.length; at += RECORD_BYTES) {
    if (all.readUIntBE(at + PROCESS_BYTES, TIME_BYTES) >= since) count += 1;
    if (all.compare(record, 0, RECORD_BYTES, at, at + RECORD_BYTES) === 0) return count;
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
