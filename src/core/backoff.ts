const FIRST_MS = 250;
const LONGEST_MS = 60_000;

/**
 * How long to wait before a failed turn is tried again: doubling from a quarter second to a
 * minute, give or take a quarter, so that the lanes of one full disk do not all knock at once.
 *
 * @param failures consecutive failures so far, at least 1.
 * @param random a number in [0, 1).
 * @returns milliseconds.
 */
export function retryDelay(failures: number, random: number): number {
  const base = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(failures - 1, 16));
  return Math.round(base * (0.75 + random / 2));
}

/**
 * The same by the fault's code; undefined where time mends nothing. The rescan looks all the same,
 * once in its period: somebody may have mended it.
 */
export function retryAfter(code: string, failures: number, random: number): number | undefined {
  return code === "CACHE_PRIVACY" ? undefined : retryDelay(failures, random);
}

/** A period give or take a tenth, so that many daemons and many repos do not move in step. */
export function jittered(periodMs: number, random: number): number {
  return Math.round(periodMs * (0.9 + random / 5));
}
