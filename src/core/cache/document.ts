import type { Snapshot } from "../snapshot.ts";

/** One peer's state as a cache carries it: the snapshot and the moment it arrived here. */
export interface Section extends Snapshot {
  /** When this section was written into this cache, ISO 8601, UTC. */
  readonly syncedAt: string;
}

/**
 * A cache is a sequence of parts. Only `section` and `foreign` are healthy; the others are what
 * earlier writers, editors and accidents left, each with its exact bytes so that nothing is
 * dropped unseen.
 */
export type Part =
  /** Text that people or other tools wrote. Carried over byte for byte. */
  | { readonly kind: "foreign"; readonly bytes: Buffer }
  /** A certified section: its body hashes to what its delimiters say. */
  | { readonly kind: "section"; readonly section: Section }
  /**
   * Delimited as ours, but the delimiters do not certify what is inside. `bytes` runs from the begin
   * marker to the end marker, or where that is missing (`closed` is false) as far as the section seems to reach.
   */
  | {
      readonly kind: "damaged";
      readonly repo: string;
      /** What its begin marker says, and its end marker must say. */
      readonly sha256: string;
      readonly closed: boolean;
      readonly bytes: Buffer;
    }
  /**
   * A section in the original utility's shape, without delimiters. `certain` where its end is
   * known and not inferred from what follows, so that no text of others can be in it.
   */
  | { readonly kind: "legacy"; readonly repo: string; readonly certain: boolean; readonly bytes: Buffer };

/** A part that is of one repo. */
export type OwnedPart = Exclude<Part, { readonly kind: "foreign" }>;

/** Text of ours (headers, indexes, stray delimiters, stale bodies) that a rewrite leaves out. */
export interface Debris {
  readonly why: "duplicate-header" | "stray-marker" | "stale-text";
  readonly bytes: Buffer;
}

export interface CacheDocument {
  /** Foreign bytes above the header; a byte order mark lives here. */
  readonly preamble: Buffer;
  /** The header's `Last Updated`, or undefined where the file has no header yet. */
  readonly updatedAt: string | undefined;
  /** What follows the header and the index, in file order. */
  readonly parts: readonly Part[];
  /** The texts of the sections stand in code fences. */
  readonly fence: boolean;
}

/** A file may hold sections of either form; `fence` is true where any stands in a fence. */
export interface ParsedCache extends CacheDocument {
  /** Found on the way and not part of the document. */
  readonly debris: readonly Debris[];
  /** True where foreign text meets that was apart in the file, for something was left out between. */
  readonly joined: boolean;
  /** False where no marker of ours stands in the file: written by hand or by the original utility. */
  readonly marked: boolean;
  /** The file is known to be what rendering this gives, byte for byte: see {@link leftBy}. */
  readonly asRendered?: true;
}

export function allForeign(parts: readonly Part[]): parts is Extract<Part, { kind: "foreign" }>[] {
  return parts.every((part) => part.kind === "foreign");
}

/** The same parts, with foreign text that stands together in one piece. */
export function joinForeign(parts: readonly Part[]): Part[] {
  const joined: Part[] = [];
  let run: Buffer[] = [];
  const close = (): void => {
    const [only] = run;
    if (only !== undefined)
      joined.push({ kind: "foreign", bytes: run.length === 1 ? only : Buffer.concat(run) });
    run = [];
  };
  for (const part of parts) {
    if (part.kind === "foreign") run.push(part.bytes);
    else {
      close();
      joined.push(part);
    }
  }
  close();
  return joined;
}
