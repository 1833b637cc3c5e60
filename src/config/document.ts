import {
  type Document,
  LineCounter,
  type Node,
  Scalar,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  parseDocument,
  visit,
} from "yaml";
import { type Finding, describe } from "./interpret.ts";
import { type Mistake, formatPlace } from "./mistakes.ts";

/** A config file as YAML, before anything is known of its meaning. */
export interface ParsedYaml {
  readonly value: unknown;
  /** The names of the repos in the order of the file. */
  readonly names: readonly string[] | undefined;
  /** What is wrong with the YAML itself. */
  readonly mistakes: readonly Mistake[];
  /** Ties a finding to its line; undefined where broken YAML before it makes it doubtful. */
  locate(finding: Finding): Mistake | undefined;
}

type YamlDocument = Document.Parsed;

/** Errors that leave the rest of the document as its author meant it. */
const HARMLESS = new Set(["DUPLICATE_KEY", "TAG_RESOLVE_FAILED", "NON_STRING_KEY", "MULTIPLE_DOCS"]);

/** The document with its nodes, for editing. */
export function parseNodes(text: string, lineCounter = new LineCounter()): YamlDocument {
  // Keys are names: `1:` and `true:` are the names "1" and "true".
  return parseDocument(text, { lineCounter, stringKeys: true, prettyErrors: false, logLevel: "error" });
}

export function parseYaml(text: string): ParsedYaml {
  const lines = new LineCounter();
  const document = parseNodes(text, lines);
  const at = (offset: number): { line: number; column: number } => {
    const { line, col } = lines.linePos(Math.min(offset, text.length));
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const troubles = [...document.errors, ...document.warnings];
  const brokenFrom = Math.min(
    ...troubles.filter((trouble) => !HARMLESS.has(trouble.code)).map((trouble) => trouble.pos[0]),
  );
  // Behind the first break the parser guesses, and each guess would be told as one more mistake.
  const told = troubles.filter(({ code, pos }) => HARMLESS.has(code) || pos[0] <= brokenFrom);
  const mistakes = told.map(({ code, message, pos }): Mistake => {
    return { ...at(pos[0]), ...explain(code, message, keyAt(text, pos)), where: "" };
  });
  mistakes.push(...takeOutBadAliases(document, at));
  const taken = new Set(mistakes.map(({ line, column }) => `${line}:${column}`));
  return {
    ...toValue(document, mistakes),
    mistakes,
    locate(finding) {
      const offset = offsetOf(document, finding);
      // A key that is no word has been found by now, under another name than it got since.
      if (offset === undefined) return undefined;
      // What follows broken YAML, or is missed in it, may well be there once it is repaired.
      if (offset >= brokenFrom || (finding.at === "absent" && brokenFrom < Number.POSITIVE_INFINITY))
        return undefined;
      const position = at(offset);
      if (finding.at !== "absent" && taken.has(`${position.line}:${position.column}`)) return undefined;
      return {
        ...position,
        found: finding.found,
        expected: finding.expected,
        where: formatPlace(finding.path),
      };
    },
  };
}

function toValue(document: YamlDocument, mistakes: Mistake[]): Pick<ParsedYaml, "value" | "names"> {
  const repos = document.has("repos") ? resolved(document, document.get("repos", true)) : undefined;
  const names = isMap(repos)
    ? repos.items.map((pair) => (isScalar(pair.key) ? String(pair.key.value) : ""))
    : undefined;
  try {
    // A hundred uses of anchors are plenty for people and too few to blow anything up.
    const value: unknown = document.toJS({ maxAliasCount: 100 });
    return { value, names: names === undefined ? undefined : [...new Set(names)] };
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error;
    const expected = "at most a hundred values by way of aliases";
    mistakes.push({ line: 1, column: 1, found: "aliases that multiply", expected, where: "" });
    return { value: { version: 1 }, names: undefined };
  }
}

/** Puts plain text in the place of aliases without an anchor, so that the rest can be checked. */
function takeOutBadAliases(
  document: YamlDocument,
  at: (offset: number) => { readonly line: number; readonly column: number },
): Mistake[] {
  const mistakes: Mistake[] = [];
  visit(document, {
    Alias(_, alias) {
      const position = at(alias.range?.[0] ?? 0);
      const found = `the alias *${alias.source}`;
      const target = alias.resolve(document);
      if (target === undefined) {
        mistakes.push({ ...position, found, expected: `an anchor &${alias.source} before it`, where: "" });
      } else if (contains(target, alias)) {
        mistakes.push({ ...position, found, expected: "a value that does not contain itself", where: "" });
      } else return undefined;
      const text = new Scalar(`*${alias.source}`);
      text.range = alias.range ?? null;
      return text;
    },
  });
  return mistakes;
}

function contains(outer: Node, inner: Node): boolean {
  const [start, , end] = outer.range ?? [0, 0, 0];
  const offset = inner.range?.[0] ?? -1;
  return offset >= start && offset < end;
}

function explain(code: string, message: string, key: string): { found: string; expected: string } {
  switch (code) {
    case "DUPLICATE_KEY":
      return { found: `the key ${describe(key)} a second time`, expected: "every key once" };
    case "TAB_AS_INDENT":
      return { found: "a tab as indentation", expected: "spaces" };
    case "TAG_RESOLVE_FAILED":
      return { found: `a YAML tag (${describe(key)})`, expected: "a plain value" };
    case "NON_STRING_KEY":
      return { found: "a key that is not a plain word", expected: "a name" };
    case "MULTIPLE_DOCS":
      return { found: "a second YAML document", expected: "one document a file" };
    default:
      return { found: `broken YAML (${message.trim()})`, expected: "valid YAML" };
  }
}

/** Errors about keys give their first character only. */
function keyAt(text: string, [start, end]: readonly [number, number]): string {
  const rest = text.slice(start, Math.max(end, start + 80));
  return (
    /^(?:"([^"\n]*)"|'([^'\n]*)'|([^\s:,{}]*))/
      .exec(rest)
      ?.slice(1)
      .find((part) => part !== undefined) ?? ""
  );
}

function resolved(document: YamlDocument, node: unknown): Node | undefined {
  if (isAlias(node)) return node.resolve(document);
  return isNode(node) ? node : undefined;
}

/** Where to point: the node itself, its key, or the innermost thing around what is absent. */
function offsetOf(document: YamlDocument, finding: Finding): number | undefined {
  let node: Node | undefined = document.contents ?? undefined;
  let offset = node?.range?.[0] ?? 0;
  for (const [index, part] of finding.path.entries()) {
    const outer = resolved(document, node);
    if (isSeq(outer)) {
      const item: unknown = outer.items[Number(part)];
      node = isNode(item) ? item : undefined;
    } else if (isMap(outer)) {
      // Of a key that stands twice, the last one counts.
      const pair = outer.items.findLast(({ key }) => isScalar(key) && String(key.value) === String(part));
      if (pair === undefined && finding.at === "key") return undefined;
      if (pair === undefined) break;
      if (isNode(pair.key)) offset = pair.key.range?.[0] ?? offset;
      if (finding.at === "key" && index === finding.path.length - 1) return offset;
      node = isNode(pair.value) ? pair.value : undefined;
    } else break;
    if (node === undefined) break;
    // A value that was left out has a place, but nothing to see there.
    if (!(isScalar(node) && node.value === null && node.source === "")) offset = node.range?.[0] ?? offset;
  }
  return offset;
}
