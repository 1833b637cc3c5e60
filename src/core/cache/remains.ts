/** What is left of a body after a cut through it, told by the body itself. CRLF, CR and LF count as one. */

const LF = 0x0a;
const CR = 0x0d;

/**
 * How far `bytes` from `from` on are the beginning of `body`, in whole lines.
 *
 * @returns `end`, the offset behind the last such line or `to` where all of it is, and whether the
 *   body stands there whole.
 */
export function beginningEnd(
  bytes: Buffer,
  from: number,
  to: number,
  body: Buffer,
): { readonly end: number; readonly whole: boolean } {
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
