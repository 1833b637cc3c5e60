/** The year 0. */
const EARLIEST_MS = -62_167_219_200_000;
const LATEST_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/**
 * A time as ISO 8601, UTC, with a year of four digits. File systems store moments that this form,
 * and `Date` itself, cannot: those become the nearest that it can.
 *
 * @param ms milliseconds since the epoch.
 */
export function isoTime(ms: number): string {
  return new Date(Math.min(LATEST_MS, Math.max(EARLIEST_MS, ms))).toISOString();
}
