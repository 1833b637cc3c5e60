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
export function fenceLines(body: Buffer): { readonly open: string; readonly close: string } {
  const fence = fenceFor(body);
  const lacksNewline = body.length > 0 && body[body.length - 1] !== LF;
  return { open: `${fence}${INFO}\n`, close: `${lacksNewline ? "\n" : ""}${fence}\n` };
}

/** A fence's opening line at `at`: its backticks, and the offset behind it. */
export function openingFence(
  bytes: Buffer,
  at: number,
): { readonly fence: string; readonly next: number } | undefined {
  let ticks = 0;
  while (bytes[at + ticks] === BACKTICK) ticks += 1;
  const next = at + ticks + INFO.length + 1;
  if (ticks < LEAST || bytes.toString("latin1", at + ticks, next) !== `${INFO}\n`) return undefined;
  return { fence: "`".repeat(ticks), next };
}

/** Where the opening line of that fence begins which ends at `to`; `to` where none does. */
export function openingFenceStart(bytes: Buffer, from: number, to: number, fence: string): number {
  const line = `${fence}${INFO}\n`;
  const start = to - line.length;
  const isLine = start === from || (start > from && bytes[start - 1] === LF);
  return isLine && bytes.toString("latin1", start, to) === line ? start : to;
}

/** A fence's closing line, backticks alone, that ends at `to` and begins at `from` or behind it. */
export function closingFence(
  bytes: Buffer,
  from: number,
  to: number,
): { readonly fence: string; readonly start: number } | undefined {
  const end = to > from && bytes[to - 1] === LF ? to - 1 : to;
  let start = end;
  while (start > from && bytes[start - 1] === BACKTICK) start -= 1;
  if (end - start < LEAST || (start > from && bytes[start - 1] !== LF)) return undefined;
  return { fence: "`".repeat(end - start), start };
}

/**
 * What stands between the two lines of a fence that is the first and the last of `bytes`, with the newline before the
 * last; undefined where there is none. Whether it is the right fence for what it holds is for the caller to see.
 */
export function insideFence(bytes: Buffer): { readonly inside: Buffer; readonly fence: string } | undefined {
  const opening = openingFence(bytes, 0);
  if (opening === undefined) return undefined;
  const { fence, next } = opening;
  const closing = closingFence(bytes, next, bytes.length);
  return closing?.fence === fence ? { inside: bytes.subarray(next, closing.start), fence } : undefined;
}

const FENCE_LINE = /^ {0,3}(`{3,}(?=[^`]*$)|~{3,})(.*)$/;

/** Whether a text ends inside a fence that it has opened itself. */
export function leavesFenceOpen(text: string): boolean {
  let open: string | undefined;
  for (const line of text.split(/\r\n?|\n/)) {
    const [, fence, rest = ""] = FENCE_LINE.exec(line) ?? [];
    if (fence === undefined) continue;
    if (open === undefined) open = fence;
    else if (fence.startsWith(open) && rest.trim() === "") open = undefined;
  }
  return open !== undefined;
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
