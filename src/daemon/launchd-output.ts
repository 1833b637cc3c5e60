import { closeSync, constants, fstatSync, ftruncateSync, openSync, readSync, writeSync } from "node:fs";
import { homedir } from "node:os";
import { systemCode } from "../errors.ts";
import { outputFile } from "../service/launchd-job.ts";

const MOST_BYTES = 1 << 20;
const KEPT_BYTES = 1 << 16;

/**
 * Shortens the file that launchd has put under this process's stderr, where it has grown large:
 * nobody else does, for newsyslog needs root. In place, for it is held open: to be appended to, so
 * that what is said next follows the end that was kept.
 */
export function shortenOutput(file = outputFile(homedir())): void {
  try {
    const { dev, ino, size } = fstatSync(2);
    if (size <= MOST_BYTES) return;
    const input = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
    try {
      const there = fstatSync(input);
      // Somebody else's file, to which the daemon was told to write by hand, is not ours to cut.
      if (!there.isFile() || there.dev !== dev || there.ino !== ino) return;
      const kept = Buffer.alloc(KEPT_BYTES);
      const length = readSync(input, kept, 0, KEPT_BYTES, size - KEPT_BYTES);
      const end = kept.subarray(0, length);
      ftruncateSync(2, 0);
      writeSync(2, end.subarray(end.indexOf("\n") + 1));
    } finally {
      closeSync(input);
    }
  } catch (error) {
    // The daemon's work does not depend on it.
    if (systemCode(error) === undefined) throw error;
  }
}
