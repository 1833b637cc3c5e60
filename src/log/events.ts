/**
 * Everything that the daemon can log, in one table. Names are stable: people and programs filter
 * by them. A record holds what the table allows for its event and nothing else, so that no byte
 * of a state file can ever reach the log.
 */

/** From the least to the most important. */
export const LEVELS = ["trace", "debug", "info", "warn", "error"] as const;
export type Level = (typeof LEVELS)[number];

export function isLevel(value: unknown): value is Level {
  return LEVELS.some((level) => level === value);
}

/** What made the daemon look at a state file. */
export type FoundBy = "event" | "rescan" | "start" | "request";

type FieldKind = "text" | "number" | "names" | "found";

/** Every field. One name means the same in every event. */
export const FIELDS = {
  added: { kind: "names", means: "Repos that are new in the config." },
  bytes: { kind: "number", means: "Size of the content, in bytes." },
  cache: { kind: "text", means: "The repo that owns the cache." },
  cacheCount: { kind: "number", means: "How many caches are kept." },
  caches: { kind: "names", means: "The repos that own the caches." },
  cause: { kind: "text", means: "Why, in a word or two." },
  changeCount: { kind: "number", means: "How many changes were found." },
  changedAt: { kind: "text", means: "When the state file changed, ISO 8601 UTC." },
  code: { kind: "text", means: "A fault's code, or the system's where there is no fault." },
  config: { kind: "text", means: "Path of the config file." },
  copy: { kind: "text", means: "Path of the copy of the cache as it was before." },
  durationMs: { kind: "number", means: "How long it took, in milliseconds." },
  found: { kind: "found", means: "What made the daemon look: event, rescan, start or request." },
  hiddenCount: { kind: "number", means: "How many hidden characters were made visible." },
  heals: { kind: "number", means: "How often the cache was restored of late." },
  lagMs: {
    kind: "number",
    means: "From the change of the state file to the written section, in milliseconds.",
  },
  lineCount: { kind: "number", means: "How many lines of the log." },
  message: { kind: "text", means: "A fault's message." },
  method: { kind: "text", means: "Method of an HTTP request." },
  mistakeCount: { kind: "number", means: "How many mistakes the config has." },
  moved: { kind: "names", means: "Repos whose path, state file or role changed." },
  node: { kind: "text", means: "Version of Node.js." },
  path: { kind: "text", means: "The file or directory; in a request, its path without the query." },
  pid: { kind: "number", means: "Process id." },
  removed: { kind: "names", means: "Repos that left the config." },
  repo: { kind: "text", means: "The repo whose state it is." },
  repoCount: { kind: "number", means: "How many repos." },
  repos: { kind: "names", means: "The repos whose sections it is about." },
  retryInMs: { kind: "number", means: "When it is tried again, in milliseconds from now." },
  rules: { kind: "names", means: "The rules by which secrets were found." },
  secretCount: { kind: "number", means: "How many secrets were taken out." },
  sha256: { kind: "text", means: "Hex digest of the content." },
  signal: { kind: "text", means: "Name of the signal." },
  sleptMs: { kind: "number", means: "How long the machine was asleep, in milliseconds." },
  stack: { kind: "text", means: "Stack trace of a defect of the program." },
  status: { kind: "number", means: "Status code of an HTTP response." },
  until: { kind: "text", means: "When the pause ends, ISO 8601 UTC; absent where it has no end." },
  version: { kind: "text", means: "Version of state-syncd." },
} as const satisfies Readonly<Record<string, { readonly kind: FieldKind; readonly means: string }>>;

export type FieldName = keyof typeof FIELDS;

export interface EventDefinition {
  readonly level: Level;
  /** How a human line puts it, in a few words. */
  readonly says: string;
  /** What it means, in a sentence. */
  readonly about: string;
  readonly fields: readonly FieldName[];
  /** Fields that may be absent. */
  readonly optional?: readonly FieldName[];
}

export const EVENTS = {
  "daemon.started": {
    level: "info",
    says: "daemon started",
    about: "The daemon holds the lock and begins its work.",
    fields: ["pid", "version", "config", "node"],
  },
  "supervisor.unheard": {
    level: "warn",
    says: "systemd could not be told",
    about: "The supervisor waits for word of the daemon, and the word did not reach it.",
    fields: ["message"],
  },
  "daemon.ready": {
    level: "info",
    says: "daemon ready",
    about: "Every repo is watched and every cache was reconciled once.",
    fields: ["repoCount", "cacheCount", "durationMs"],
  },
  "daemon.stopping": {
    level: "info",
    says: "daemon stopping",
    about: "The daemon was asked to stop and finishes what is in hand.",
    fields: [],
    optional: ["signal"],
  },
  "daemon.stopped": {
    level: "info",
    says: "daemon stopped",
    about: "The daemon let go of everything; its last line.",
    fields: ["durationMs"],
  },
  "daemon.overdue": {
    level: "warn",
    says: "stopped before all was written",
    about: "The grace time ran out; these caches catch up at the next start.",
    fields: ["caches", "durationMs"],
  },
  "config.loaded": {
    level: "info",
    says: "config loaded",
    about: "The config was read and is in force.",
    fields: ["config", "sha256", "repoCount"],
  },
  "config.rejected": {
    level: "error",
    says: "config rejected",
    about: "The config has mistakes; the last good one stays in force.",
    fields: ["config", "mistakeCount", "message"],
  },
  "config.changed": {
    level: "info",
    says: "config changed",
    about: "A new config is in force, and these repos are affected.",
    fields: ["added", "removed", "moved"],
  },
  "state.changed": {
    level: "info",
    says: "state changed",
    about: "A repo's state file has new content, which is on its way to the peers.",
    fields: ["repo", "sha256", "bytes", "changedAt", "found"],
  },
  "state.held": {
    level: "warn",
    says: "state held back",
    about: "A state file's content must not travel now; the peers keep the last good state.",
    fields: ["repo", "code", "message"],
  },
  "state.guarded": {
    level: "warn",
    says: "state changed by the guard",
    about: "Peers get a state file's text without its secrets, and with its hidden characters made visible.",
    fields: ["repo", "secretCount", "hiddenCount", "rules"],
  },
  "state.released": {
    level: "info",
    says: "state released",
    about: "A state file that was held back, or could not be read, is good again.",
    fields: ["repo"],
  },
  "state.unreadable": {
    level: "warn",
    says: "state unreadable",
    about: "A state file cannot be read; the peers keep the last good state.",
    fields: ["repo", "code", "message"],
  },
  "section.written": {
    level: "info",
    says: "section written",
    about: "A repo's newest state stands in a peer's cache.",
    fields: ["repo", "cache", "sha256", "bytes", "durationMs"],
    optional: ["lagMs"],
  },
  "section.cleaned": {
    level: "info",
    says: "standing section cleaned",
    about: "A rule took something out of a section that a peer's cache held already.",
    fields: ["repo", "cache"],
  },
  "section.unguarded": {
    level: "warn",
    says: "standing section not looked through",
    about: "A rule failed on a section that a peer's cache held already. It stands as it did.",
    fields: ["repo", "cache", "message"],
  },
  "cache.replaced": {
    level: "debug",
    says: "cache replaced",
    about: "A cache was replaced as a whole, with these sections new in it.",
    fields: ["cache", "repos", "bytes", "durationMs"],
  },
  "cache.unchanged": {
    level: "trace",
    says: "cache already right",
    about: "A cache was looked at and held everything already, so nothing was written.",
    fields: ["cache", "durationMs"],
  },
  "cache.purged": {
    level: "info",
    says: "sections purged",
    about: "Sections were taken out of a cache that may no longer hold them.",
    fields: ["cache", "repos"],
  },
  "cache.adopted": {
    level: "info",
    says: "old cache adopted",
    about: "A cache in the old form was copied away and brought into the new one.",
    fields: ["cache", "copy"],
  },
  "edit.rescued": {
    level: "warn",
    says: "late edit found",
    about: "Somebody wrote into a cache's old file while it was being replaced; the text is in this copy.",
    fields: ["cache", "copy"],
  },
  "cache.healed": {
    level: "warn",
    says: "cache restored",
    about: "A cache was changed by others, or damaged, and holds the right sections again.",
    fields: ["cache", "cause"],
  },
  "cache.contested": {
    level: "warn",
    says: "cache contested",
    about: "Another program rewrites a cache again and again.",
    fields: ["cache", "heals"],
  },
  "cache.failed": {
    level: "error",
    says: "cache not written",
    about: "A cache could not be written. The old one is intact, and it is tried again.",
    fields: ["cache", "code", "message", "retryInMs"],
  },
  "cache.recovered": {
    level: "info",
    says: "cache written again",
    about: "A cache that could not be written could be written now.",
    fields: ["cache"],
  },
  "litter.removed": {
    level: "info",
    says: "temporary file removed",
    about: "A temporary file that an interrupted write had left was removed.",
    fields: ["path"],
  },
  "watch.lost": {
    level: "warn",
    says: "watch lost",
    about: "A file can not be watched; the rescan finds its changes.",
    fields: ["path", "code", "message"],
  },
  "watch.rearmed": {
    level: "info",
    says: "watch restored",
    about: "A file is watched again.",
    fields: ["path"],
  },
  "watch.polling": {
    level: "warn",
    says: "polling",
    about: "The system gives no events of this file, so it is polled.",
    fields: ["path", "code"],
  },
  "rescan.done": {
    level: "debug",
    says: "rescan done",
    about: "Every state file and cache was looked at without waiting for an event.",
    fields: ["repoCount", "changeCount", "durationMs"],
  },
  "wake.detected": {
    level: "info",
    says: "machine was asleep, or its clock was set",
    about: "The clock went on while nothing ran, so everything is looked at again.",
    fields: ["sleptMs"],
  },
  "socket.lost": {
    level: "warn",
    says: "control socket lost",
    about: "Commands cannot reach the daemon where they look for it; its work goes on.",
    fields: ["path", "code", "message"],
  },
  "socket.restored": {
    level: "info",
    says: "control socket restored",
    about: "Commands can reach the daemon again.",
    fields: ["path"],
  },
  "request.handled": {
    level: "debug",
    says: "request handled",
    about: "A request on the control socket was answered.",
    fields: ["method", "path", "status", "durationMs"],
  },
  "request.failed": {
    level: "warn",
    says: "request failed",
    about: "A request on the control socket was answered with a fault.",
    fields: ["method", "path", "status", "code", "message", "durationMs"],
  },
  "pause.changed": {
    level: "info",
    says: "paused",
    about: "A repo, or without a repo all of them, was paused.",
    fields: [],
    optional: ["repo", "until"],
  },
  "pause.ended": {
    level: "info",
    says: "resumed",
    about: "A repo, or without a repo all of them, was resumed.",
    fields: [],
    optional: ["repo"],
  },
  "log.gap": {
    level: "warn",
    says: "lines of this log were lost",
    about: "The log could not be written for a while; this many lines are missing before this one.",
    fields: ["lineCount", "code"],
  },
  "log.diverted": {
    level: "warn",
    says: "lines are in the log file",
    about: "The journal took no lines for a while; this many before this one are in this file instead.",
    fields: ["lineCount", "path"],
  },
  "service.said": {
    level: "info",
    says: "service manager",
    about:
      "What systemd said of the service. It stands in the journal alone, and its level is the journal's.",
    fields: ["message"],
  },
  "internal.error": {
    level: "error",
    says: "internal error",
    about: "A defect of the program. Please report it with the stack.",
    fields: ["message"],
    optional: ["stack"],
  },
} as const satisfies Readonly<Record<string, EventDefinition>>;

export type EventName = keyof typeof EVENTS;

export function isEventName(value: string): value is EventName {
  return Object.hasOwn(EVENTS, value);
}

type Values = { text: string; number: number; names: readonly string[]; found: FoundBy };
type ValueOf<F extends FieldName> = Values[(typeof FIELDS)[F]["kind"]];
type RequiredOf<E extends EventName> = (typeof EVENTS)[E]["fields"][number];
type OptionalOf<E extends EventName> = (typeof EVENTS)[E] extends {
  readonly optional: readonly (infer F extends FieldName)[];
}
  ? F
  : never;

/** The fields of an event, with their types. */
export type EventFields<E extends EventName> = {
  readonly [F in RequiredOf<E>]: ValueOf<F>;
} & { readonly [F in OptionalOf<E>]?: ValueOf<F> | undefined };

/** The names of all fields that an event may have, in the order in which they are logged. */
export function fieldsOf(event: EventName): readonly FieldName[] {
  const definition: EventDefinition = EVENTS[event];
  return [...definition.fields, ...(definition.optional ?? [])];
}
