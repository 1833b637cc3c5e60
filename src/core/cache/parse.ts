import {
  allForeign,
  type Debris,
  joinForeign,
  type ParsedCache,
  type Part,
  type Section,
} from "./document.ts";
import { closingFence, leavesFenceOpen } from "./fence.ts";
import { certifiedBody, readHead } from "./head.ts";
import {
  certainEnd,
  findHeaders,
  findHeadings,
  hasSyncedLine,
  type HeaderMatch,
  type LegacyHeading,
  ruleLength,
  usersTextStart,
} from "./legacy.ts";
import {
  atLineStart,
  bomLength,
  findMarkers,
  firstFrom,
  FORMAT,
  lineAt,
  lineEnd,
  type Marker,
  pairMarkers,
} from "./markers.ts";
import { KnownBodies, type KnownTexts } from "./known-bodies.ts";
import { beginningEnd, endingStart, findRemains } from "./remains.ts";
import { isIndex, sectionHeading } from "./render.ts";

const LF = 0x0a;
const CR = 0x0d;
/** Between a header and its rule, where an index was taken out by hand. */
const MOST_BLANK_LINES = 3;

export interface ParseOptions extends KnownTexts {
  /** Every registered repo: only their headings can open a section of the original utility. */
  readonly registered: readonly string[];
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
  readonly #endOf: ReadonlyMap<Marker, Marker>;
  /** All found in one pass each, so that a file of nothing but openings is still read in linear time. */
  readonly #headers: readonly HeaderMatch[];
  readonly #headings: readonly LegacyHeading[];
  readonly #known: KnownBodies;
  readonly #parts: Part[] = [];
  readonly #debris: Debris[] = [];
  /** Everything before this offset has been placed. */
  #cursor = 0;
  #preamble: Buffer | undefined;
  #updatedAt: string | undefined;
  #joined = false;
  #hasSection = false;
  #hasFence = false;

  constructor(bytes: Buffer, options: ParseOptions) {
    this.#bytes = bytes;
    this.#text = bytes.toString("latin1");
    this.#markers = findMarkers(bytes);
    this.#endOf = pairMarkers(this.#markers);
    this.#headers = findHeaders(this.#text);
    // In a file that is ours already people may write such headings in their notes: there only
    // the line that the original puts below them makes one.
    this.#headings = findHeadings(this.#text, options.registered).filter(
      (heading) => this.#markers.length === 0 || hasSyncedLine(this.#text, heading.next),
    );
    this.#known = new KnownBodies(options);
  }

  run(): ParsedCache {
    const paired = new Set(this.#endOf.values());
    const remains = findRemains(this.#bytes, this.#markers, (marker) =>
      marker.kind === "end" && !paired.has(marker) ? this.#known.certified(marker) : undefined,
    );
    for (const marker of this.#markers) {
      // A marker inside a part that is already placed, a body for instance, is only text.
      if (marker.start < this.#cursor || remains.quoted.has(marker)) continue;
      const start = remains.starts.get(marker) ?? this.#staleStart(marker);
      const loose = start === marker.start ? this.#looseFenceStart(marker) : start;
      this.#gap(loose, marker.kind === "begin");
      if (loose < start && this.#cursor === loose) this.#drop("stale-text", start);
      if (marker.start < this.#cursor) continue;
      if (marker.kind === "begin") this.#section(marker);
      else if (marker.kind === "index") this.#index(marker);
      else this.#drop("stray-marker", this.#withRule(marker.next));
    }
    this.#gap(this.#bytes.length, false);
    if (this.#preamble === undefined) this.#splitByteOrderMark();
    const parts = joinForeign(this.#parts);
    return {
      preamble: this.#preamble ?? Buffer.alloc(0),
      updatedAt: this.#updatedAt,
      parts,
      fence: this.#hasFence,
      joined: this.#joined || parts.length < this.#parts.length,
      debris: this.#debris,
      marked: this.#markers.length > 0,
    };
  }

  /** Places what lies between two delimited parts: headers, the original's sections, foreign text. */
  #gap(to: number, sectionFollows: boolean): void {
    while (this.#cursor < to) {
      const header = firstFrom(this.#headers, this.#cursor, to);
      const heading = firstFrom(this.#headings, this.#cursor, header?.start ?? to);
      if (heading !== undefined) {
        this.#foreign(this.#withoutLead(heading.start));
        this.#legacy(heading, to);
      } else if (header !== undefined) {
        // Where the original took the title away, it left the empty line below it.
        this.#foreign(header.titled ? header.start : this.#withoutLead(header.start));
        this.#header(header);
      } else {
        this.#foreign(sectionFollows ? this.#withoutLead(to) : to);
        this.#cursor = to;
      }
    }
  }

  #header(header: HeaderMatch): void {
    let next = header.end + ruleLength(this.#text, header.end, MOST_BLANK_LINES);
    // Between header and index stands one empty line, and between the original's header and its first section.
    const blank = this.#newlineLength(next);
    const following = firstFrom(this.#markers, next);
    const indexFollows = following?.kind === "index" && following.start === next + blank;
    if (indexFollows || (!header.titled && next > header.end)) next += blank;
    if (this.#updatedAt !== undefined) {
      // The original pushes headers down to above our first section. One below it is somebody's quotation.
      this.#drop(this.#hasSection ? "stale-text" : "duplicate-header", next);
      return;
    }
    this.#updatedAt = header.updatedAt;
    // What has been found so far stands above the header, and stays there if it is text.
    if (allForeign(this.#parts)) {
      this.#joined = this.#parts.length > 1;
      this.#preamble = Buffer.concat(this.#parts.map((part) => part.bytes));
      this.#parts.length = 0;
    }
    this.#cursor = next;
  }

  /** An index is made anew at every rewrite; only its own table lines go with it. */
  #index(marker: Marker): void {
    let at = marker.next;
    while (at < this.#bytes.length && this.#bytes[at] === 0x7c /* | */) at = lineEnd(this.#bytes, at);
    const rows = this.#text.slice(marker.next, at);
    const following = firstFrom(this.#markers, at);
    const closed = following?.kind === "index-end" && following.start === at;
    const next = this.#withRule(closed ? following.next : at);
    if (this.#hasSection || !isIndex(rows)) this.#drop("stale-text", next);
    this.#cursor = next;
  }

  #section(begin: Marker): void {
    const end = this.#endOf.get(begin);
    if (end === undefined) {
      const to = this.#endOfUnclosed(begin);
      // With the end that it lacks it may be whole.
      const whole = this.#certified(begin, to);
      if (whole === undefined) this.#damaged(begin, to, false);
      else this.#place(whole, to);
      return;
    }
    const section = this.#certified(begin, end.start);
    if (section === undefined) {
      this.#damaged(begin, end.next, true);
    } else {
      this.#place(section, end.next);
    }
    this.#cursor = this.#withRule(end.next);
  }

  #place(section: Section, to: number): void {
    this.#parts.push({ kind: "section", section });
    this.#hasSection = true;
    this.#cursor = to;
  }

  /** @param to where its body ends. */
  #certified(begin: Marker, to: number): Section | undefined {
    if (begin.format !== FORMAT) return undefined;
    const head = readHead(this.#bytes, begin, to);
    if (head === undefined) return undefined;
    const found = certifiedBody(this.#bytes.subarray(head.bodyStart, to), begin.sha256);
    const facts = found === undefined ? undefined : head.facts(found.isFenced);
    if (found === undefined || facts === undefined) return undefined;
    this.#hasFence ||= found.isFenced;
    return { repo: begin.repo, sha256: begin.sha256, body: found.body, ...facts };
  }

  /**
   * How far a section reaches whose end is missing. One cut through a cache takes an end and leaves
   * a text: the rest of another body where that one's end follows, else what people wrote. Text
   * that is known not to belong to the section is theirs; the rest is damaged with it.
   */
  #endOfUnclosed(begin: Marker): number {
    const known = this.#endOfKnown(begin);
    if (known?.whole === true) return this.#withRule(known.end);
    // What a known body quotes is no marker.
    const following = firstFrom(this.#markers, known?.end ?? begin.next);
    const limit = following?.start ?? this.#bytes.length;
    if (following?.kind === "end") return limit;
    if (known !== undefined) return known.end;
    const headingEnd = lineEnd(this.#bytes, begin.next);
    if (lineAt(this.#bytes, begin.next, headingEnd) !== sectionHeading(begin.repo)) return begin.next;
    return firstFrom(this.#headers, headingEnd, limit)?.start ?? limit;
  }

  /** How much of the body that a begin marker certifies stands below it, where that body is known. */
  #endOfKnown(begin: Marker): ReturnType<typeof beginningEnd> | undefined {
    const body = this.#known.certified(begin);
    const head = body === undefined ? undefined : readHead(this.#bytes, begin, this.#bytes.length);
    if (body === undefined || head === undefined) return undefined;
    return beginningEnd(this.#bytes, head.bodyStart, this.#bytes.length, body);
  }

  /** Where the remains of an older body may begin, which ended as the known one does. */
  #staleStart(marker: Marker): number {
    const body = marker.kind === "end" ? this.#known.of(marker.repo) : undefined;
    return body === undefined ? marker.start : endingStart(this.#bytes, this.#cursor, marker.start, body);
  }

  /**
   * Where the line begins that closed the fence of a section of which only the end is left. It would open one there,
   * and turn all that follows inside out. One that closes a fence of the text above it is that text's own.
   */
  #looseFenceStart(marker: Marker): number {
    if (marker.kind !== "end") return marker.start;
    const closing = closingFence(this.#bytes, this.#cursor, marker.start);
    if (closing === undefined) return marker.start;
    return leavesFenceOpen(this.#text.slice(this.#cursor, closing.start)) ? marker.start : closing.start;
  }

  #legacy(heading: LegacyHeading, gapEnd: number): void {
    const certain = certainEnd(this.#bytes, this.#text, heading, this.#known.copied(heading.repo));
    if (certain !== undefined && this.#placeCertain(heading, certain)) return;
    const nextHeading = firstFrom(this.#headings, heading.next, gapEnd);
    const reach = nextHeading === undefined ? gapEnd : this.#withoutLead(nextHeading.start, heading.next);
    // In a file that is ours the original pushed our own header down, and wrote above it.
    const ours =
      this.#markers.length > 0 && nextHeading === undefined
        ? this.#headersIn(heading.next, reach).at(-1)?.start
        : undefined;
    const end = ours ?? usersTextStart(this.#text, heading.next, reach);
    this.#pushLegacy(heading, false, end);
  }

  /**
   * Places a legacy section whose end is known. Headers behind it say that the original ran
   * several times; what it failed to remove then lies among them.
   *
   * @returns false where too much lies there to tell the users' text from stale text.
   */
  #placeCertain(heading: LegacyHeading, end: number): boolean {
    const limit = firstFrom(this.#markers, end)?.start ?? this.#bytes.length;
    const headers = this.#headersIn(end, firstFrom(this.#headings, end, limit)?.start ?? limit);
    if (this.#markers.length === 0 && headers.length > 0) return false;
    this.#pushLegacy(heading, true, end);
    const last = headers.at(-1);
    if (last !== undefined && headers.length > 1) this.#drop("stale-text", last.start);
    return true;
  }

  #pushLegacy(heading: LegacyHeading, certain: boolean, to: number): void {
    const bytes = this.#bytes.subarray(heading.start, to);
    this.#parts.push({ kind: "legacy", repo: heading.repo, certain, bytes });
    this.#cursor = to;
  }

  #headersIn(from: number, to: number): HeaderMatch[] {
    const found: HeaderMatch[] = [];
    let header = firstFrom(this.#headers, from, to);
    while (header !== undefined) {
      found.push(header);
      header = firstFrom(this.#headers, header.end, to);
    }
    return found;
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

  #damaged(begin: Marker, to: number, closed: boolean): void {
    const { repo, sha256 } = begin;
    this.#parts.push({ kind: "damaged", repo, sha256, closed, bytes: this.#bytes.subarray(begin.start, to) });
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
