import { eastAsianWidth } from "get-east-asian-width";
import { stripVTControlCharacters } from "node:util";

const PLAIN = /^[ -~]*$/;

/** The columns of a terminal that a text takes; its colours take none. */
export function columnsOf(text: string): number {
  if (PLAIN.test(text)) return text.length;
  // Made when it is needed: it takes as long as a command may take to load.
  const NO_WIDTH = /[\p{M}\u200c\u200d]/u;
  let columns = 0;
  for (const character of stripVTControlCharacters(text))
    columns += NO_WIDTH.test(character) ? 0 : eastAsianWidth(character.codePointAt(0) ?? 0);
  return columns;
}

/** A text without colours, cut to so many columns, with a mark where something is missing. */
export function cut(text: string, columns: number): string {
  if (columnsOf(text) <= columns) return text;
  let kept = "";
  let taken = 1;
  for (const character of text) {
    taken += columnsOf(character);
    if (taken > columns) break;
    kept += character;
  }
  return columns < 1 ? "" : `${kept}…`;
}

/** How wide lines may be that go there; undefined where there is no terminal. */
export function widthOf({ isTTY, columns }: NodeJS.WriteStream): number | undefined {
  return isTTY ? columns || undefined : undefined;
}

/** The blanks outside of backticks: what is quoted there is copied, and stays whole where it fits. */
const BETWEEN_WORDS = / (?=(?:[^`]*`[^`]*`)*[^`]*$)/;

function wordsOf(text: string, room: number): string[] {
  return text.split(BETWEEN_WORDS).flatMap((word) => (columnsOf(word) > room ? word.split(" ") : [word]));
}

/**
 * A text without colours, broken at its blanks, and inside words that are longer than a line.
 *
 * @param indent before each line but the first. @param first before that one.
 */
export function wrap(text: string, columns: number | undefined, indent = "", first = ""): string[] {
  return columns === undefined ? [first + text] : broken(text, columns, indent, first, split);
}

/** The same, but no word is broken: out of the lines that the terminal makes of a long path it is copied whole. */
export function prose(text: string, columns: number | undefined, indent = "", first = ""): string[] {
  return columns === undefined ? [first + text] : broken(text, columns, indent, first, undefined);
}

type Parts = (word: string, columns: number, indent: string) => string[];

/** @param partsOf breaks a word that may be longer than a line; without it none is broken. */
function broken(
  text: string,
  columns: number,
  indent: string,
  first: string,
  partsOf: Parts | undefined,
): string[] {
  const lines: string[] = [];
  let line = first;
  let isFresh = true;
  for (const word of wordsOf(text, columns - indent.length)) {
    const joined = isFresh ? line + word : `${line} ${word}`;
    const fitsNowhere = partsOf === undefined && columnsOf(indent + word) > columns;
    if (columnsOf(joined) <= columns || (isFresh && fitsNowhere)) {
      line = joined;
      isFresh = false;
      continue;
    }
    if (line.trim() !== "") lines.push(line);
    const parts = partsOf?.(word, columns, indent) ?? [indent + word];
    lines.push(...parts.slice(0, -1));
    line = parts.at(-1) ?? indent;
    isFresh = false;
  }
  return [...lines, line];
}

function split(word: string, columns: number, indent: string): string[] {
  const lines: string[] = [];
  let line = indent;
  for (const character of word) {
    if (columnsOf(line + character) > columns && line !== indent) {
      lines.push(line);
      line = indent;
    }
    line += character;
  }
  return [...lines, line];
}

export interface Cell {
  readonly text: string;
  readonly paint?: (text: string) => string;
}

const GAP = "  ";
/** Of the first column at least this much stays where the last one needs room ... */
const LEAST_FIRST = 16;
/** ... which says nothing any more where it is shorter than this. */
const LEAST_LAST = 8;

/** Rows as lines whose columns stand below each other, no wider than a terminal: the first and the last give way. */
export function table(rows: readonly (readonly Cell[])[], columns: number | undefined): string[] {
  const count = Math.max(0, ...rows.map((row) => row.length));
  const natural = Array.from({ length: count }, (_, at) =>
    Math.max(...rows.map((row) => columnsOf(row[at]?.text ?? ""))),
  );
  const widths = columns === undefined ? natural : narrowed(natural, columns);
  return rows.map((row) => {
    const cells = row.map(({ text, paint }, at) => {
      const width = widths[at] ?? 0;
      const shown = cut(text, width);
      const filled = at === row.length - 1 ? "" : " ".repeat(width - columnsOf(shown));
      return shown === "" ? filled : (paint?.(shown) ?? shown) + filled;
    });
    return clipped(cells.join(GAP).trimEnd(), columns);
  });
}

function narrowed(natural: readonly number[], columns: number): number[] {
  const first = natural[0] ?? 0;
  const last = natural.at(-1) ?? 0;
  const inner = natural.slice(1, -1);
  const room = columns - inner.reduce((sum, width) => sum + width, 0) - GAP.length * (natural.length - 1);
  if (first + last <= room) return [...natural];
  const cutFirst = Math.min(first, Math.max(LEAST_FIRST, room - last));
  const left = room - cutFirst;
  if (left >= LEAST_LAST) return [cutFirst, ...inner, left];
  return [Math.min(first, Math.max(LEAST_LAST, room + GAP.length)), ...inner, 0];
}

/** On a terminal of a few columns: without its colours, for they would be cut too. */
function clipped(line: string, columns: number | undefined): string {
  if (columns === undefined || columnsOf(line) <= columns) return line;
  return cut(stripVTControlCharacters(line), columns);
}
