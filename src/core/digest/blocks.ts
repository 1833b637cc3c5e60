/**
 * A state file as pieces that are taken or left as a whole. By lines, and not by a parser of Markdown:
 * state files hold what no parser agrees about, and a line is what their writers think in.
 */

/** What is taken or left as a whole: a list item's line, a line of prose, a fence, a table's row. */
export interface Piece {
  readonly kind: "item" | "prose" | "fence" | "row";
  readonly lines: readonly string[];
  /** Of a row: its table's head, which has to stand above the first row that is taken. */
  readonly head?: readonly string[];
  /** Of an item: how far it is indented. */
  readonly indent: number;
}

/** A heading with what stands below it, up to the next heading. */
export interface Passage {
  /** 0 for what stands above the first heading. */
  readonly level: number;
  /** As it is written, without its marks; empty above the first heading. */
  readonly title: string;
  /** The headings that it stands below, but for the document's title. */
  readonly above: readonly string[];
  readonly pieces: readonly Piece[];
  /** Of all its lines, in UTF-16 units. */
  readonly size: number;
}

export interface Blocks {
  /** `key: value` of the front matter, in order. */
  readonly facts: readonly (readonly [key: string, value: string])[];
  readonly passages: readonly Passage[];
}

const FENCE = /^ {0,3}(`{3,}|~{3,})/;
// Lines are a peer's, of up to a megabyte: where two runs of blanks may follow each other, a pattern
// tries every way to divide them. So lines come without the blanks at their end.
const HEADING = /^ {0,3}(#{1,6})(?:[ \t]+(.*))?$/;
/** `**Next steps**:` alone on its line is a heading for who wrote it. */
const BOLD_HEADING = /^(?:\*\*|__)((?:(?!\*\*|__).)+)(?:\*\*|__)[ \t]*:?$/;
const ITEM = /^([ \t]*)(?:[-*+•]|\d{1,9}[.)])[ \t]+\S/;
const ROW = /^[ \t]*\|.*\|[ \t]*$/;
const DIVIDER = /^\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?$/;
const RULE = /^ {0,3}(?:(?:-[ \t]*){3,}|(?:\*[ \t]*){3,}|(?:_[ \t]*){3,}|={3,})$/;

/** Where bold headings rank: below every heading with marks. */
const BOLD_LEVEL = 7;

export function readBlocks(text: string): Blocks {
  const lines = linesOf(text);
  const matter = frontMatter(lines);
  const reader = new Reader();
  for (const line of lines.slice(matter.length)) reader.read(line);
  return { facts: factsOf(matter), passages: reader.end() };
}

/** The facts of the front matter alone, as in {@link Blocks.facts}. */
export function readFacts(text: string): Blocks["facts"] {
  return factsOf(frontMatter(linesOf(text)));
}

/** Without their ends, of whatever kind, and a byte order mark. */
export function linesOf(text: string): string[] {
  return text
    .replace(/^\uFEFF/, "")
    .replace(/(?:\r\n|\n|\r)$/, "")
    .split(/\r\n|\n|\r/);
}

/** The lines of the front matter with its delimiters; none where it is never closed. */
function frontMatter(lines: readonly string[]): readonly string[] {
  if (lines[0]?.trimEnd() !== "---") return [];
  const end = lines.findIndex((line, at) => at > 0 && /^(?:---|\.\.\.)[ \t]*$/.test(line));
  const matter = lines.slice(0, end + 1);
  // A rule above a text is no front matter.
  return end > 0 && matter.slice(1, -1).every((line) => /^(?:[\w.-]+[ \t]*:|[ \t]|#|-|$)/.test(line))
    ? matter
    : [];
}

function factsOf(matter: readonly string[]): [string, string][] {
  return matter.flatMap((line): [string, string][] => {
    const [, key, value] = /^([\w.-]+)[ \t]*:[ \t]+(\S.*)$/.exec(line.trimEnd()) ?? [];
    if (key === undefined || value === undefined || /^(?:null|~|\[\]|\{\}|""|''|[|>][+-]?)$/.test(value))
      return [];
    return [[key, value.replace(/^(["'])(.*)\1$/, "$2")]];
  });
}

class Reader {
  readonly #passages: Passage[] = [];
  #level = 0;
  #title = "";
  readonly #above: { readonly level: number; readonly title: string }[] = [];
  #titles: readonly string[] = [];
  #pieces: Piece[] = [];
  #size = 0;
  #fence: { readonly marks: string; readonly lines: string[] } | undefined;
  #table: string[] = [];

  read(line: string): void {
    this.#size += line.length + 1;
    if (this.#fence !== undefined) {
      this.#inFence(line, this.#fence);
      return;
    }
    const [, marks] = FENCE.exec(line) ?? [];
    if (marks !== undefined) {
      this.#endTable();
      this.#fence = { marks, lines: [line] };
      return;
    }
    if (ROW.test(line) || (this.#table.length === 1 && line.includes("|") && isDivider(line))) {
      this.#table.push(line);
      return;
    }
    this.#endTable();
    const heading = headingOf(line);
    if (heading !== undefined) this.#begin(heading, line);
    else if (line.trim() !== "" && !RULE.test(line)) this.#pieces.push(pieceOf(line));
  }

  end(): Passage[] {
    this.#endTable();
    // What an unclosed fence holds is what its writer takes for text.
    for (const line of this.#fence?.lines.slice(1) ?? [])
      if (line.trim() !== "") this.#pieces.push(pieceOf(line));
    this.#close();
    return this.#passages;
  }

  #inFence(line: string, fence: { readonly marks: string; readonly lines: string[] }): void {
    fence.lines.push(line);
    const [, marks] = /^ {0,3}(`{3,}|~{3,})[ \t]*$/.exec(line) ?? [];
    if (marks === undefined || marks[0] !== fence.marks[0] || marks.length < fence.marks.length) return;
    this.#pieces.push({ kind: "fence", lines: fence.lines, indent: 0 });
    this.#fence = undefined;
  }

  #endTable(): void {
    const [first, second, ...rest] = this.#table.splice(0);
    if (first === undefined) return;
    const headed = second !== undefined && isDivider(second);
    const head = headed ? [first, second] : [];
    const rows = headed ? rest : [first, ...(second === undefined ? [] : [second, ...rest])];
    for (const row of rows) this.#pieces.push({ kind: "row", lines: [row], head, indent: 0 });
  }

  #begin({ level, title }: { readonly level: number; readonly title: string }, line: string): void {
    this.#size -= line.length + 1;
    this.#close();
    while ((this.#above.at(-1)?.level ?? 0) >= level) this.#above.pop();
    this.#level = level;
    this.#title = title;
    this.#size = line.length + 1;
    this.#titles = this.#above.map((each) => each.title);
    if (level > 1) this.#above.push({ level, title });
  }

  #close(): void {
    if (this.#title !== "" || this.#pieces.length > 0)
      this.#passages.push({
        level: this.#level,
        title: this.#title,
        above: this.#titles,
        pieces: this.#pieces,
        size: this.#size,
      });
    this.#pieces = [];
    this.#size = 0;
  }
}

function headingOf(line: string): { readonly level: number; readonly title: string } | undefined {
  const plain = line.trimEnd();
  const [, marks, title = ""] = HEADING.exec(plain) ?? [];
  if (marks !== undefined) return { level: marks.length, title: withoutClosing(title) };
  const [, name] = BOLD_HEADING.exec(plain) ?? [];
  return name === undefined ? undefined : { level: BOLD_LEVEL, title: name.replace(/:$/, "") };
}

/** `Next ##` is `Next`. */
function withoutClosing(title: string): string {
  let end = title.length;
  while (title[end - 1] === "#") end -= 1;
  return end < title.length && /[ \t]/.test(title[end - 1] ?? " ") ? title.slice(0, end).trimEnd() : title;
}

function isDivider(line: string): boolean {
  return DIVIDER.test(line.trim());
}

function pieceOf(line: string): Piece {
  const [, indent] = ITEM.exec(line) ?? [];
  if (indent === undefined) return { kind: "prose", lines: [line], indent: 0 };
  return { kind: "item", lines: [line], indent: indent.replaceAll("\t", "    ").length };
}
