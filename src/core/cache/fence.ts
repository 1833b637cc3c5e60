/** Code fences, in which no text can act as Markdown: not its headings, not its tags, not an `@path` that a reader imports. */

const LF = 0x0a;
const BACKTICK = 0x60;
const TILDE = 0x7e;
const LEAST = 3;

/**
 * What a fence's opening line says behind its backticks. A line with a word behind them opens a fence and never
 * closes one, whatever fence somebody above has left open.
 */
const INFO = "text";

/** The fence around a text: backticks, at least three, and more than any run of fence characters in it. */
export function fenceFor(body: Buffer): string {
  let longest = 0;
  for (let at = nextRun(body, 0); at < body.length; at = nextRun(body, at)) {
    const start = at;
    const character = body[at];
    while (body[at] === character) at += 1;
    longest = Math.max(longest, at - start);
  }
  return "`".repeat(Math.max(LEAST, longest + 1));
}

/** The same for a text that is a string. */
export function fenceForText(text: string): string {
  return fenceFor(Buffer.from(text));
}

function nextRun(body: Buffer, from: number): number {
  let at = from;
  while (at < body.length && body[at] !== BACKTICK && body[at] !== TILDE) at += 1;
  return at;
}

/** What stands around a body in a fenced section: its two lines, and before the second the newline that the body lacks. */
export function fenceLines(
  body: Buffer,
  fence = fenceFor(body),
): { readonly open: string; readonly close: string } {
  const lacksNewline = body.length > 0 && body[body.length - 1] !== LF;
  return { open: `${fence}${INFO}\n`, close: `${lacksNewline ? "\n" : ""}${fence}\n` };
}

/** A body in its fence, as it stands in a cache. */
export function fenced(body: Buffer, fence?: string): Buffer {
  const { open, close } = fenceLines(body, fence);
  return Buffer.concat([Buffer.from(open), body, Buffer.from(close)]);
}

/**
 * What stands between the two lines of a fence that is the first and the last of `bytes`, with the newline before the
 * last; undefined where there is none. Whether it is the right fence for what it holds is for the caller to see.
 */
export function insideFence(bytes: Buffer): { readonly inside: Buffer; readonly fence: string } | undefined {
  let ticks = 0;
  while (bytes[ticks] === BACKTICK) ticks += 1;
  if (ticks < LEAST) return undefined;
  const fence = "`".repeat(ticks);
  const start = ticks + INFO.length + 1;
  if (bytes.toString("latin1", ticks, start) !== `${INFO}\n`) return undefined;
  const last = bytes.length - (bytes[bytes.length - 1] === LF ? 1 : 0) - ticks;
  if (last < start || bytes[last - 1] !== LF) return undefined;
  if (bytes.toString("latin1", last, last + ticks) !== fence) return undefined;
  return { inside: bytes.subarray(start, last), fence };
}

/** A line of backticks alone that ends at `to`, not before `from`: its backticks; undefined where the line is another. */
export function closingFence(bytes: Buffer, from: number, to: number): string | undefined {
  if (bytes[to - 1] !== LF) return undefined;
  let at = to - 1;
  if (bytes[at - 1] === 0x0d) at -= 1;
  const end = at;
  while (at > from && bytes[at - 1] === BACKTICK) at -= 1;
  if (end - at < LEAST || (at > from && bytes[at - 1] !== LF)) return undefined;
  return "`".repeat(end - at);
}

/** A line as Markdown's inline code, in which nothing acts either. */
export function codeSpan(line: string): string {
  const runs = line.match(/`+/g) ?? [];
  const ticks = "`".repeat(Math.max(0, ...runs.map((run) => run.length)) + 1);
  // Markdown takes one space off either side, where there is one on both.
  const pad = /^`|`$|^ .* $/.test(line) || line.trim() === "" ? " " : "";
  return `${ticks}${pad}${line}${pad}${ticks}`;
}

/** What {@link codeSpan} made a span of; undefined where it would not have made this one. */
export function insideCodeSpan(span: string): string | undefined {
  const ticks = /^`+/.exec(span)?.[0].length ?? 0;
  if (ticks === 0 || span.length < 2 * ticks) return undefined;
  const inside = span.slice(ticks, -ticks);
  return [inside, inside.slice(1, -1)].find((line) => codeSpan(line) === span);
}
