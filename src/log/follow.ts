import type { FileHandle } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { parseLine, type LogLine } from "./format.ts";
import {
  CHUNK_BYTES,
  closeAll,
  type Generation,
  isSame,
  LONGEST_LINE_BYTES,
  NEWLINE,
  openGeneration,
  openGenerations,
  readAt,
} from "./generations.ts";
import { type LogFilter, matches, newestLines } from "./read.ts";

export interface FollowOptions {
  /** How many lines from before the start come first. Default 0. */
  readonly lines?: number;
  /** How often the file is looked at, in milliseconds. Default 200. */
  readonly pollMs?: number;
}

/**
 * First the lines from before, all at once, then those that are added to the log, each once,
 * whatever becomes of the file: it may be rotated by renaming or by copying, truncated, deleted, or
 * not exist yet. A half-written line waits for its newline. Polls, because that works on every file
 * system and costs two stats a turn.
 *
 * Ends when the signal is aborted.
 *
 * @throws FaultError LOG_UNREADABLE.
 */
export async function* followLog(
  file: string,
  filter: LogFilter,
  signal: AbortSignal,
  options: FollowOptions = {},
): AsyncGenerator<readonly LogLine[], void, undefined> {
  const pollMs = options.pollMs ?? 200;
  const wanted = (lines: readonly string[]): LogLine[] =>
    lines
      .filter((raw) => raw !== "")
      .map(parseLine)
      .filter((line) => matches(line, filter));
  let cursor: Cursor | undefined;
  try {
    const before = await openGenerations(file);
    const [latest, ...older] = before;
    let history: readonly LogLine[] = [];
    if (latest !== undefined) {
      try {
        const end = await endOfLastLine(latest);
        cursor = await Cursor.at(latest, end);
        history = await newestLines([{ ...latest, size: end }, ...older], filter, {
          lines: options.lines ?? 0,
        });
      } finally {
        await closeAll(older);
      }
    }
    yield history;
    while (!signal.aborted) {
      if (cursor === undefined) {
        // Nothing was there at the start, so whatever is there by now is new: begin with the oldest.
        const found = await openGenerations(file);
        const oldest = found.pop();
        await closeAll(found);
        if (oldest !== undefined) cursor = await Cursor.at(oldest, 0);
      } else {
        for await (const lines of cursor.added(file)) yield wanted(lines);
        const next = await successor(file, cursor.file);
        if (next !== undefined) {
          // The writer is in the next file already, so what this one holds now is all it will ever hold.
          const done: Cursor = cursor;
          for await (const lines of done.added(file)) yield wanted(lines);
          yield wanted(done.rest());
          cursor = await Cursor.at(next, 0);
          await done.file.handle.close();
          continue;
        }
      }
      await delay(pollMs, undefined, { signal }).catch(() => undefined);
    }
  } finally {
    await cursor?.file.handle.close();
  }
}

/** The next newer file with something in it, or undefined while `own` is the newest. */
async function successor(file: string, own: Generation): Promise<Generation | undefined> {
  const now = await openGeneration(file);
  await now?.handle.close();
  if (now !== undefined && isSame(now, own)) return undefined;
  const generations = await openGenerations(file);
  const place = generations.findIndex((other) => isSame(other, own));
  let newer = generations.slice(0, Math.max(place, 0));
  if (place < 0) {
    // Ours was deleted. Siblings that were written later are new; earlier ones were there before.
    const { mtimeNs } = await own.handle.stat({ bigint: true });
    newer = generations.filter(
      (other) => (now !== undefined && isSame(other, now)) || other.modifiedNs > mtimeNs,
    );
  }
  const next = newer.findLast((other) => other.size > 0);
  await closeAll(generations.filter((other) => other !== next));
  return next;
}

/** Where a half-written last line begins, or the end of the file. */
async function endOfLastLine({ handle, size }: Generation): Promise<number> {
  for (let position = size; position > 0;) {
    const length = Math.min(CHUNK_BYTES, position);
    position -= length;
    const newline = (await readAt(handle, position, length)).lastIndexOf(NEWLINE);
    if (newline >= 0) return position + newline + 1;
  }
  return 0;
}

const ANCHOR_BYTES = 256;

/** A place in a file of the log, and what of its next line is known already. */
class Cursor {
  readonly file: Generation;
  #offset: number;
  /** The bytes just before the offset. Where they changed, the file is not what it was. */
  #anchor: Buffer;
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #size = -1n;
  #modifiedNs = -1n;

  private constructor(file: Generation, offset: number, anchor: Buffer) {
    this.file = file;
    this.#offset = offset;
    this.#anchor = anchor;
  }

  static async at(file: Generation, offset: number): Promise<Cursor> {
    const length = Math.min(ANCHOR_BYTES, offset);
    return new Cursor(file, offset, await readAt(file.handle, offset - length, length));
  }

  /** The lines that were completed since the last call, in batches. */
  async *added(path: string): AsyncGenerator<readonly string[]> {
    const { size, mtimeNs } = await this.file.handle.stat({ bigint: true });
    if (size === this.#size && mtimeNs === this.#modifiedNs) return;
    while (!(yield* this.#readFrom(this.file.handle))) {
      yield* this.#restOfCopy(path);
      yield this.rest();
      this.#restart();
    }
    // As they were before the reading: what came during it is looked at the next time.
    this.#size = size;
    this.#modifiedNs = mtimeNs;
  }

  /** What was written of a line that will never get its newline. */
  rest(): readonly string[] {
    const rest = Buffer.concat(this.#pending).toString();
    this.#pending = [];
    this.#pendingBytes = 0;
    return [rest];
  }

  /**
   * Rotation by copying leaves in a sibling what was added between our last look and the
   * truncation. The files between that sibling and ours came after it, and are new as a whole.
   */
  async *#restOfCopy(path: string): AsyncGenerator<readonly string[]> {
    const generations = await openGenerations(path);
    try {
      const own = generations.findIndex((other) => isSame(other, this.file));
      for (const [place, copy] of generations.entries()) {
        if (place === own || !(yield* this.#readFrom(copy.handle))) continue;
        const between = own < 0 ? [] : generations.slice(own + 1, place).toReversed();
        for (const other of between) {
          yield this.rest();
          this.#restart();
          yield* this.#readFrom(other.handle);
        }
        return;
      }
    } finally {
      await closeAll(generations);
    }
  }

  #restart(): void {
    this.#offset = 0;
    this.#anchor = Buffer.alloc(0);
  }

  /**
   * Reads to the end of a file.
   *
   * @returns false where the bytes before our place are not those that we have read.
   */
  async *#readFrom(handle: FileHandle): AsyncGenerator<readonly string[], boolean> {
    const buffer = Buffer.alloc(ANCHOR_BYTES + CHUNK_BYTES);
    for (;;) {
      const { length } = this.#anchor;
      // In one call with what comes next, so that no truncation can fall in between.
      const { bytesRead } = await handle.read(buffer, 0, length + CHUNK_BYTES, this.#offset - length);
      if (bytesRead < length || !this.#anchor.equals(buffer.subarray(0, length))) return false;
      if (bytesRead === length) return true;
      this.#offset += bytesRead - length;
      this.#anchor = Buffer.from(buffer.subarray(Math.max(0, bytesRead - ANCHOR_BYTES), bytesRead));
      yield this.#split(Buffer.from(buffer.subarray(length, bytesRead)));
    }
  }

  #split(chunk: Buffer): string[] {
    const lines: string[] = [];
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      this.#keep(chunk.subarray(start, end));
      lines.push(...this.rest());
      start = end + 1;
    }
    this.#keep(chunk.subarray(start));
    return lines;
  }

  #keep(bytes: Buffer): void {
    const kept = bytes.subarray(0, LONGEST_LINE_BYTES - this.#pendingBytes);
    if (kept.length === 0) return;
    this.#pending.push(kept);
    this.#pendingBytes += kept.length;
  }
}
