import { Document, type Pair, type YAMLMap, isMap, isNode, isScalar, visit } from "yaml";
import type { ParsedNode } from "yaml";
import { parseNodes } from "./document.ts";

/** One repo as it is written into a config; what is left out has its default. */
export interface RepoEntry {
  readonly path: string;
  readonly role?: "execution" | "passive";
  readonly stateFile?: string;
  readonly groups?: readonly string[];
  readonly publish?: boolean;
  readonly subscribe?: boolean;
  readonly onSecret?: "redact" | "block";
  readonly fence?: boolean;
}

/*
 * A YAML document that is printed anew keeps its comments and loses its alignment. So the usual
 * shape, one repo after the other in block style, is changed in the text itself; only what
 * stands in `{}` as a whole is printed anew. Both are guesses until the result has been loaded.
 */

/** One line for a repo, like `karematch: { path: ~/repos/karematch }`, without a line end. */
export function renderEntry(name: string, entry: RepoEntry): string {
  const document = new Document({ [name]: entry });
  visit(document, {
    Map(key, map) {
      if (key === "value") map.flow = true;
    },
    Seq(_, list) {
      list.flow = true;
    },
  });
  return document.toString({ lineWidth: 0 }).trimEnd();
}

/** The texts to try, best first, that have the repo in the last place. */
export function insertEntry(text: string, name: string, entry: RepoEntry): string[] {
  const attempts = [
    insertLine(text, renderEntry(name, entry)),
    printAnew(text, (document) => {
      if (!isMap(document.get("repos"))) document.set("repos", document.createNode({}, { flow: true }));
      document.setIn(["repos", name], document.createNode(entry, { flow: true }));
    }),
  ];
  return attempts.filter((attempt) => attempt !== undefined);
}

/** The texts to try, best first, that lack the repo. */
export function removeEntry(text: string, name: string): string[] {
  const attempts = [cutLines(text, name), printAnew(text, (document) => document.deleteIn(["repos", name]))];
  return attempts.filter((attempt) => attempt !== undefined);
}

function insertLine(text: string, line: string): string | undefined {
  const eol = lineEndOf(text);
  const root = parseNodes(text).contents;
  if (!isMap(root) || root.flow === true) return undefined;
  const pair = findPair(root, "repos");
  if (pair === undefined) {
    const gap = text === "" || text.endsWith("\n") ? "" : eol;
    return `${text}${gap}repos:${eol}  ${line}${eol}`;
  }
  const repos = pair.value;
  const last = isMap(repos) ? repos.items.at(-1) : undefined;
  if (isMap(repos) && last !== undefined) {
    const indent = repos.flow === true ? undefined : indentOf(text, last);
    const end = nodeRange(last.value)?.[2];
    return indent === undefined || end === undefined ? undefined : insertAfter(text, end, indent + line, eol);
  }
  // `repos:` with nothing, or an empty map, which gives way to a block.
  const range = nodeRange(repos);
  const indent = indentOf(text, pair);
  const key = nodeRange(pair.key);
  if (range === undefined || indent === undefined || key === undefined) return undefined;
  const written = text.slice(range[0], range[1]);
  if (!/^(?:\{ *\}|~|null)?$/.test(written)) return undefined;
  const emptied = written === "" ? text : text.slice(0, range[0]).trimEnd() + text.slice(range[1]);
  return insertAfter(emptied, key[1], `${indent}  ${line}`, eol);
}

/** Puts a line below the one on which the text before `end` ends. */
function insertAfter(text: string, end: number, line: string, eol: string): string {
  const newline = text.indexOf("\n", text.slice(0, end).trimEnd().length);
  if (newline === -1) return text + eol + line;
  return text.slice(0, newline + 1) + line + eol + text.slice(newline + 1);
}

function cutLines(text: string, name: string): string | undefined {
  const root = parseNodes(text).contents;
  const repos = isMap(root) ? findPair(root, "repos")?.value : undefined;
  if (!isMap(repos) || repos.flow === true) return undefined;
  const pair = findPair(repos, name);
  const key = nodeRange(pair?.key);
  const end = nodeRange(pair?.value)?.[1];
  if (pair === undefined || key === undefined || end === undefined) return undefined;
  const indent = indentOf(text, pair);
  if (indent === undefined) return undefined;
  const newline = text.indexOf("\n", text.slice(0, end).trimEnd().length);
  const start = key[0] - indent.length;
  return text.slice(0, start) + (newline === -1 ? "" : text.slice(newline + 1));
}

function printAnew(
  text: string,
  change: (document: ReturnType<typeof parseNodes>) => void,
): string | undefined {
  const document = parseNodes(text);
  if (!isMap(document.contents)) return undefined;
  change(document);
  // What was taken out may have held an anchor that is still used: that cannot be printed.
  if (hasLooseAlias(document)) return undefined;
  const printed = document.toString({ lineWidth: 0 });
  return lineEndOf(text) === "\n" ? printed : printed.replace(/\r?\n/g, "\r\n");
}

function hasLooseAlias(document: ReturnType<typeof parseNodes>): boolean {
  let loose = false;
  visit(document, {
    Alias(_, alias) {
      if (alias.resolve(document) === undefined) loose = true;
    },
  });
  return loose;
}

type AnyPair = Pair<ParsedNode, ParsedNode | null>;

function findPair(map: YAMLMap.Parsed, name: string): AnyPair | undefined {
  return map.items.find(({ key }) => isScalar(key) && String(key.value) === name);
}

function nodeRange(node: unknown): readonly [number, number, number] | undefined {
  return isNode(node) ? (node.range ?? undefined) : undefined;
}

/** The blanks before a key; undefined where anything else stands before it on its line. */
function indentOf(text: string, pair: AnyPair): string | undefined {
  const start = nodeRange(pair.key)?.[0];
  if (start === undefined) return undefined;
  const before = text.slice(text.lastIndexOf("\n", start - 1) + 1, start);
  return before.trim() === "" ? before : undefined;
}

function lineEndOf(text: string): "\r\n" | "\n" {
  return text.includes("\r\n") ? "\r\n" : "\n";
}
