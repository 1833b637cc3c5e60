import parseDuration from "ms";
import { FaultError } from "../errors.ts";
import { isLevel, LEVELS, type Level } from "../log/events.ts";

/** What follows `--level`. @throws FaultError USAGE. */
export function levelOf(value: string | undefined): Level | undefined {
  if (value === undefined || isLevel(value)) return value;
  throw new FaultError("USAGE", `--level ${value}: must be one of ${LEVELS.join(", ")}`);
}

/** What follows `-n`. @throws FaultError USAGE. */
export function lineCount(value: number): number {
  if (value === Infinity || (Number.isSafeInteger(value) && value >= 0)) return value;
  throw new FaultError(
    "USAGE",
    `-n${Number.isNaN(value) ? "" : ` ${value}`}: must be a whole number, 0 or more`,
  );
}

const DURATION = /^\d+(?:\.\d+)? ?[a-z]+$/i;
const ISO_TIME = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)(Z|[+-]\d{2}:?\d{2})?)?$/i;

/** What follows `--since`. @throws FaultError USAGE. */
export function sinceTime(value: string, now: Date): Date {
  const time = DURATION.test(value) ? ago(value, now) : isoTime(value);
  if (time !== undefined && !Number.isNaN(time.getTime())) return time;
  throw new FaultError(
    "USAGE",
    `--since ${value}: must be a duration such as 10m, 2h or 3d, or a time such as 2026-11-22T16:40 or 2026-11-22T16:40:00Z`,
  );
}

function ago(duration: string, now: Date): Date {
  // For a unit it does not know it returns undefined, whatever its type says.
  const length: number | undefined = parseDuration(duration as parseDuration.StringValue);
  return new Date(now.getTime() - (length ?? Number.NaN));
}

function isoTime(value: string): Date | undefined {
  const [, day, clock = "00:00", zone = ""] = ISO_TIME.exec(value) ?? [];
  if (day === undefined) return undefined;
  // A date alone would be taken for midnight in UTC, and 30 February for a day in March.
  const calendar = new Date(`${day}T00:00:00Z`);
  if (Number.isNaN(calendar.getTime()) || !calendar.toISOString().startsWith(day)) return undefined;
  return new Date(`${day}T${clock}${zone.toUpperCase()}`);
}
