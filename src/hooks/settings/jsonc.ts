import { createScanner, type Node, type ParseError, parseTree, printParseErrorCode } from "jsonc-parser";

/**
 * JSON with comments, changed in its text: what is not put in or taken out keeps its every byte.
 * (The parser's own editing lays out anew what stands around a change.)
 */

export type { Node } from "jsonc-parser";

/** A file of settings that is not understood, and is therefore left alone. */
export class SettingsError extends Error {
  /** From 1. */
  readonly line: number;
  readonly column: number;

  constructor(text: string, offset: number, problem: string) {
    super(problem);
    this.name = "SettingsError";
    const lines = text.slice(0, offset).split("\n");
    this.line = lines.length;
    this.column = (lines.at(-1) ?? "").replace(/^\uFEFF/, "").length + 1;
  }
}

/** What the declarations of the scanner call by names that are gone at run time. */
const COMMA = 5;
const LINE_COMMENT = 12;
const BLOCK_COMMENT = 13;
const LINE_BREAK = 14;
const BLANKS = 15;
const END = 17;

/** @throws SettingsError. */
export function parseJsonc(text: string): Node {
  const errors: ParseError[] = [];
  // A byte order mark is none of JSON's characters; a blank in its place keeps the offsets.
  const root = parseTree(text.replace(/^\uFEFF/, " "), errors, { allowTrailingComma: true });
  const [first] = errors;
  if (first !== undefined)
    throw new SettingsError(text, first.offset, inWords(printParseErrorCode(first.error)));
  if (root === undefined) throw new SettingsError(text, text.length, "a value is expected");
  return root;
}

/** `CommaExpected`: a comma is what is expected. */
function inWords(code: string): string {
  const words = code.replace(/(?<=[a-z])[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`).toLowerCase();
  return `not valid JSON: ${words}`;
}

/** The value of a property; undefined where there is none. */
export function valueOf(object: Node, key: string): Node | undefined {
  return propertiesOf(object, key)[0]?.children?.[1];
}

/** A property by its key: several where somebody wrote it twice. */
export function propertiesOf(object: Node, key: string): Node[] {
  return (object.children ?? []).filter(({ children }) => children?.[0]?.value === key);
}

interface Token {
  readonly kind: number;
  readonly start: number;
  readonly end: number;
}

/** Commas, comments and brackets from one offset to another, without blanks. */
function tokens(text: string, from: number, to: number): Token[] {
  const scanner = createScanner(text, false);
  scanner.setPosition(from);
  const found: Token[] = [];
  for (let kind: number = scanner.scan(); kind !== END; kind = scanner.scan()) {
    const start = scanner.getTokenOffset();
    if (start >= to) break;
    if (kind !== LINE_BREAK && kind !== BLANKS)
      found.push({ kind, start, end: start + scanner.getTokenLength() });
  }
  return found;
}

/** Whether there are comments in a container, outside of its children. */
export function hasComments(text: string, container: Node): boolean {
  return gapsOf(container).some(([from, to]) =>
    tokens(text, from, to).some(({ kind }) => kind === LINE_COMMENT || kind === BLOCK_COMMENT),
  );
}

function gapsOf(container: Node): [number, number][] {
  const children = container.children ?? [];
  const starts = [container.offset + 1, ...children.map(endOf)];
  const ends = [...children.map(({ offset }) => offset), endOf(container) - 1];
  return starts.map((start, at) => [start, ends[at] ?? start]);
}

function endOf({ offset, length }: Node): number {
  return offset + length;
}

/** Another value in the place of one. */
export function replaceValue(text: string, node: Node, value: unknown): string {
  return splice(text, node.offset, endOf(node), JSON.stringify(value));
}

/**
 * Puts a child into the last place of an object or an array, laid out as what is there already.
 *
 * @param key for an object.
 */
export function append(text: string, container: Node, value: unknown, key?: string): string {
  const last = container.children?.at(-1);
  const close = endOf(container) - 1;
  const inside = tokens(text, last === undefined ? container.offset + 1 : endOf(last), close);
  const at = inside.at(-1)?.end ?? (last === undefined ? container.offset + 1 : endOf(last));
  const inline = isInline(text, container);
  const eol = lineEnd(text);
  const outer = indentAt(text, container.offset);
  const own = container.children
    ?.map(({ offset }) => ownIndent(text, offset))
    .findLast((one) => one !== undefined);
  // `[{` and `}]`: the next one begins where the last one ends.
  const isHugged = own === undefined && last !== undefined && !text.slice(endOf(last), close).includes("\n");
  const indent = isHugged ? outer : (own ?? outer + unitOf(text));
  const name = key === undefined ? "" : `${JSON.stringify(key)}: `;
  const written = name + (inline ? oneLine(value) : manyLines(value, indent, text));
  const item =
    inline || isHugged ? `${last === undefined ? "" : " "}${written}` : `${eol}${indent}${written}`;
  if (last === undefined) {
    const rest = text.slice(at, close);
    const tail = !inline && at === container.offset + 1 && rest === "" ? eol + outer : "";
    return splice(text, at, at, item + tail);
  }
  const trailing = inside.some(({ kind }) => kind === COMMA);
  if (trailing) return splice(text, at, at, `${item},`);
  return splice(splice(text, at, at, item), endOf(last), endOf(last), ",");
}

/** Takes a child out of its container, and the comma that it needed. The inverse of {@link append}. */
export function remove(text: string, container: Node, child: Node): string {
  const children = container.children ?? [];
  const at = children.indexOf(child);
  const previous = children[at - 1];
  const next = children[at + 1];
  const close = endOf(container) - 1;
  const from = previous === undefined ? container.offset + 1 : endOf(previous);
  const before = tokens(text, from, child.offset);
  const behind = tokens(text, endOf(child), next === undefined ? close : next.offset);
  const comma = behind.find(({ kind }) => kind === COMMA);
  const needed = before.findLast(({ kind }) => kind === COMMA);
  const start = before.at(-1)?.end ?? from;
  let end = endOf(child);
  if (previous === undefined && before.length === 0 && children.length === 1 && behind.length === 0) {
    // The lines of an empty container that was opened for this child.
    if (text.slice(end, close) === lineEnd(text) + indentAt(text, container.offset)) end = close;
  }
  // A comment to the end of its line must not swallow what follows.
  const afterComma = comma === undefined || comma.start !== end ? end : comma.end;
  const swallows = before.at(-1)?.kind === LINE_COMMENT && !/^[ \t]*(?:\r?\n|$)/.test(text.slice(afterComma));
  const kept = swallows ? (/^\r?\n/.exec(text.slice(start))?.[0] ?? "") : "";
  let left = comma === undefined ? text : splice(text, comma.start, comma.end, "");
  left = splice(left, start, end, kept);
  return comma === undefined && needed !== undefined ? splice(left, needed.start, needed.end, "") : left;
}

function splice(text: string, from: number, to: number, content: string): string {
  return text.slice(0, from) + content + text.slice(to);
}

/** What is written on one line stays on one, but for a file that has nothing in it yet. */
function isInline(text: string, container: Node): boolean {
  if ((container.children ?? []).length > 0)
    return !text.slice(container.offset, endOf(container)).includes("\n");
  const outer = container.parent?.type === "property" ? container.parent.parent : container.parent;
  return outer !== undefined && isInline(text, outer);
}

export function lineEnd(text: string): string {
  return /\r?\n/.exec(text)?.[0] ?? "\n";
}

/** The blanks at the beginning of a line. */
function indentAt(text: string, offset: number): string {
  const line = text.slice(text.lastIndexOf("\n", offset - 1) + 1);
  return /^\uFEFF?([ \t]*)/.exec(line)?.[1] ?? "";
}

/** The blanks before what is the first on its line. */
function ownIndent(text: string, offset: number): string | undefined {
  const before = text.slice(text.lastIndexOf("\n", offset - 1) + 1, offset);
  return text.lastIndexOf("\n", offset - 1) >= 0 && /^[ \t]*$/.test(before) ? before : undefined;
}

/** One step of indentation, as the file has it. */
function unitOf(text: string): string {
  return /\n([ \t]+)["{[]/.exec(text)?.[1] ?? "  ";
}

function manyLines(value: unknown, indent: string, text: string): string {
  return JSON.stringify(value, undefined, unitOf(text)).replaceAll("\n", lineEnd(text) + indent);
}

function oneLine(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(oneLine).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).map(([key, one]) => `${JSON.stringify(key)}: ${oneLine(one)}`);
  return entries.length === 0 ? "{}" : `{ ${entries.join(", ")} }`;
}
