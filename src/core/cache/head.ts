import { createHash } from "node:crypto";
import type { Section } from "./document.ts";
import { fenceFor, insideCodeSpan, insideFence } from "./fence.ts";
import { lineAt, lineEnd, type Marker } from "./markers.ts";
import { sectionHeading } from "./render.ts";

const LF = 0x0a;
const SYNCED = /^\*\*Last Synced\*\*: (\S+)$/;
// Greedy up to the last ", changed": a path may hold commas, a time and a git position cannot.
const SOURCE = /^\*\*Source\*\*: ([^\n]*), changed (\S+?)(?:, (\S+|`+ \S+ `+) @ ([0-9a-f]{7,64}))?$/;
const GUARD = /^\*\*Guard\*\*: (?:(\d{1,9}) secrets? redacted)?(?:, )?(?:(\d{1,9}) hidden .{1,40})?$/;
const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/;
/** A head has five metadata lines at most today; the bound keeps a damaged one from being read on and on. */
const MOST_METADATA_LINES = 16;
/** What stands in a branch's place where there is none. */
const DETACHED = "detached";

type HeadFacts = Pick<
  Section,
  "changedAt" | "syncedAt" | "origin" | "branch" | "commit" | "secrets" | "hidden"
>;

export interface Head {
  /** Offset of the body's first byte, or of the fence around it. */
  readonly bodyStart: number;
  /** What it says in a section of that form; undefined where such a section would not say it so. */
  readonly facts: (isFenced: boolean) => HeadFacts | undefined;
}

/**
 * Reads what stands between a begin marker and the body.
 *
 * @returns undefined where the head is not the shape that we write, which makes its section a
 *   damaged one.
 */
export function readHead(bytes: Buffer, begin: Marker, limit: number): Head | undefined {
  let at = begin.next;
  const line = (): string | undefined => {
    if (at >= limit) return undefined;
    const next = lineEnd(bytes, at);
    const text = lineAt(bytes, at, next);
    at = next;
    return text;
  };
  if (line() !== sectionHeading(begin.repo) || line() !== "") return undefined;
  let syncedAt: string | undefined;
  let source: RegExpExecArray | null = null;
  let guard: RegExpExecArray | null = null;
  for (let count = 0; count < MOST_METADATA_LINES; count += 1) {
    const start = at;
    const text = line();
    if (text === undefined) return undefined;
    if (text === "") {
      if (syncedAt === undefined || source === null) return undefined;
      const [, origin = "", changedAt = "", branch, commit] = source;
      if (!ISO.test(syncedAt) || !ISO.test(changedAt)) return undefined;
      const times = { changedAt, syncedAt };
      const rest = { ...times, ...guardFacts(guard) };
      const facts = (isFenced: boolean): HeadFacts | undefined => {
        const place = isFenced ? placeInSpans(origin, branch) : placeAsItIs(origin, branch);
        return place === undefined
          ? undefined
          : { ...rest, ...place, ...(commit === undefined ? {} : { commit }) };
      };
      return { facts, bodyStart: at };
    }
    // The scan reads bytes as latin1; these lines hold paths, so they are decoded for real.
    const decoded = bytes.toString("utf8", start, start + text.length);
    syncedAt ??= SYNCED.exec(decoded)?.[1];
    source ??= SOURCE.exec(decoded);
    guard ??= GUARD.exec(decoded);
  }
  return undefined;
}

function guardFacts(guard: RegExpExecArray | null): Pick<Section, "secrets" | "hidden"> {
  const [, secrets, hidden] = guard ?? [];
  return {
    ...(secrets === undefined ? {} : { secrets: Number(secrets) }),
    ...(hidden === undefined ? {} : { hidden: Number(hidden) }),
  };
}

type Place = Pick<Section, "origin" | "branch">;

function placeAsItIs(origin: string, branch: string | undefined): Place | undefined {
  if (branch === undefined || branch === DETACHED) return { origin };
  return /\s/.test(branch) ? undefined : { origin, branch };
}

/** In a fenced section the names that others have chosen are inert as well. */
function placeInSpans(origin: string, branch: string | undefined): Place | undefined {
  const inside = insideCodeSpan(origin);
  if (inside === undefined) return undefined;
  if (branch === undefined || branch === DETACHED) return { origin: inside };
  const name = insideCodeSpan(branch);
  return name === undefined ? undefined : { origin: inside, branch: name };
}

/** The body that a digest certifies in what stands between a head and an end marker, in a fence or without. */
export function certifiedBody(
  whole: Buffer,
  sha256: string,
): { readonly body: Buffer; readonly isFenced: boolean } | undefined {
  const framed = insideFence(whole);
  const inside = framed === undefined ? undefined : certified(framed.inside, sha256);
  // Another fence than the right one was put there by somebody: damage, which no digest tells.
  if (inside !== undefined && fenceFor(inside) === framed?.fence) return { body: inside, isFenced: true };
  const body = certified(whole, sha256);
  return body === undefined ? undefined : { body, isFenced: false };
}

/** `whole` or `whole` less the newline that was put before the end marker, whichever hashes right. */
function certified(whole: Buffer, sha256: string): Buffer | undefined {
  if (whole.length === 0 || whole[whole.length - 1] !== LF) {
    return createHash("sha256").update(whole).digest("hex") === sha256 ? whole : undefined;
  }
  const shorter = whole.subarray(0, -1);
  const hash = createHash("sha256").update(shorter);
  if (hash.copy().update("\n").digest("hex") === sha256) return whole;
  return hash.digest("hex") === sha256 ? shorter : undefined;
}
