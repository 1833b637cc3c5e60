import { lstatSync, readdirSync, renameSync, unlinkSync } from "node:fs";
import { basename, dirname, join } from "node:path";

/** How large a file of the log becomes, and how many of them there are: a day's worth of trouble, and 25 MiB at most. */
export const FILE_BYTES = 5 << 20;
export const FILE_COUNT = 5;

/**
 * Frees the log's path: moves the log to `.1`, what was there to `.2`, and so on; the oldest is
 * dropped. The highest number moves first, and no more of them move than have to: whatever stops
 * this half-way, a crash or a full disk, leaves a hole in the numbers, which the next one fills.
 *
 * No library does it, for a line must be in the file when the call returns: of 2,000 lines
 * `rotating-file-stream` kept one at `process.exit`, at SIGKILL and at an uncaught exception, and
 * after one ENOSPC, or a directory in the way, it takes no more lines at all.
 *
 * @throws the system's error where a file cannot be moved; none has been lost then.
 */
export function rotate(file: string, count: number): void {
  // A link or a device is somebody's decision about where the log goes.
  if (!lstatSync(file).isFile()) throw new Error(`${file} is not a regular file`);
  const places = Array.from({ length: count - 1 }, (_, index) => `${file}.${index + 1}`).filter(isOursOrFree);
  const [first] = places;
  if (first === undefined) throw new Error(`no place is free for ${file}`);
  const free = places.findIndex((place) => kindOf(place) === undefined);
  const moving = places.slice(0, free < 0 ? undefined : free + 1);
  for (let index = moving.length - 1; index > 0; index -= 1) {
    renameSync(moving[index - 1] ?? file, moving[index] ?? first);
  }
  renameSync(file, first);
  dropBeyond(file, count);
}

function kindOf(path: string): "file" | "other" | undefined {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return undefined;
  return stats.isFile() ? "file" : "other";
}

function isOursOrFree(path: string): boolean {
  return kindOf(path) !== "other";
}

/** A number with more digits is a date or the like, and nothing that a rotation has given. */
const NUMBER = /^\.([1-9]\d?)$/;

/** Files from a time, or of another rotation, that kept more of them. */
function dropBeyond(file: string, count: number): void {
  try {
    const directory = dirname(file);
    const name = basename(file);
    for (const entry of readdirSync(directory)) {
      const number = entry.startsWith(name) ? NUMBER.exec(entry.slice(name.length))?.[1] : undefined;
      const path = join(directory, entry);
      if (number !== undefined && Number(number) >= count && kindOf(path) === "file") unlinkSync(path);
    }
  } catch {
    // They are tried again the next time.
  }
}
