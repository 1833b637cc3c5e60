import { readFile } from "node:fs/promises";
import { EXIT, type ExitCode, systemCode } from "../errors.ts";
import { locate } from "../paths.ts";
import { dashed, isFamily, type Completes, type Option } from "./definition.ts";
import { isShell, type Shell } from "../commands/shells.ts";
import { optionsOf, reach, type Reached } from "./reach.ts";

/** What a word may become. */
interface Candidate {
  readonly word: string;
  readonly describe?: string;
}

/** Said to fish alone, which has no files for a word that it is to complete otherwise. */
const A_PATH = ":path";

/**
 * Prints what the last of the words may become, a line each, as the scripts of `completion` ask for.
 *
 * @param asked the shell, the program's name, and the line's words up to the one at the cursor.
 *   A script that an earlier version printed names no shell.
 */
export async function complete(
  asked: readonly string[],
  env: NodeJS.ProcessEnv,
  stdout: NodeJS.WritableStream,
): Promise<ExitCode> {
  const [first = ""] = asked;
  const shell = isShell(first) ? first : "bash";
  const { words, apart } = joinedAtSigns(asked.slice(isShell(first) ? 2 : 1));
  const last = words.at(-1) ?? "";
  const { before, current, option } = split(last === "=" ? "" : last);
  const line = option === undefined ? words.slice(0, -1) : [...words.slice(0, -1), option];
  const reached = reach(line);
  const wanted = wantedOf(reached);
  const candidates =
    current.startsWith("-") || wanted === undefined
      ? ofNode(reached, current)
      : await ofKind(wanted, reached, env);
  const fitting = candidates.filter(({ word }) => word.startsWith(current));
  for (const candidate of fitting) stdout.write(`${lineFor(shell, before, candidate).slice(apart)}\n`);
  if (shell === "fish" && fitting.length === 0) stdout.write(`${A_PATH}\n`);
  return EXIT.ok;
}

/**
 * bash takes `--from=x` for three words, and `karematch@feature-x` too.
 *
 * @returns `apart`: how many characters of the last word are no part of what bash replaces.
 */
function joinedAtSigns(asked: readonly string[]): { readonly words: string[]; readonly apart: number } {
  const words: string[] = [];
  let apart = 0;
  let open = false;
  for (const [at, word] of asked.entries()) {
    if (word === "=" && at < asked.length - 1) continue;
    const whole = word === "@" || open ? `${words.pop() ?? ""}${word}` : word;
    apart = word === "@" ? whole.length : open ? whole.length - word.length : 0;
    open = word === "@";
    words.push(whole);
  }
  return { words, apart };
}

/** `--from=ka` is an option and the beginning of its value. */
function split(word: string): { before: string; current: string; option: string | undefined } {
  const at = word.startsWith("--") ? word.indexOf("=") : -1;
  if (at === -1) return { before: "", current: word, option: undefined };
  return { before: word.slice(0, at + 1), current: word.slice(at + 1), option: word.slice(0, at) };
}

/** What the next word is of: of these, of the repos, or of paths; undefined where names or options are next. */
function wantedOf({ node, open, words }: Reached): Candidate[] | Completes | undefined {
  if (open !== undefined) return ofOption(open);
  if (isFamily(node)) return undefined;
  const positionals = Object.values(node.positionals);
  const positional = positionals[words.length] ?? positionals.findLast(({ many }) => many === true);
  return positional?.completes;
}

async function ofKind(
  wanted: Candidate[] | Completes,
  reached: Reached,
  env: NodeJS.ProcessEnv,
): Promise<Candidate[]> {
  if (wanted === "repo") return await repoNames(reached, env);
  // Paths are the shell's own business.
  return wanted === "file" || wanted === "directory" ? [] : wanted;
}

function ofOption(option: Option): Candidate[] | Completes | undefined {
  if (!("value" in option)) return undefined;
  if (option.type === "text" && option.choices !== undefined) return option.choices.map((word) => ({ word }));
  return option.completes ?? [];
}

function ofNode({ node, given, onlyWords, words }: Reached, current: string): Candidate[] {
  if (current.startsWith("-") && !onlyWords) {
    return Object.entries(optionsOf(node))
      .filter(([key]) => !given.has(key))
      .map(([key, { describe }]) => ({ word: `--${dashed(key)}`, describe }))
      .concat({ word: "--help", describe: "How it is used" });
  }
  if (!isFamily(node) || words.length > 0) return [];
  return Object.entries(node.commands).map(([word, { describe }]) => ({ word, describe }));
}

/** Those of the config, whether or not all of it is right. */
async function repoNames({ given, words }: Reached, env: NodeJS.ProcessEnv): Promise<Candidate[]> {
  try {
    const [{ namesIn }, text] = await Promise.all([
      import("./repo-names.ts"),
      readFile(locate(given.get("config"), env).config, "utf8"),
    ]);
    return namesIn(text)
      .filter((word) => !words.includes(word))
      .map((word) => ({ word }));
  } catch (error) {
    // Nobody reads complaints in the middle of a line.
    if (systemCode(error) === undefined) throw error;
    return [];
  }
}

function lineFor(shell: Shell, before: string, { word, describe }: Candidate): string {
  if (shell === "bash" || describe === undefined) return shell === "bash" ? word : before + word;
  return shell === "fish"
    ? `${before}${word}\t${describe}`
    : `${before}${word.replaceAll(":", "\\:")}:${describe}`;
}
