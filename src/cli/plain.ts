import { type Command, dashed, type Given, isFamily, type Options } from "./definition.ts";
import { optionsOf, reach } from "./reach.ts";

export interface PlainLine {
  readonly command: Command;
  readonly given: Given;
}

/** No option, no number, nothing in quotes, no value that an option before it could take, and no question. */
const PLAIN_WORD = /^(?!(?:true|false|help)$)[A-Za-z][\w.@-]*$/;

/**
 * Reads a line that can be read in one way only: a command's name, then plain words, then flags in
 * full, each once. It says what the parser would say of it.
 *
 * @returns undefined for every other line: that is the parser's, right or wrong.
 */
export function plainLine(line: readonly string[]): PlainLine | undefined {
  const { names, node } = reach(line);
  if (isFamily(node)) return undefined;
  const behind = line.slice(names.length);
  const flagsAt = behind.findIndex((word) => word.startsWith("-"));
  const words = flagsAt === -1 ? behind : behind.slice(0, flagsAt);
  const isNamed = names.every((name, at) => line[at] === name);
  if (!isNamed || !words.every((word) => PLAIN_WORD.test(word))) return undefined;
  const positionals = positionalsIn(words, node);
  const flags = flagsIn(behind.slice(words.length), optionsOf(node));
  return positionals && flags && { command: node, given: { ...positionals, ...flags } };
}

function positionalsIn(words: readonly string[], { positionals }: Command): Given | undefined {
  const given: Record<string, unknown> = {};
  let rest = words;
  for (const [key, { many, required }] of Object.entries(positionals)) {
    if (required === true && rest.length === 0) return undefined;
    given[key] = many === true ? rest : rest[0];
    rest = many === true ? [] : rest.slice(1);
  }
  return rest.length === 0 ? given : undefined;
}

function flagsIn(words: readonly string[], options: Options): Given | undefined {
  const flags = new Map<string, string>(
    Object.entries(options).flatMap(([key, { type }]) =>
      type === "flag" ? [[`--${dashed(key)}`, key] as const] : [],
    ),
  );
  const keys = words.flatMap((word) => flags.get(word) ?? []);
  const isPlain = keys.length === words.length && new Set(keys).size === keys.length;
  return isPlain ? Object.fromEntries(keys.map((key) => [key, true])) : undefined;
}
