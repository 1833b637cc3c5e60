import { styleText } from "node:util";
import { visible } from "../visible.ts";
import {
  EVENTS,
  fieldsOf,
  isEventName,
  isLevel,
  type EventName,
  type FieldName,
  type Level,
} from "./events.ts";

/** A line of the log that one of our daemons wrote. */
export interface LogRecord {
  readonly time: Date;
  readonly level: Level;
  readonly event: string;
  /** All that the line holds, by name. */
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface LogLine {
  /** The line as it stands in the file, without its newline. */
  readonly raw: string;
  /** Undefined for a foreign or torn line. */
  readonly record: LogRecord | undefined;
  /** When the journal got it. A line of a file has only its record's time. */
  readonly time?: Date;
}

/** Reads one line. Never throws: what is no record of ours is a line without a record. */
export function parseLine(raw: string): LogLine {
  let value: unknown;
  try {
    value = JSON.parse(raw);
  } catch {
    return { raw, record: undefined };
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return { raw, record: undefined };
  const fields: Record<string, unknown> = { ...value };
  const { time: stamp, level, event } = fields;
  const time = typeof stamp === "string" ? new Date(stamp) : undefined;
  if (time === undefined || Number.isNaN(time.getTime()) || !isLevel(level) || typeof event !== "string") {
    return { raw, record: undefined };
  }
  return { raw, record: { time, level, event, fields } };
}

/** Colours are for terminals only, and for nobody who set NO_COLOR. */
export function wantsColour(
  stream: { readonly isTTY?: boolean | undefined },
  env: Readonly<Record<string, string | undefined>>,
): boolean {
  const refused = env["NO_COLOR"];
  return stream.isTTY === true && (refused === undefined || refused === "");
}

export interface ListingOptions {
  readonly colour: boolean;
  /** The first line shows its date unless it is of this day. */
  readonly now: Date;
  /** Where the listing begins. On another day than `now`, every line shows its date. */
  readonly since?: Date | undefined;
}

/**
 * Turns the lines of a listing, in their order, into lines for people, in local time. A line
 * shows its date where the day is not that of the line before.
 */
export function createListing(options: ListingOptions): (line: LogLine) => string {
  const always = options.since !== undefined && dayOf(options.since) !== dayOf(options.now);
  let day = dayOf(options.now);
  return (line) => {
    const { record } = line;
    if (record === undefined) return visible(line.raw);
    const before = day;
    day = dayOf(record.time);
    return formatLine(line, { colour: options.colour, date: always || day !== before });
  };
}

/** One line for people. An event that the table does not know is shown as it stands in the file. */
export function formatLine(
  line: LogLine,
  options: { readonly colour: boolean; readonly date: boolean },
): string {
  const { record } = line;
  if (record === undefined || !isEventName(record.event)) return visible(line.raw);
  const clock = options.date ? `${dayOf(record.time)} ${clockOf(record.time)}` : clockOf(record.time);
  const word = record.level.padEnd(5);
  const level = options.colour ? styleText(COLOURS[record.level], word, { validateStream: false }) : word;
  return [`${clock} ${level} ${subjectOf(record)}`.trimEnd(), ...detailsOf(record, record.event)].join("  ");
}

const COLOURS = {
  trace: "gray",
  debug: "gray",
  info: "green",
  warn: "yellow",
  error: "red",
} as const;

function subjectOf({ fields, event }: LogRecord): string {
  const says = isEventName(event) ? EVENTS[event].says : event;
  const who = [fields["repo"], fields["cache"]].filter((name) => name !== undefined).map(plain);
  return who.length === 0 ? says : `${who.join(" -> ")}  ${says}`;
}

function detailsOf(record: LogRecord, event: EventName): string[] {
  return fieldsOf(event).flatMap((name) => {
    const value = record.fields[name];
    if (value === undefined || value === null) return [];
    const text = SHOWN[name](value);
    return text === "" ? [] : [text];
  });
}

type Show = (value: unknown) => string;

const hidden: Show = () => "";
const named =
  (label: string, show: Show = plain): Show =>
  (value) => {
    const text = show(value);
    return text === "" ? "" : `${label} ${text}`;
  };

/** How each field appears behind the sentence. Digests and stacks are for programs: `--json`. */
const SHOWN: Readonly<Record<FieldName, Show>> = {
  added: named("added"),
  bytes: (value) => `${count(value)} B`,
  cache: hidden,
  cacheCount: (value) => amount(value, "cache"),
  caches: plain,
  cause: plain,
  changeCount: (value) => amount(value, "change"),
  changedAt: hidden,
  code: plain,
  config: plain,
  copy: named("copy"),
  durationMs: named("in", duration),
  found: named("by"),
  heals: (value) => amount(value, "time"),
  hiddenCount: (value) => (value === 0 ? "" : amount(value, "hidden place")),
  lagMs: named("lag", duration),
  lineCount: (value) => amount(value, "line"),
  message: plain,
  method: plain,
  mistakeCount: (value) => amount(value, "mistake"),
  moved: named("moved"),
  node: named("node"),
  path: plain,
  pid: named("pid"),
  removed: named("removed"),
  repo: hidden,
  repoCount: (value) => amount(value, "repo"),
  repos: plain,
  retryInMs: named("next try in", duration),
  rules: plain,
  secretCount: (value) => (value === 0 ? "" : amount(value, "secret")),
  sha256: hidden,
  signal: plain,
  sleptMs: named("for", duration),
  stack: hidden,
  status: plain,
  until: (value) => named("until")(localTime(value)),
  version: plain,
};

function plain(value: unknown): string {
  if (typeof value === "string") return visible(value);
  if (Array.isArray(value)) return value.map(plain).join(", ");
  return visible(JSON.stringify(value) ?? "");
}

const GROUPED = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

function count(value: unknown): string {
  return typeof value === "number" ? GROUPED.format(value) : plain(value);
}

function amount(value: unknown, unit: string): string {
  return `${count(value)} ${unit}${value === 1 ? "" : "s"}`;
}

function duration(value: unknown): string {
  if (typeof value !== "number") return plain(value);
  if (Math.round(value) < 1000) return `${Math.round(value)} ms`;
  const seconds = value / 1000;
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  return minutes % 60 === 0 ? `${minutes / 60} h` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function localTime(value: unknown): string {
  const time = typeof value === "string" ? new Date(value) : undefined;
  if (time === undefined || Number.isNaN(time.getTime())) return plain(value);
  return `${dayOf(time)} ${clockOf(time).slice(0, 8)}`;
}

function dayOf(time: Date): string {
  return `${digits(time.getFullYear(), 4)}-${digits(time.getMonth() + 1, 2)}-${digits(time.getDate(), 2)}`;
}

function clockOf(time: Date): string {
  const clock = [time.getHours(), time.getMinutes(), time.getSeconds()]
    .map((part) => digits(part, 2))
    .join(":");
  return `${clock}.${digits(time.getMilliseconds(), 3)}`;
}

function digits(value: number, width: number): string {
  return String(value).padStart(width, "0");
}
