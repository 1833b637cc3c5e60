import type { LogLine } from "./format.ts";

/** Listings in one, by time. Each keeps its own order, whatever its times say. */
export function mergeByTime(...listings: readonly (readonly LogLine[])[]): LogLine[] {
  const dated = listings.flatMap(withTimes).sort((one, other) => one.time - other.time);
  return dated.map(({ line }) => line);
}

/**
 * A line without a time, or with an earlier one than the line before it, stays with that; lines
 * without one at the beginning stay with the first that has one.
 */
function withTimes(lines: readonly LogLine[]): { readonly line: LogLine; readonly time: number }[] {
  const timeOf = ({ time, record }: LogLine): number | undefined => (time ?? record?.time)?.getTime();
  let latest = lines.map(timeOf).find((time) => time !== undefined) ?? 0;
  return lines.map((line) => {
    latest = Math.max(latest, timeOf(line) ?? latest);
    return { line, time: latest };
  });
}

/** What comes of several sources, as it comes, until all have ended. */
export async function* together<T>(
  sources: readonly AsyncGenerator<T, void>[],
): AsyncGenerator<T, void, undefined> {
  const turns = new Map(sources.map((source) => [source, turnOf(source)]));
  try {
    while (turns.size > 0) {
      const { source, result } = await Promise.race(turns.values());
      if (result.done === true) turns.delete(source);
      else {
        turns.set(source, turnOf(source));
        yield result.value;
      }
    }
  } finally {
    // One that waits for its next line ends when its signal is aborted, and not for being asked.
    for (const [source, turn] of turns) {
      turn.catch(() => undefined);
      void source.return().catch(() => undefined);
    }
  }
}

async function turnOf<T>(source: AsyncGenerator<T, void>) {
  return { source, result: await source.next() };
}
