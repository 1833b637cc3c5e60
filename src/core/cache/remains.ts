import { closingFence, openingFence, openingFenceStart } from "./fence.ts";
import type { Marker } from "./markers.ts";

/** What is left of a body after a cut through it, told by the body itself, in a fence or without. CRLF, CR and LF count as one. */

const LF = 0x0a;
const CR = 0x0d;

interface Beginning {
  /** The offset behind the last line that is the body's; `to` where all of them are. */
  readonly end: number;
  /** The body stands there whole. */
  readonly whole: boolean;
}

/** How far `bytes` from `from` on are the beginning of `body`, in whole lines. */
export function beginningEnd(bytes: Buffer, from: number, to: number, body: Buffer): Beginning {
  const plain = plainBeginning(bytes, from, to, body);
  const opening = openingFence(bytes, from);
  if (plain.whole || opening === undefined) return plain;
  const { fence, next } = opening;
  const inside = plainBeginning(bytes, next, to, body);
  const framed = inside.whole ? closed(bytes, inside.end, to, fence) : inside;
  return framed.end > plain.end ? framed : plain;
}

/** Behind the line that closes a fence, where that is there; as much of it as a cut at `to` has left. */
function closed(bytes: Buffer, at: number, to: number, fence: string): Beginning {
  const end = Math.min(at + fence.length, to);
  if (bytes.toString("latin1", at, end) !== fence.slice(0, end - at)) return { end: at, whole: false };
  if (end === to) return { end, whole: end - at === fence.length };
  const width = newlineAfter(bytes, end, to);
  return width === 0 ? { end: at, whole: false } : { end: end + width, whole: true };
}

function plainBeginning(bytes: Buffer, from: number, to: number, body: Buffer): Beginning {
  let at = from;
  let lineStart = from;
  let inBody = 0;
  while (at < to && inBody < body.length) {
    const width = newlineAfter(bytes, at, to);
    const bodyWidth = newlineAfter(body, inBody, body.length);
    if (width > 0 && bodyWidth > 0) {
      at += width;
      inBody += bodyWidth;
      lineStart = at;
    } else if (width === 0 && bodyWidth === 0 && bytes[at] === body[inBody]) {
      at += 1;
      inBody += 1;
    } else return { end: lineStart, whole: false };
  }
  if (at === to) return { end: to, whole: inBody === body.length };
  // A body without a final newline got one when it was written.
  const width = at === lineStart ? 0 : newlineAfter(bytes, at, to);
  if (at !== lineStart && width === 0) return { end: lineStart, whole: false };
  return { end: at + width, whole: true };
}

/**
 * How far back `bytes` before `to` are the end of `body`, in whole lines.
 *
 * @returns the offset of the first such line; `to` where there is none.
 */
export function endingStart(bytes: Buffer, from: number, to: number, body: Buffer): number {
  const plain = plainEnding(bytes, from, to, body);
  const closing = closingFence(bytes, from, to);
  if (closing === undefined) return plain;
  const inside = plainEnding(bytes, from, closing.start, body);
  const start = openingFenceStart(bytes, from, inside, closing.fence);
  // A line of backticks alone may be anybody's.
  return start === closing.start ? plain : Math.min(plain, start);
}

function plainEnding(bytes: Buffer, from: number, to: number, body: Buffer): number {
  let at = to;
  let lineStart = to;
  let inBody = body.length;
  // A body without a final newline got one when it was written.
  if (newlineBefore(body, inBody) === 0) at -= newlineBefore(bytes, at);
  while (at > from && inBody > 0) {
    const width = newlineBefore(bytes, at);
    const bodyWidth = newlineBefore(body, inBody);
    if (width > 0 && bodyWidth > 0) {
      lineStart = at;
      at -= width;
      inBody -= bodyWidth;
    } else if (width === 0 && bodyWidth === 0 && bytes[at - 1] === body[inBody - 1]) {
      at -= 1;
      inBody -= 1;
    } else return lineStart;
  }
  return at <= from || newlineBefore(bytes, at) > 0 ? Math.max(at, from) : lineStart;
}

/**
 * What is left of bodies whose beginnings are missing, each closed by an end marker that has no
 * begin. What such a body quotes is no marker.
 *
 * @param markers all, in file order.
 * @param bodyOf the body that a marker closes, of those that have no begin, where it is known. No
 *   body holds its own end, so that each byte is looked at once, whatever a text is made of.
 */
export function findRemains(
  bytes: Buffer,
  markers: readonly Marker[],
  bodyOf: (marker: Marker) => Buffer | undefined,
): { readonly starts: ReadonlyMap<Marker, number>; readonly quoted: ReadonlySet<Marker> } {
  const starts = new Map<Marker, number>();
  const quoted = new Set<Marker>();
  for (const [index, marker] of markers.entries()) {
    const body = bodyOf(marker);
    if (body === undefined) continue;
    const start = endingStart(bytes, 0, marker.start, body);
    starts.set(marker, start);
    for (let at = index - 1; (markers[at]?.start ?? -1) >= start; at -= 1) {
      const inside = markers[at];
      if (inside !== undefined) quoted.add(inside);
    }
  }
  return { starts, quoted };
}

function newlineAfter(bytes: Buffer, at: number, to: number): number {
  if (bytes[at] === LF) return 1;
  if (bytes[at] !== CR) return 0;
  return at + 1 < to && bytes[at + 1] === LF ? 2 : 1;
}

function newlineBefore(bytes: Buffer, at: number): number {
  if (bytes[at - 1] === CR) return 1;
  if (bytes[at - 1] !== LF) return 0;
  return bytes[at - 2] === CR ? 2 : 1;
}
