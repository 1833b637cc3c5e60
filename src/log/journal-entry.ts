import type { Level } from "./events.ts";
import { type LogLine, parseLine } from "./format.ts";

/** One entry of the journal, as `journalctl -o json` prints it. */
export interface JournalEntry {
  /** Its place in the journal. */
  readonly cursor: string;
  readonly line: LogLine;
}

/** The fields that are read here; the cursor and the time come with every entry. */
export const OUTPUT_FIELDS = "MESSAGE,PRIORITY,_TRANSPORT";

/**
 * What the daemon printed is a line of the log, or a foreign line as the trace of a crash is one.
 * What comes another way is systemd's about the unit, and becomes the event `service.said`.
 *
 * @returns undefined for what is no entry.
 */
export function parseEntry(text: string): JournalEntry | undefined {
  let entry: unknown;
  try {
    entry = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof entry !== "object" || entry === null) return undefined;
  const fields: Record<string, unknown> = { ...entry };
  const { __CURSOR: cursor, __REALTIME_TIMESTAMP: microseconds } = fields;
  if (typeof cursor !== "string" || typeof microseconds !== "string" || !/^\d+$/.test(microseconds)) {
    return undefined;
  }
  const time = new Date(Math.floor(Number(microseconds) / 1_000));
  if (Number.isNaN(time.getTime())) return undefined;
  const message = textOf(fields["MESSAGE"]);
  if (fields["_TRANSPORT"] === "stdout") return { cursor, line: { ...parseLine(message), time } };
  const level = levelOf(fields["PRIORITY"]);
  const raw = JSON.stringify({ level, time: time.toISOString(), event: "service.said", message });
  return { cursor, line: { ...parseLine(raw), time } };
}

/** Bytes that are no text for JSON come as numbers; a field that is there twice as a list of its values. */
function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  if (!Array.isArray(value)) return "";
  if (value.every((byte) => typeof byte === "number")) return Buffer.from(value).toString();
  return textOf(value[0]);
}

function levelOf(priority: unknown): Level {
  if (typeof priority !== "string" || !/^[0-7]$/.test(priority)) return "info";
  const number = Number(priority);
  if (number <= 3) return "error";
  if (number === 4) return "warn";
  return number === 7 ? "debug" : "info";
}
