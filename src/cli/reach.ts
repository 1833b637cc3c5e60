import { GLOBAL_OPTIONS, ROOT } from "./commands.ts";
import { type Command, dashed, type Family, isFamily, type Option, type Options } from "./definition.ts";

/** How far the words of a line lead. */
export interface Reached {
  /** The command's name, in parts: `repos`, `add`. */
  readonly names: readonly string[];
  readonly node: Command | Family;
  /** What follows the names and belongs to no option. */
  readonly words: readonly string[];
  /** The options that were given, by their names in code, with their last values. */
  readonly given: ReadonlyMap<string, string | undefined>;
  /** The option that the next word would be a value of. */
  readonly open: Option | undefined;
  /** After `--` nothing is an option. */
  readonly onlyWords: boolean;
}

/** Follows the words of a line, which need not be right or complete, to the command that they name. */
export function reach(line: readonly string[]): Reached {
  const names: string[] = [];
  const words: string[] = [];
  const given = new Map<string, string | undefined>();
  let node: Command | Family = ROOT;
  let open: { readonly key: string; readonly option: Option } | undefined;
  let onlyWords = false;
  for (const word of line) {
    if (!onlyWords && word.startsWith("-") && word !== "-") {
      onlyWords = word === "--";
      const [name = "", value] = word.split("=", 2);
      const found = optionNamed(name, optionsOf(node));
      if (found !== undefined) given.set(found.key, value);
      open = value === undefined && found !== undefined && "value" in found.option ? found : undefined;
      continue;
    }
    if (open !== undefined) {
      given.set(open.key, word);
      if (open.option.type !== "texts") open = undefined;
      continue;
    }
    const next: Command | Family | undefined =
      words.length === 0 && isFamily(node) && Object.hasOwn(node.commands, word)
        ? node.commands[word]
        : undefined;
    if (next === undefined) words.push(word);
    else {
      names.push(word);
      node = next;
    }
  }
  return { names, node, words, given, open: open?.option, onlyWords };
}

/** The options that a command takes, the global ones among them. */
export function optionsOf(node: Command | Family): Options {
  return isFamily(node) ? GLOBAL_OPTIONS : { ...node.options, ...GLOBAL_OPTIONS };
}

function optionNamed(
  word: string,
  options: Options,
): { readonly key: string; readonly option: Option } | undefined {
  const name = word.replace(/^--?(?:no-)?/, "");
  const found = Object.entries(options).find(([key, { short }]) => dashed(key) === name || short === name);
  return found === undefined ? undefined : { key: found[0], option: found[1] };
}
