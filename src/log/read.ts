import { constants } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { FaultError, systemCode } from "../errors.ts";
import { LEVELS, type Level } from "./events.ts";
import { parseLine, type LogLine } from "./format.ts";

/** Which lines are wanted; what is left out filters nothing. */
export interface LogFilter {
  /** This level and the more important ones. */
  readonly level?: Level | undefined;
  /** Lines about this repo's state or its cache. */
  readonly repo?: string | undefined;
  readonly since?: Date | undefined;
}

const REPO_FIELDS = ["repo", "cache", "repos", "caches", "added", "removed", "moved"];

/** A line that is no record of ours says neither level nor repo: it passes where nobody asks for those. */
export function matches(line: LogLine, filter: LogFilter): boolean {
  const { record } = line;
  if (record === undefined) return filter.level === undefined && filter.repo === undefined;
  if (filter.level !== undefined && LEVELS.indexOf(record.level) < LEVELS.indexOf(filter.level))
    return false;
  if (filter.since !== undefined && record.time < filter.since) return false;
  const { repo } = filter;
  if (repo === undefined) return true;
  return REPO_FIELDS.some((name) => {
    const value = record.fields[name];
    return value === repo || (Array.isArray(value) && value.includes(repo));
  });
}

export interface ReadOptions {
  /** At most this many, the newest; may be Infinity. */
  readonly lines: number;
  /** How much is read at a time, in bytes. Default 65,536. */
  readonly chunkBytes?: number;
}

/**
 * The newest lines that pass the filter, oldest first, from the log and its rotated siblings
 * (`.1` is the newest of them). Reads backwards, and no further than it has to.
 *
 * @returns undefined where there is no log at all.
 * @throws FaultError LOG_UNREADABLE.
 */
export async function readLog(
  file: string,
  filter: LogFilter,
  options: ReadOptions,
): Promise<LogLine[] | undefined> {
  const generations = await openGenerations(file);
  try {
    return generations.length === 0 ? undefined : await newest(generations, filter, options);
  } finally {
    await closeAll(generations);
  }
}

export interface FollowOptions {
  /** How many lines from before the start come first. Default 0. */
  readonly lines?: number;
  /** How often the file is looked at, in milliseconds. Default 200. */
  readonly pollMs?: number;
}

/**
 * The lines that are added to the log from now on, each once, whatever becomes of the file: it may
 * be rotated by renaming or by copying, truncated, deleted, or not exist yet. A half-written line waits
 * for its newline. Polls, because that works on every file system and costs two stats a turn.
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
): AsyncGenerator<LogLine, void, undefined> {
  const pollMs = options.pollMs ?? 200;
  const wanted = function* (lines: Iterable<string>): Generator<LogLine> {
    for (const raw of lines) {
      const line = parseLine(raw);
      if (raw !== "" && !signal.aborted && matches(line, filter)) yield line;
    }
  };
  let cursor: Cursor | undefined;
  try {
    const before = await openGenerations(file);
    const [latest, ...older] = before;
    if (latest !== undefined) {
      try {
        const end = await endOfLastLine(latest);
        cursor = await Cursor.at(latest, end);
        const history = [{ ...latest, size: end }, ...older];
        yield* await newest(history, filter, { lines: options.lines ?? 0 });
      } finally {
        await closeAll(older);
      }
    }
    while (!signal.aborted) {
      if (cursor === undefined) {
        // Nothing was there at the start, so whatever is there by now is new: begin with the oldest.
        const found = await openGenerations(file);
        const oldest = found.pop();
        await closeAll(found);
        if (oldest !== undefined) cursor = await Cursor.at(oldest, 0);
      } else {
        for await (const lines of cursor.added(file)) yield* wanted(lines);
        const next = await successor(file, cursor.file);
        if (next !== undefined) {
          // The writer is in the next file already, so what this one holds now is all it will ever hold.
          const done: Cursor = cursor;
          for await (const lines of done.added(file)) yield* wanted(lines);
          yield* wanted(done.rest());
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

/** A file of the log, held open, so that its identity stays its own whatever it is called. */
interface Generation {
  readonly handle: FileHandle;
  readonly device: bigint;
  readonly inode: bigint;
  readonly size: number;
  readonly modifiedNs: bigint;
}

function isSame(one: Generation, other: Generation): boolean {
  return one.inode === other.inode && one.device === other.device;
}

async function closeAll(generations: Iterable<Generation>): Promise<void> {
  for (const { handle } of generations) await handle.close();
}

async function openGeneration(path: string): Promise<Generation | undefined> {
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

/**
 * All files of the log, newest first. Looks at the numbers upwards, as files only ever move that
 * way: one that moves meanwhile is met twice, and counted once, but never missed.
 */
async function openGenerations(file: string): Promise<Generation[]> {
  const generations: Generation[] = [];
  try {
    for (let index = 0, free = 0; free < LARGEST_HOLE; index += 1) {
      const generation = await openGeneration(index === 0 ? file : `${file}.${index}`);
      free = generation === undefined ? free + (index === 0 ? 0 : 1) : 0;
      if (generation === undefined) continue;
      if (generations.some((other) => isSame(other, generation))) await generation.handle.close();
      else generations.push(generation);
    }
  } catch (error) {
    await closeAll(generations);
    throw error;
  }
  return generations;
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

const CHUNK_BYTES = 65_536;
/** What a crashed file system leaves (megabytes of NUL) must not fill the memory: the rest of a line is dropped. */
const LONGEST_LINE_BYTES = 1 << 20;
const NEWLINE = 0x0a;

/** Once a line is older than this before `since`, reading ends. Clocks are set back, but not by more. */
const CLOCK_MARGIN_MS = 3_600_000;

async function newest(
  generations: readonly Generation[],
  filter: LogFilter,
  options: ReadOptions,
): Promise<LogLine[]> {
  const { since } = filter;
  const horizon = since === undefined ? -Infinity : since.getTime() - CLOCK_MARGIN_MS;
  const found: LogLine[] = [];
  /** Lines without a time share the fate of the record before them, which is met later. */
  let undated: LogLine[] = [];
  for (const generation of generations) {
    for await (const raw of linesBackwards(generation, options.chunkBytes ?? CHUNK_BYTES)) {
      if (found.length >= options.lines) return found.slice(0, options.lines).toReversed();
      const line = parseLine(raw);
      const { record } = line;
      if (record === undefined && since !== undefined) {
        if (matches(line, filter) && undated.length < options.lines) undated.push(line);
        continue;
      }
      if (record === undefined || since === undefined || record.time >= since)
        found.push(...undated);
      undated = [];
      if (matches(line, filter)) found.push(line);
      if (record !== undefined && record.time.getTime() < horizon) {
        return found.slice(0, options.lines).toReversed();
      }
    }
  }
  return found.slice(0, options.lines).toReversed();
}

/** The lines that are not empty, last one first. */
async function* linesBackwards(generation: Generation, chunkBytes: number): AsyncGenerator<string> {
  /** The known end of a line whose beginning has not been read yet. */
  let tail: Buffer[] = [];
  const complete = (head: Buffer): string => {
    const line = Buffer.concat([head, ...tail]).subarray(0, LONGEST_LINE_BYTES);
    tail = [];
    return line.toString();
  };
  for (let position = generation.size; position > 0;) {
    const length = Math.min(chunkBytes, position);
    position -= length;
    const chunk = await readAt(generation.handle, position, length);
    let end = chunk.length;
    while (end > 0) {
      const newline = chunk.lastIndexOf(NEWLINE, end - 1);
      if (newline < 0) break;
      const line = complete(chunk.subarray(newline + 1, end));
      if (line !== "") yield line;
      end = newline;
    }
    tail.unshift(chunk.subarray(0, end));
    for (
      let kept = total(tail);
      kept - (tail.at(-1)?.length ?? 0) >= LONGEST_LINE_BYTES;
      kept = total(tail)
    )
      tail.pop();
  }
  const first = complete(Buffer.alloc(0));
  if (first !== "") yield first;
}

function total(buffers: readonly Buffer[]): number {
  return buffers.reduce((sum, buffer) => sum + buffer.length, 0);
}

/** Fewer bytes where the file ends before. */
async function readAt(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await handle.read(buffer, filled, length - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
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
      const { bytesRead } = await handle.read(
        buffer,
        0,
        length + CHUNK_BYTES,
        this.#offset - length,
      );
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
