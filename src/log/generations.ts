import { constants } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import { FaultError, systemCode } from "../errors.ts";

/** How much of a file is read at a time. */
export const CHUNK_BYTES = 65_536;
/** What a crashed file system leaves (megabytes of NUL) must not fill the memory: the rest of a line is dropped. */
export const LONGEST_LINE_BYTES = 1 << 20;
export const NEWLINE = 0x0a;

/** A file of the log, held open, so that its identity stays its own whatever it is called. */
export interface Generation {
  readonly handle: FileHandle;
  readonly device: bigint;
  readonly inode: bigint;
  readonly size: number;
  readonly modifiedNs: bigint;
}

export function isSame(one: Generation, other: Generation): boolean {
  return one.inode === other.inode && one.device === other.device;
}

export async function closeAll(generations: Iterable<Generation>): Promise<void> {
  for (const { handle } of generations) await handle.close();
}

export async function openGeneration(path: string, isSibling = false): Promise<Generation | undefined> {
  try {
    // Without O_NONBLOCK a FIFO in the log's place would keep us waiting for ever.
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stats = await handle.stat({ bigint: true });
    if (stats.isFile()) {
      return {
        handle,
        device: stats.dev,
        inode: stats.ino,
        size: Number(stats.size),
        modifiedNs: stats.mtimeNs,
      };
    }
    await handle.close();
    // What stands under a number and is no file is not of the log. Nor is it rotated.
    if (isSibling) return undefined;
  } catch (cause) {
    const code = systemCode(cause);
    if (code === "ENOENT") return undefined;
    throw new FaultError("LOG_UNREADABLE", `cannot read ${path}: ${code ?? String(cause)}`, {
      path,
      cause,
    });
  }
  throw new FaultError("LOG_UNREADABLE", `${path} is not a regular file`, { path });
}

/** In the middle of a rotation one number is free for a moment; after so many free ones the row has ended. */
const LARGEST_HOLE = 3;

/** How often a look is begun anew; a log that rotates this often while it is looked at has no order to be found. */
const MOST_LOOKS = 5;

/** All files of the log, newest first. */
export async function openGenerations(file: string): Promise<Generation[]> {
  for (let looks = 1; ; looks += 1) {
    const generations = await lookUpwards(file);
    if (looks === MOST_LOOKS || (await areAllThere(generations))) return generations;
    await closeAll(generations);
  }
}

/**
 * Looks at the numbers upwards, as files only ever move that way: one that moves meanwhile is met
 * twice, but never missed. What counts is where it was met last: between two looks the log may
 * rotate twice, and then one that is newer stands in between. (One that is dropped is not met
 * again, and newer ones may have been met behind it.)
 */
async function lookUpwards(file: string): Promise<Generation[]> {
  const generations: Generation[] = [];
  try {
    for (let index = 0, free = 0; free < LARGEST_HOLE; index += 1) {
      const generation = await openGeneration(index === 0 ? file : `${file}.${index}`, index > 0);
      free = generation === undefined ? free + (index === 0 ? 0 : 1) : 0;
      if (generation === undefined) continue;
      const before = generations.findIndex((other) => isSame(other, generation));
      const stale = before < 0 ? [] : generations.splice(before, 1);
      generations.push(generation);
      await closeAll(stale);
    }
  } catch (error) {
    await closeAll(generations);
    throw error;
  }
  return generations;
}

async function areAllThere(generations: readonly Generation[]): Promise<boolean> {
  for (const { handle } of generations) if ((await handle.stat()).nlink === 0) return false;
  return true;
}

/** Fewer bytes where the file ends before. */
export async function readAt(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await handle.read(buffer, filled, length - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}
