import { LEVELS, type Level } from "./events.ts";
import { parseLine, type LogLine } from "./format.ts";
import {
  CHUNK_BYTES,
  closeAll,
  type Generation,
  LONGEST_LINE_BYTES,
  NEWLINE,
  openGenerations,
  readAt,
} from "./generations.ts";

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
  const { record, time = record?.time } = line;
  if (filter.since !== undefined && time !== undefined && time < filter.since) return false;
  if (record === undefined) return filter.level === undefined && filter.repo === undefined;
  if (filter.level !== undefined && LEVELS.indexOf(record.level) < LEVELS.indexOf(filter.level)) return false;
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
    return generations.length === 0 ? undefined : await newestLines(generations, filter, options);
  } finally {
    await closeAll(generations);
  }
}

/** Once a line is older than this before `since`, reading ends. Clocks are set back, but not by more. */
const CLOCK_MARGIN_MS = 3_600_000;

/** The newest lines of some files that pass the filter, oldest first. The files come newest first. */
export async function newestLines(
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
      if (record === undefined || since === undefined || record.time >= since) found.push(...undated);
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
    for (let kept = total(tail); kept - (tail.at(-1)?.length ?? 0) >= LONGEST_LINE_BYTES; kept = total(tail))
      tail.pop();
  }
  const first = complete(Buffer.alloc(0));
  if (first !== "") yield first;
}

function total(buffers: readonly Buffer[]): number {
  return buffers.reduce((sum, buffer) => sum + buffer.length, 0);
}
