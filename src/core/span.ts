const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A length of time as one says it: `12 ms`, `40 s`, `3 min`, `2 h`, `5 days`. */
export function span(milliseconds: number): string {
  const length = Math.max(0, milliseconds);
  if (length < SECOND) return `${Math.round(length)} ms`;
  if (length < MINUTE) return `${Math.floor(length / SECOND)} s`;
  if (length < HOUR) return `${Math.floor(length / MINUTE)} min`;
  if (length < 2 * DAY) return `${Math.floor(length / HOUR)} h`;
  return `${Math.floor(length / DAY)} days`;
}

/** A clock that is a little off is no news. */
const SLACK = MINUTE;

/** How long ago a moment was, in words. */
export function ago(iso: string, now: number): string {
  const length = now - Date.parse(iso);
  if (length < -SLACK) return "in the future";
  return length < SECOND ? "just now" : `${span(length)} ago`;
}

/** A moment by the clock on the wall, with its day where that is not today. */
export function clock(moment: number, now: number): string {
  const date = new Date(moment);
  const two = (number: number): string => `${number}`.padStart(2, "0");
  const time = `${two(date.getHours())}:${two(date.getMinutes())}`;
  if (date.toDateString() === new Date(now).toDateString()) return time;
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${time}`;
}

/** @param until the end of a pause, in milliseconds since the epoch; undefined where it has none. */
export function pausedUntil(until: number | undefined, now: number): string {
  return until === undefined ? "until resumed" : `until ${clock(until, now)}`;
}
