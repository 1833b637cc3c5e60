import { closeSync, constants, fstatSync, mkdirSync, openSync, readFileSync, renameSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Seen } from "../core/briefing/seen.ts";
import type { DaemonState } from "../core/health.ts";
import { systemCode } from "../errors.ts";
import type { Paths } from "../paths.ts";
import { identityAt } from "../store/identity.ts";
import { writable, type WritablePath } from "../store/write-scope.ts";

/**
 * What is remembered of a coding agent's session: in the state directory, a few files a session,
 * private to the user. Written without fsync: what a power cut takes is told once more.
 */
export interface SessionFiles {
  /** Where the directories that it worked in belong. */
  readonly places: WritablePath;
  /** What it has been told. */
  readonly told: WritablePath;
  /** Its tool calls. */
  readonly calls: WritablePath;
  /** Is there where it was told of its start at that time. */
  readonly started: (when: string) => WritablePath;
}

/** What one repo's agent has been told of its peers. */
export interface ToldRecord {
  /** The cache's identity when it was read. */
  readonly cache: string | null;
  readonly daemon: DaemonState;
  /** Of the guard's rules by which it was told, see `rulesMark`. */
  readonly rules: string;
  readonly peers: Readonly<Record<string, Seen>>;
}

/** Where a directory belongs. */
export interface PlaceRecord {
  /** The config by which it was found out, and the file's identity then; null where there was none. */
  readonly config: string;
  readonly identity: string | null;
  /** Null where it is in no repo that has a part in this. */
  readonly repo: {
    readonly name: string;
    readonly cache: string;
    readonly stateFile: string;
    readonly readers: number;
  } | null;
}

export const SESSIONS = "sessions";
/** Identifiers are UUIDs; whatever else comes is put into letters that any file system takes. */
const PLAIN = /^[A-Za-z0-9-]{1,64}$/;
const LONGEST_NAME = 160;

/** Where a session is remembered. @param id as the harness names it. */
export function sessionFiles(paths: Paths, id: string): SessionFiles {
  const name = PLAIN.test(id) ? id : `_${encoded(id)}`;
  const file = (kind: string): WritablePath =>
    writable(join(paths.stateDirectory, SESSIONS, `${name}.${kind}`), { registry: { repos: [] }, paths });
  return {
    places: file("places"),
    told: file("told"),
    calls: file("calls"),
    started: (when) => file(`started-${when}`),
  };
}

/** Of a long one what a file's name has room for is not all of it: a digest tells it from others that begin alike. */
function encoded(id: string): string {
  const text = Buffer.from(id).toString("base64url");
  if (text.length <= LONGEST_NAME) return text;
  const { createHash } = process.getBuiltinModule("node:crypto");
  return createHash("sha256").update(id).digest("base64url");
}

/** By the repo's name. */
export function readTold(files: SessionFiles, repo: string): ToldRecord | undefined {
  const record = readJson(files.told)?.get(repo);
  return isTold(record) ? record : undefined;
}

/** From now on the session has been told what was prepared, see `prepareTold`. @param name of the file that holds it. */
export function confirmTold(files: SessionFiles, name: string): void {
  if (name !== basename(name) || !name.startsWith(`.${basename(files.told)}.`))
    throw new Error(`${name} is not what this session is told`);
  renameSync(join(dirname(files.told), name), files.told);
}

/** Where a directory belongs, as it was found out before, if the config has not changed since. */
export async function placeOf(files: SessionFiles, directory: string): Promise<PlaceRecord | undefined> {
  const place = readJson(files.places)?.get(directory);
  if (!isPlace(place) || ((await identityAt(place.config)) ?? null) !== place.identity) return undefined;
  return place;
}

/** What a file of a session holds; undefined where there is none, or something else has been written there. */
export function readJson(file: string): Map<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(readRegular(file).toString("utf8"));
    return typeof value === "object" && value !== null ? new Map(Object.entries(value)) : undefined;
  } catch (error) {
    if (systemCode(error) === undefined && !(error instanceof SyntaxError)) throw error;
    return undefined;
  }
}

/** What a file holds; nothing where it is a FIFO or whatever else could keep us waiting, and the agent's turn with us. */
export function readRegular(file: string): Buffer {
  const descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    return fstatSync(descriptor).isFile() ? readFileSync(descriptor) : Buffer.alloc(0);
  } finally {
    closeSync(descriptor);
  }
}

/** Makes the directory of a session's file, private to the user. */
export function makeSessions(file: WritablePath): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
}

function isTold(value: unknown): value is ToldRecord {
  if (!isObject(value) || !("cache" in value) || !("daemon" in value)) return false;
  if (!("rules" in value) || !("peers" in value)) return false;
  const { cache, daemon, rules, peers } = value;
  return (
    typeof rules === "string" &&
    (cache === null || typeof cache === "string") &&
    (daemon === "runs" || daemon === "silent" || daemon === "off") &&
    isObject(peers) &&
    Object.values(peers).every(isSeen)
  );
}

function isSeen(value: unknown): value is Seen {
  return (
    isObject(value) &&
    "sha256" in value &&
    typeof value.sha256 === "string" &&
    "marks" in value &&
    isTexts(value.marks) &&
    "shown" in value &&
    isTexts(value.shown)
  );
}

function isPlace(value: unknown): value is PlaceRecord {
  if (!isObject(value) || !("config" in value) || !("identity" in value) || !("repo" in value)) return false;
  const { config, identity, repo } = value;
  const isKnown = identity === null || typeof identity === "string";
  return typeof config === "string" && isKnown && (repo === null || isRepoPlace(repo));
}

function isRepoPlace(value: unknown): boolean {
  return (
    isObject(value) &&
    "name" in value &&
    typeof value.name === "string" &&
    "cache" in value &&
    typeof value.cache === "string" &&
    "stateFile" in value &&
    typeof value.stateFile === "string" &&
    "readers" in value &&
    typeof value.readers === "number"
  );
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((one) => typeof one === "string");
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
