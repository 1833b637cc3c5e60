/** One token of a Python script, as far as a reader of assignments needs to tell them apart. */
export interface Token {
  /** `text`: a string literal. `odd`: what is no Python, such as a string that does not end. */
  readonly kind: "name" | "number" | "text" | "sign" | "odd";
  /** As it is written; of a text what stands between its quotes. */
  readonly text: string;
  /** Of a text: the letters before its quotes, in lower case. */
  readonly prefix: string;
  readonly line: number;
}

/** What Python takes for one line: to the end of the line that is outside of all brackets. */
export interface LogicalLine {
  readonly tokens: readonly Token[];
  /** It begins at the left margin. */
  readonly outermost: boolean;
}

const SPACE = /[ \t\f\r]+|\\\r?\n|#[^\n]*/y;
const NAME = /[\p{L}\p{Nl}_][\p{L}\p{Nl}\p{Nd}\p{M}_]*/uy;
const NUMBER = /[0-9][0-9a-zA-Z_.]*/y;
const OPENING = /(?<prefix>[a-zA-Z]{0,2})(?<quotes>"""|'''|"|')/y;
const SIGN = /\*\*=?|\|=|[+\-*/%&^@<>!=:]=|\S/uy;
function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

/** Takes a script apart. Any text can be taken apart, be it Python or not. */
export function logicalLines(text: string): LogicalLine[] {
  const script = text.replace(/^\u{feff}/u, "");
  const lines: LogicalLine[] = [];
  let tokens: Token[] = [];
  let depth = 0;
  let outermost = true;
  let line = 1;
  let begins = true;
  const close = (): void => {
    if (tokens.length > 0) lines.push({ tokens, outermost });
    tokens = [];
  };
  for (let at = 0; at < script.length;) {
    if (script[at] === "\n") {
      if (depth === 0) close();
      begins ||= depth === 0;
      line += 1;
      at += 1;
      continue;
    }
    const space = matchAt(SPACE, script, at);
    if (space !== null) {
      line += space[0].includes("\n") ? 1 : 0;
      at += space[0].length;
      continue;
    }
    if (begins) outermost = at === 0 || script[at - 1] === "\n";
    begins = false;
    const { token, length } = tokenAt(script, at, line);
    const sign = token.kind === "sign" ? token.text : "";
    if (sign !== "" && "([{".includes(sign)) depth += 1;
    if (sign !== "" && ")]}".includes(sign)) depth = Math.max(0, depth - 1);
    // `a = 1; b = 2`
    if (depth === 0 && sign === ";") close();
    else tokens.push(token);
    line += script.slice(at, at + length).split("\n").length - 1;
    at += length;
  }
  close();
  return lines;
}

function tokenAt(
  script: string,
  at: number,
  line: number,
): { readonly token: Token; readonly length: number } {
  const opening = matchAt(OPENING, script, at);
  if (opening !== null) return textAt(script, at, opening, line);
  for (const [kind, pattern] of [
    ["name", NAME],
    ["number", NUMBER],
    ["sign", SIGN],
  ] as const) {
    const found = matchAt(pattern, script, at)?.[0];
    if (found !== undefined) return { token: { kind, text: found, prefix: "", line }, length: found.length };
  }
  return { token: { kind: "odd", text: script[at] ?? "", prefix: "", line }, length: 1 };
}

function textAt(
  script: string,
  at: number,
  opening: RegExpExecArray,
  line: number,
): { readonly token: Token; readonly length: number } {
  const { prefix = "", quotes = "" } = opening.groups ?? {};
  const from = at + opening[0].length;
  const end = endOfText(script, from, quotes);
  const ends = script.startsWith(quotes, end);
  const text = script.slice(from, end);
  const token: Token = { kind: ends ? "text" : "odd", text, prefix: prefix.toLowerCase(), line };
  return { token, length: end - at + (ends ? quotes.length : 0) };
}

/** Where its quotes are; else where a text without them ends, at the line's end or the script's. */
function endOfText(script: string, from: number, quotes: string): number {
  let at = from;
  while (at < script.length && !script.startsWith(quotes, at)) {
    if (script[at] === "\n" && quotes.length === 1) return at;
    at += script[at] === "\\" ? 2 : 1;
  }
  return Math.min(at, script.length);
}
