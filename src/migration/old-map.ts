import { posix } from "node:path";
import { evaluate, type Known, unknown, type Value } from "./python-value.ts";
import { type LogicalLine, logicalLines, type Token } from "./python-tokens.ts";

/** One repo of the map in `utils/state_sync.py`. */
export interface OldEntry {
  readonly name: string;
  /** Absolute. */
  readonly path: string;
  readonly line: number;
}

/** What of the map could not be read: for the user to complete, as nothing is guessed. */
export interface Unread {
  /** Where at least that could be read. */
  readonly name: string | undefined;
  readonly line: number;
  readonly why: string;
}

export interface OldMap {
  /** In the order of the script, each name once: of two with one name the later one counts, as in Python. */
  readonly entries: readonly OldEntry[];
  readonly unread: readonly Unread[];
}

const MAP = "REPO_MAP";
/** What opens a block whose assignments are not the script's own. */
const APART = new Set(["def", "class", "async"]);
const CHANGING = new Set(["update", "pop", "popitem", "clear", "setdefault"]);

/**
 * Reads the map of repos from the text of the script. No Python runs: what cannot be told from the
 * text is told as such. Any text can be given.
 *
 * @param home what `Path.home()` and `~` are.
 * @returns undefined where the text has no such map.
 */
export function readOldMap(script: string, home: string): OldMap | undefined {
  const names = new Map<string, Value>();
  const reading = new Reading({ home, names });
  let block = "";
  for (const line of logicalLines(script)) {
    const [first] = line.tokens;
    if (line.outermost) block = first?.text ?? "";
    const assigned = assignmentOf(line.tokens);
    if (assigned?.name === MAP || changeOf(line.tokens) !== undefined) reading.take(line, assigned);
    else if (assigned !== undefined && line.outermost) {
      const isPlain = assigned.sign === "=";
      names.set(
        assigned.name,
        isPlain ? evaluate(assigned.value, reading.known) : unknown(`${assigned.name} changes`),
      );
    } else if (assigned !== undefined && !APART.has(block)) {
      names.set(
        assigned.name,
        unknown(`${assigned.name} is set in line ${first?.line ?? 0} under a condition`),
      );
    }
  }
  return reading.result;
}

interface Assignment {
  readonly name: string;
  readonly sign: string;
  readonly value: readonly Token[];
}

/** `NAME = ...`, `NAME: Type = ...`, `NAME += ...`. */
function assignmentOf(tokens: readonly Token[]): Assignment | undefined {
  const [first, second] = tokens;
  if (first?.kind !== "name" || second?.kind !== "sign") return undefined;
  const at = second.text === ":" ? tokens.findIndex((token) => isSign(token, "=")) : 1;
  const sign = tokens[at]?.text ?? "";
  if (at < 1 || !/^(?:[+\-*/%&^@|]|\*\*)?=$/.test(sign)) return undefined;
  return { name: first.text, sign, value: tokens.slice(at + 1) };
}

type Change = { readonly key: readonly Token[]; readonly value: readonly Token[] } | "other";

/** What a line does to the map that is not its assignment: `REPO_MAP["x"] = ...`. */
function changeOf(tokens: readonly Token[]): Change | undefined {
  const [first, second, third] = tokens;
  if (first?.text === "del" && second?.text === MAP) return "other";
  if (first?.kind !== "name" || first.text !== MAP) return undefined;
  if (isSign(second, ".") && third !== undefined && CHANGING.has(third.text)) return "other";
  if (!isSign(second, "[")) return undefined;
  const end = closingOf(tokens, 1);
  const sign = tokens[end + 1];
  if (isSign(sign, "=")) return { key: tokens.slice(2, end), value: tokens.slice(end + 2) };
  return sign?.kind === "sign" && /^.+=$/.test(sign.text) && !/^[=!<>]=$/.test(sign.text)
    ? "other"
    : undefined;
}

class Reading {
  readonly known: Known;
  #entries: Map<string, OldEntry> | undefined;
  #unread: Unread[] = [];

  constructor(known: Known) {
    this.known = known;
  }

  get result(): OldMap | undefined {
    if (this.#entries === undefined && this.#unread.length === 0) return undefined;
    return { entries: [...(this.#entries ?? new Map()).values()], unread: this.#unread };
  }

  take({ tokens, outermost }: LogicalLine, assigned: Assignment | undefined): void {
    const line = tokens[0]?.line ?? 0;
    if (!outermost) {
      this.#miss(undefined, line, `${MAP} is set or changed here under a condition or in a function`);
      return;
    }
    if (assigned !== undefined) this.#assign(assigned, line);
    else {
      const change = changeOf(tokens);
      if (change === undefined || change === "other") this.#miss(undefined, line, `${MAP} is changed here`);
      else this.#entry(change.key, change.value, line);
    }
  }

  #assign({ sign, value }: Assignment, line: number): void {
    const end = value[0] === undefined ? -1 : closingOf(value, 0);
    const isLiteral = isSign(value[0], "{") && end === value.length - 1;
    const isCall =
      value[0]?.text === "dict" && isSign(value[1], "(") && closingOf(value, 1) === value.length - 1;
    if (sign === "=") {
      this.#entries = new Map();
      this.#unread = [];
    }
    if (!isLiteral && !isCall) {
      this.#miss(undefined, line, `${MAP} is not written out here as {"name": "path", ...}`);
      return;
    }
    const inside = value.slice(isCall ? 2 : 1, -1);
    for (const entry of split(inside, ",")) this.#item(entry, isCall ? "=" : ":");
  }

  #item(tokens: readonly Token[], between: ":" | "="): void {
    const [first] = tokens;
    if (first === undefined) return;
    if (isSign(first, "**")) {
      this.#miss(undefined, first.line, "what another dict holds is added here");
      return;
    }
    const parts = split(tokens, between);
    const [key = [], value = []] = parts;
    if (parts.length !== 2) this.#miss(undefined, first.line, "it is not a name and a path");
    else if (tokens.some(({ kind, text }) => kind === "name" && text === "for"))
      this.#miss(undefined, first.line, "the entries are made by a loop");
    else if (between === "=" && key.length === 1) this.#put(first.text, value, first.line);
    else this.#entry(key, value, first.line);
  }

  #entry(key: readonly Token[], value: readonly Token[], line: number): void {
    const name = evaluate(key, this.known);
    if (name.kind === "unknown") this.#miss(undefined, line, `its name: ${name.why}`);
    else this.#put(name.text, value, line);
  }

  #put(name: string, tokens: readonly Token[], line: number): void {
    const value = evaluate(tokens, this.known);
    const why = value.kind === "unknown" ? value.why : whyNotAPath(value.text);
    this.#unread = this.#unread.filter((unread) => unread.name !== name);
    if (value.kind === "unknown" || why !== undefined) {
      this.#entries?.delete(name);
      this.#miss(name, line, why ?? "");
      return;
    }
    this.#entries ??= new Map();
    const path = posix.normalize(value.text);
    this.#entries.set(name, { name, path: path.length > 1 ? path.replace(/\/$/, "") : path, line });
  }

  #miss(name: string | undefined, line: number, why: string): void {
    this.#unread.push({ name, line, why });
  }
}

function whyNotAPath(text: string): string | undefined {
  if (text === "") return "it is empty";
  if (/\p{Cc}/u.test(text)) return "it holds a control character";
  if (text.startsWith("~")) return "Python takes the `~` of a plain string for a directory of that name";
  if (!text.startsWith("/")) return "it is relative, so it depends on where the script is called";
  return undefined;
}

function isSign(token: Token | undefined, text: string): boolean {
  return token?.kind === "sign" && token.text === text;
}

/** The place of the bracket that closes the one at `from`, or behind the end. */
function closingOf(tokens: readonly Token[], from: number): number {
  let depth = 0;
  for (let at = from; at < tokens.length; at += 1) {
    depth += stepOf(tokens[at]);
    if (depth === 0) return at;
  }
  return tokens.length;
}

function stepOf(token: Token | undefined): number {
  if (token?.kind !== "sign" || token.text.length !== 1) return 0;
  return "([{".includes(token.text) ? 1 : ")]}".includes(token.text) ? -1 : 0;
}

/** The pieces between signs that stand outside of all brackets. */
function split(tokens: readonly Token[], sign: string): Token[][] {
  const pieces: Token[][] = [[]];
  let depth = 0;
  for (const token of tokens) {
    depth += stepOf(token);
    if (depth === 0 && isSign(token, sign)) pieces.push([]);
    else pieces.at(-1)?.push(token);
  }
  return pieces;
}
