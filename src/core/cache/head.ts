import { createHash } from "node:crypto";
import type { Section } from "./document.ts";
import { lineAt, lineEnd, type Marker } from "./markers.ts";
import { sectionHeading } from "./render.ts";

const LF = 0x0a;
const SYNCED = /^\*\*Last Synced\*\*: (\S+)$/;
// Greedy up to the last ", changed": a path may hold commas, a time and a git position cannot.
const SOURCE = /^\*\*Source\*\*: (.*), changed (\S+?)(?:, (\S+) @ ([0-9a-f]{7,64}))?$/;
const GUARD = /^\*\*Guard\*\*: (?:(\d{1,9}) secrets? redacted)?(?:, )?(?:(\d{1,9}) hidden .{1,40})?$/;
const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/;
/** A head has five metadata lines at most today; the bound keeps a damaged one from being read on and on. */
const MOST_METADATA_LINES = 16;

type HeadFacts = Pick<
  Section,
  "changedAt" | "syncedAt" | "origin" | "branch" | "commit" | "secrets" | "hidden"
>;

/**
 * Reads what stands between a begin marker and the body.
 *
 * @returns the facts and the offset of the body's first byte; undefined where the head is not
 *   the shape that we write, which makes its section a damaged one.
 */
export function readHead(
  bytes: Buffer,
  begin: Marker,
  limit: number,
): { readonly facts: HeadFacts; readonly bodyStart: number } | undefined {
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
      const facts = headFacts(origin, changedAt, syncedAt, branch, commit);
      return { facts: { ...facts, ...guardFacts(guard) }, bodyStart: at };
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

function headFacts(
  origin: string,
  changedAt: string,
  syncedAt: string,
  branch: string | undefined,
  commit: string | undefined,
): HeadFacts {
  if (branch === undefined || commit === undefined) return { origin, changedAt, syncedAt };
  if (branch === "detached") return { origin, changedAt, syncedAt, commit };
  return { origin, changedAt, syncedAt, branch, commit };
}

/** `whole` or `whole` less the newline that was put before the end marker, whichever hashes right. */
export function certifiedBody(whole: Buffer, sha256: string): Buffer | undefined {
  if (whole.length === 0 || whole[whole.length - 1] !== LF) {
    return createHash("sha256").update(whole).digest("hex") === sha256 ? whole : undefined;
  }
  const shorter = whole.subarray(0, -1);
  const hash = createHash("sha256").update(shorter);
  if (hash.copy().update("\n").digest("hex") === sha256) return whole;
  return hash.digest("hex") === sha256 ? shorter : undefined;
}
