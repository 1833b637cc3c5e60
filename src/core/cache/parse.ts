import { createHash } from "node:crypto";
import type { Debris, ParsedCache, Part, Section } from "./document.ts";
import { readHead } from "./head.ts";
import {
  asTheOriginalReads,
  certainEnd,
  findHeader,
  type HeadingFinder,
  hasSyncedLine,
  headingFinder,
  type LegacyHeading,
  ruleLength,
  usersTextStart,
} from "./legacy.ts";
import { atLineStart, bomLength, findMarkers, FORMAT, lineEnd, type Marker } from "./markers.ts";

const LF = 0x0a;
const CR = 0x0d;

export interface ParseOptions {
  /** Every registered repo: only their headings can open a section of the original utility. */
  readonly registered: readonly string[];
  /**
   * The text that a repo's state file is known to hold. Where the original utility copied just
   * that, its section's end is known exactly, and the text around it is safe.
   */
  readonly known?: (repo: string) => Buffer | undefined;
}

/**
 * Takes a cache apart. Any bytes whatever are a cache; nothing throws. Rendering the result and
 * parsing it again gives the same document.
 */
export function parse(bytes: Buffer, options: ParseOptions): ParsedCache {
  return new Parser(bytes, options).run();
}

class Parser {
  readonly #bytes: Buffer;
  /** The same, one char a byte: patterns run over it, and its offsets are byte offsets. */
  readonly #text: string;
  readonly #markers: readonly Marker[];
  readonly #endsOf: ReadonlyMap<string, readonly Marker[]>;
  readonly #nextHeading: HeadingFinder;
  readonly #known: (repo: string) => readonly Buffer[];
  readonly #parts: Part[] = [];
  readonly #debris: Debris[] = [];
  /** Everything before this offset has been placed. */
  #cursor = 0;
  #preamble: Buffer | undefined;
  #updatedAt: string | undefined;

  constructor(bytes: Buffer, options: ParseOptions) {
    this.#bytes = bytes;
    this.#text = bytes.toString("latin1");
    this.#markers = findMarkers(bytes);
    const ends = new Map<string, Marker[]>();
    for (const marker of this.#markers) {
      if (marker.kind !== "end") continue;
      const key = `${marker.repo} ${marker.sha256}`;
      const list = ends.get(key);
      if (list === undefined) ends.set(key, [marker]);
      else list.push(marker);
    }
    this.#endsOf = ends;
    this.#nextHeading = headingFinder(options.registered);
    this.#known = (repo) => {
      const body = options.known?.(repo);
      return body === undefined ? [] : [asTheOriginalReads(body), body];
    };
  }

  run(): ParsedCache {
    for (const marker of this.#markers) {
      // A marker inside a part that is already placed, a body for instance, is only text.
      if (marker.start < this.#cursor) continue;
      this.#gap(marker.start, marker.kind === "begin");
      if (marker.start < this.#cursor) continue;
      if (marker.kind === "begin") this.#section(marker);
      else if (marker.kind === "index") this.#index(marker);
      else this.#drop("stray-marker", this.#withRule(marker.next));
    }
    this.#gap(this.#bytes.length, false);
    if (this.#preamble === undefined) this.#splitByteOrderMark();
    return {
      preamble: this.#preamble ?? Buffer.alloc(0),
      updatedAt: this.#updatedAt,
      parts: joinForeign(this.#parts),
      debris: this.#debris,
      marked: this.#markers.length > 0,
    };
  }

  /** Places what lies between two delimited parts: headers, the original's sections, foreign text. */
  #gap(to: number, sectionFollows: boolean): void {
    while (this.#cursor < to) {
      const header = findHeader(this.#text, this.#cursor, to);
      const heading = this.#legacyHeading(this.#cursor, header?.start ?? to);
      if (heading !== undefined) {
        this.#foreign(this.#withoutLead(heading.start));
        this.#legacy(heading, to);
      } else if (header !== undefined) {
        this.#foreign(header.start);
        this.#header(header.end, header.updatedAt);
      } else {
        this.#foreign(sectionFollows ? this.#withoutLead(to) : to);
        this.#cursor = to;
      }
    }
  }

  #header(end: number, updatedAt: string): void {
    const next = this.#withRule(end);
    if (this.#updatedAt !== undefined) {
      this.#drop("duplicate-header", next);
      return;
    }
    this.#updatedAt = updatedAt;
    // What has been found so far stands above the header, and stays there if it is text.
    if (allForeign(this.#parts)) {
      this.#preamble = Buffer.concat(this.#parts.map((part) => part.bytes));
      this.#parts.length = 0;
    }
    // Between header and index stands one empty line.
    const blank = this.#newlineLength(next);
    const following = this.#markerFrom(next);
    const indexFollows = following?.kind === "index" && following.start === next + blank;
    this.#cursor = indexFollows ? next + blank : next;
  }

  /** An index is made anew at every rewrite; only its own table lines go with it. */
  #index(marker: Marker): void {
    let at = marker.next;
    while (at < this.#bytes.length && this.#bytes[at] === 0x7c /* | */) at = lineEnd(this.#bytes, at);
    const following = this.#markerFrom(at);
    const closed = following?.kind === "index-end" && following.start === at;
    this.#cursor = this.#withRule(closed ? following.next : at);
  }

  #section(begin: Marker): void {
    const ends = this.#endsOf.get(`${begin.repo} ${begin.sha256}`);
    const end = ends?.find((m) => m.start >= begin.next);
    if (end === undefined) {
      this.#damaged(begin.repo, this.#endOfUnclosed(begin));
      return;
    }
    const section = this.#certified(begin, end);
    const next = this.#withRule(end.next);
    if (section === undefined) {
      this.#damaged(begin.repo, next);
    } else {
      this.#parts.push({ kind: "section", section });
      this.#cursor = next;
    }
  }

  #certified(begin: Marker, end: Marker): Section | undefined {
    if (begin.format !== FORMAT) return undefined;
    const head = readHead(this.#bytes, begin, end.start);
    if (head === undefined) return undefined;
    const whole = this.#bytes.subarray(head.bodyStart, end.start);
    const body = certifiedBody(whole, begin.sha256);
    if (body === undefined) return undefined;
    return { repo: begin.repo, sha256: begin.sha256, body, ...head.facts };
  }

  /**
   * A begin without its end. Where its own heading follows, it is a section cut short, and runs
   * as far as one of the original's would; else nothing but the line itself is surely ours.
   */
  #endOfUnclosed(begin: Marker): number {
    const own = this.#nextHeading(this.#text, begin.next, begin.next + 1);
    if (own?.repo !== begin.repo) return begin.next;
    const limit = this.#markerFrom(begin.next)?.start ?? this.#bytes.length;
    return this.#legacyHeading(own.next, limit)?.start ?? limit;
  }

  /** The next heading that opens a section of the original utility. */
  #legacyHeading(from: number, to: number): LegacyHeading | undefined {
    let heading = this.#nextHeading(this.#text, from, to);
    // In a file that is ours already people may write such headings in their notes: there only
    // the line that the original puts below them makes one.
    while (heading !== undefined && this.#markers.length > 0 && !hasSyncedLine(this.#text, heading.next)) {
      heading = this.#nextHeading(this.#text, heading.next, to);
    }
    return heading;
  }

  #legacy(heading: LegacyHeading, gapEnd: number): void {
    const certain = certainEnd(this.#bytes, this.#text, heading, this.#known(heading.repo));
    if (certain !== undefined && this.#placeCertain(heading.repo, certain)) return;
    const nextHeading = this.#legacyHeading(heading.next, gapEnd);
    const reach = nextHeading === undefined ? gapEnd : this.#withoutLead(nextHeading.start, heading.next);
    // In a file that is ours the original pushed our own header down, and wrote above it.
    const ours =
      this.#markers.length > 0 && nextHeading === undefined
        ? this.#headersIn(heading.next, reach).at(-1)
        : undefined;
    const end = ours ?? usersTextStart(this.#text, heading.next, reach);
    this.#pushLegacy({ repo: heading.repo, certain: false }, end);
  }

  /**
   * Places a legacy section whose end is known. Headers behind it say that the original ran
   * several times; what it failed to remove then lies among them.
   *
   * @returns false where too much lies there to tell the users' text from stale text.
   */
  #placeCertain(repo: string, end: number): boolean {
    const marker = this.#markerFrom(end);
    const limit = marker?.start ?? this.#bytes.length;
    const headers = this.#headersIn(end, this.#legacyHeading(end, limit)?.start ?? limit);
    if (this.#markers.length === 0 && headers.length > 0) return false;
    this.#pushLegacy({ repo, certain: true }, end);
    const last = headers.at(-1);
    if (last !== undefined && headers.length > 1) this.#drop("stale-text", last);
    return true;
  }

  #pushLegacy(part: { readonly repo: string; readonly certain: boolean }, to: number): void {
    this.#parts.push({ kind: "legacy", ...part, bytes: this.#bytes.subarray(this.#cursor, to) });
    this.#cursor = to;
  }

  /** Where headers start in `[from, to)`. */
  #headersIn(from: number, to: number): number[] {
    const starts: number[] = [];
    let header = findHeader(this.#text, from, to);
    while (header !== undefined) {
      starts.push(header.start);
      header = findHeader(this.#text, header.end, to);
    }
    return starts;
  }

  /** The first marker that starts at `offset` or behind it. */
  #markerFrom(offset: number): Marker | undefined {
    let low = 0;
    let high = this.#markers.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#markers[middle]?.start ?? 0) < offset) low = middle + 1;
      else high = middle;
    }
    return this.#markers[low];
  }

  /** A byte order mark must stay the file's first bytes when a header is put on top. */
  #splitByteOrderMark(): void {
    const length = bomLength(this.#bytes);
    const first = this.#parts[0];
    if (length === 0 || first?.kind !== "foreign") return;
    this.#preamble = first.bytes.subarray(0, length);
    const rest = first.bytes.subarray(length);
    if (rest.length > 0) this.#parts[0] = { kind: "foreign", bytes: rest };
    else this.#parts.shift();
  }

  #damaged(repo: string, to: number): void {
    this.#parts.push({ kind: "damaged", repo, bytes: this.#bytes.subarray(this.#cursor, to) });
    this.#cursor = to;
  }

  #drop(why: Debris["why"], to: number): void {
    if (to > this.#cursor) this.#debris.push({ why, bytes: this.#bytes.subarray(this.#cursor, to) });
    this.#cursor = Math.max(this.#cursor, to);
  }

  #foreign(to: number): void {
    if (to <= this.#cursor) return;
    this.#parts.push({ kind: "foreign", bytes: this.#bytes.subarray(this.#cursor, to) });
    this.#cursor = to;
  }

  /** `at`, or behind the closing rule that follows there. */
  #withRule(at: number): number {
    return at + ruleLength(this.#text, at);
  }

  /** `at`, or before the one empty line that ends there: a section brings its own. */
  #withoutLead(at: number, from = this.#cursor): number {
    const bytes = this.#bytes;
    if (at <= from || bytes[at - 1] !== LF) return at;
    const start = at - 2 >= from && bytes[at - 2] === CR ? at - 2 : at - 1;
    return start === from || atLineStart(bytes, start) ? start : at;
  }

  #newlineLength(at: number): number {
    if (this.#bytes[at] === LF) return 1;
    return this.#bytes[at] === CR && this.#bytes[at + 1] === LF ? 2 : 0;
  }
}

/** `whole` or `whole` less the newline that was put before the end marker, whichever hashes right. */
function certifiedBody(whole: Buffer, sha256: string): Buffer | undefined {
  if (whole.length === 0 || whole[whole.length - 1] !== LF) {
    return createHash("sha256").update(whole).digest("hex") === sha256 ? whole : undefined;
  }
  const shorter = whole.subarray(0, -1);
  const hash = createHash("sha256").update(shorter);
  if (hash.copy().update("\n").digest("hex") === sha256) return whole;
  return hash.digest("hex") === sha256 ? shorter : undefined;
}

function allForeign(parts: readonly Part[]): parts is Extract<Part, { kind: "foreign" }>[] {
  return parts.every((part) => part.kind === "foreign");
}

function joinForeign(parts: readonly Part[]): Part[] {
  const joined: Part[] = [];
  for (const part of parts) {
    const last = joined.at(-1);
    if (part.kind === "foreign" && last?.kind === "foreign") {
      joined[joined.length - 1] = { kind: "foreign", bytes: Buffer.concat([last.bytes, part.bytes]) };
    } else {
      joined.push(part);
    }
  }
  return joined;
}
