import { NAME } from "../name.ts";

/** The delimiter lines of format 1, and the one pass that finds them. */

export const FORMAT = "1";
const PREFIX = Buffer.from("<!-- state-syncd:");
const LF = 0x0a;
const CR = 0x0d;
const BOM = Buffer.from([0xef, 0xbb, 0xbf]);

export const INDEX_BEGIN = "<!-- state-syncd:index -->";
export const INDEX_END = "<!-- state-syncd:index:end -->";

const BEGIN = new RegExp(
  `^<!-- state-syncd:begin repo="(${NAME})" format="(\\d+)" sha256="([0-9a-f]{64})" -->$`,
);
const END = new RegExp(`^<!-- state-syncd:end repo="(${NAME})" sha256="([0-9a-f]{64})" -->$`);

/** No delimiter is longer: a name of 255 bytes and a digest fit well. */
const LONGEST = 512;

export type MarkerKind = "begin" | "end" | "index" | "index-end";

export interface Marker {
  readonly kind: MarkerKind;
  /** Offset of the line's first byte. */
  readonly start: number;
  /** Offset behind the line's newline, or the end of the file. */
  readonly next: number;
  readonly repo: string;
  readonly sha256: string;
  readonly format: string;
}

export function beginMarker(repo: string, sha256: string): string {
  return `<!-- state-syncd:begin repo="${repo}" format="${FORMAT}" sha256="${sha256}" -->`;
}

export function endMarker(repo: string, sha256: string): string {
  return `<!-- state-syncd:end repo="${repo}" sha256="${sha256}" -->`;
}

/** Length of a byte order mark at the start of `bytes`: 3 or 0. */
export function bomLength(bytes: Buffer): number {
  return bytes.length >= 3 && bytes.compare(BOM, 0, 3, 0, 3) === 0 ? 3 : 0;
}

/** True where a line starts at `offset`. */
export function atLineStart(bytes: Buffer, offset: number): boolean {
  return offset === 0 || bytes[offset - 1] === LF || (offset === 3 && bomLength(bytes) === 3);
}

/** The offset behind the newline that ends the line of `offset`, or the end of the file. */
export function lineEnd(bytes: Buffer, offset: number): number {
  const newline = bytes.indexOf(LF, offset);
  return newline === -1 ? bytes.length : newline + 1;
}

/** The line at `offset` without its newline (a CR before it included), one char a byte. */
export function lineAt(bytes: Buffer, offset: number, next: number): string {
  let end = next;
  if (end > offset && bytes[end - 1] === LF) end -= 1;
  if (end > offset && bytes[end - 1] === CR) end -= 1;
  return bytes.toString("latin1", offset, end);
}

/** False where nothing in `bytes` can be read as a delimiter, whatever comes to stand around it. */
export function mayHoldMarker(bytes: Buffer): boolean {
  return bytes.includes(PREFIX);
}

/** All delimiter lines, in file order, in one pass over the bytes. */
export function findMarkers(bytes: Buffer): Marker[] {
  const found: Marker[] = [];
  for (let at = bytes.indexOf(PREFIX); at !== -1; at = bytes.indexOf(PREFIX, at + 1)) {
    if (!atLineStart(bytes, at)) continue;
    const next = lineEnd(bytes, at);
    if (next - at > LONGEST) continue;
    const marker = parseMarker(lineAt(bytes, at, next));
    if (marker !== undefined) found.push({ ...marker, start: at, next });
  }
  return found;
}

/**
 * Each begin's end: the first behind it that names the same repo and digest. A like begin between
 * them shows that the first was cut short, for no body can hold its own digest.
 */
export function pairMarkers(markers: readonly Marker[]): Map<Marker, Marker> {
  const ends = new Map<Marker, Marker>();
  const open = new Map<string, Marker>();
  for (const marker of markers) {
    const key = `${marker.repo} ${marker.sha256}`;
    if (marker.kind === "begin") open.set(key, marker);
    if (marker.kind !== "end") continue;
    const begin = open.get(key);
    if (begin === undefined) continue;
    ends.set(begin, marker);
    open.delete(key);
  }
  return ends;
}

function parseMarker(line: string): Pick<Marker, "kind" | "repo" | "sha256" | "format"> | undefined {
  if (line === INDEX_BEGIN) return { kind: "index", repo: "", sha256: "", format: "" };
  if (line === INDEX_END) return { kind: "index-end", repo: "", sha256: "", format: "" };
  const begin = BEGIN.exec(line);
  if (begin !== null) {
    const [, repo = "", format = "", digest = ""] = begin;
    return { kind: "begin", repo, format, sha256: digest };
  }
  const end = END.exec(line);
  if (end === null) return undefined;
  const [, repo = "", digest = ""] = end;
  return { kind: "end", repo, format: "", sha256: digest };
}

/** The first of `items` (in file order) that starts in `[from, to)`. */
export function firstFrom<T extends { readonly start: number }>(
  items: readonly T[],
  from: number,
  to = Number.POSITIVE_INFINITY,
): T | undefined {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((items[middle]?.start ?? 0) < from) low = middle + 1;
    else high = middle;
  }
  const found = items[low];
  return found !== undefined && found.start < to ? found : undefined;
}
