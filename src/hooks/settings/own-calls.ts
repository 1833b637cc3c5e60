import { shellWord } from "../../shell-word.ts";
import { baseName, isSetting, programOf, simpleCommands, type SimpleCommand, type Word } from "./shell.ts";

/** What follows `state-syncd hook`. */
export type HookVerb = "session-start" | "prompt" | "checkpoint";

/** How a hook calls this program. */
export interface HookProgram {
  /** Before everything: ends the hook where the program is not installed. Empty, or with a blank at its end. */
  readonly guard: string;
  /** Up to `hook`, quoted for a shell. */
  readonly call: string;
  /** Where one was chosen. */
  readonly config?: string | undefined;
}

/** A command that calls a hook of ours. */
export interface OwnCall {
  readonly verb: HookVerb;
  /** False where it does something else, too, or is written so that nobody can tell. */
  readonly whole: boolean;
  /** The program, and what runs it, as they are written: `/usr/bin/node`, `/usr/bin/state-syncd`. */
  readonly program: readonly string[];
}

/** This program by paths that hold on this machine alone. */
export function programAt(node: string, script: string, config: string | undefined): HookProgram {
  return { guard: "", call: `${shellWord(node)} ${shellWord(script)}`, config };
}

/** This program wherever it is installed; nothing where it is not. For files that others share. */
export const SHARED_PROGRAM: HookProgram = {
  guard: "command -v state-syncd >/dev/null 2>&1 || exit 0; ",
  call: "state-syncd",
};

const OURS = /^state-syncd(?:\.cjs)?(?:@\S*)?$/;
const RUNNERS = /^(?:node|nodejs|npx|pnpx|bunx|bun)$/;
const VERB = /^(?:session-start|prompt|checkpoint)$/;
/** For lines that cannot be taken apart. */
const MENTION =
  /(?:^|[^\w.-])state-syncd(?:\.cjs)?["']?(?:\s+-\S+(?:\s+\S+)?)*?\s+hook\s+(session-start|prompt|checkpoint)(?![\w-])/;

interface Found {
  readonly verb: HookVerb;
  readonly program: readonly Word[];
  readonly hook: Word;
  readonly verbWord: Word;
  /** Every word behind the program's name. */
  readonly args: readonly Word[];
  readonly first: Word;
}

/** @returns undefined for a command that is somebody else's. */
export function ownCall(command: string): OwnCall | undefined {
  const commands = simpleCommands(command);
  if (commands === undefined) {
    const verb = MENTION.exec(command)?.[1];
    return verb === undefined ? undefined : { verb: verb as HookVerb, whole: false, program: [] };
  }
  const found = commands.map(callIn);
  const call = found.find((one) => one !== undefined);
  if (call === undefined) return undefined;
  const others = commands.filter((_, at) => found[at] !== call);
  return {
    verb: call.verb,
    whole: others.every(isOurSetting),
    program: call.program.map(({ value }) => value),
  };
}

/** What a hook's guard, and its `|| true`, are made of. */
function isOurSetting(command: SimpleCommand): boolean {
  const [first = ""] = command.words.map(({ value }) => value);
  return isSetting(command) && /^(?:true|:|exit|command)$/.test(first);
}

function callIn(command: SimpleCommand): Found | undefined {
  const [first] = command.words;
  const words = programOf(command);
  const runs = RUNNERS.test(baseName(words[0]?.value ?? ""));
  const script = runs ? words.findIndex(({ value }, at) => at > 0 && !value.startsWith("-")) : 0;
  const name = words[script];
  if (first === undefined || name === undefined || !OURS.test(baseName(name.value))) return undefined;
  const args = words.slice(script + 1);
  const at = args.findIndex(({ value }) => value === "hook");
  const hook = args[at];
  const verbWord = args[at + 1];
  if (hook === undefined || verbWord === undefined || !VERB.test(verbWord.value)) return undefined;
  // Another command of ours may have an argument that is called so.
  const isOption = (word: Word | undefined): boolean => word?.value.startsWith("-") === true;
  if (!args.slice(0, at).every((word, before) => isOption(word) || isOption(args[before - 1])))
    return undefined;
  return {
    verb: verbWord.value as HookVerb,
    program: words.slice(0, script + 1),
    hook,
    verbWord,
    args,
    first,
  };
}

/** A new call. */
export function renderCall(program: HookProgram, verb: HookVerb, options = ""): string {
  const { guard, call, config } = program;
  return `${guard}${call} hook ${verb}${config === undefined ? "" : ` --config ${shellWord(config)}`}${options}`;
}

/**
 * A call of ours with another program in it. What its user has put there stays: variables before
 * it, options, redirections, what follows. Its config gives way only to one that was chosen now.
 *
 * @param command for which {@link ownCall} finds `whole`.
 */
export function renewCall(command: string, { guard, call, config }: HookProgram): string {
  const found = simpleCommands(command)
    ?.map(callIn)
    .find((one) => one !== undefined);
  const script = found?.program.at(-1);
  if (found === undefined || script === undefined) return command;
  const { first, hook, program, verb, verbWord } = found;
  const variables = command.slice(first.start, program[0]?.start ?? first.start);
  const before = command.slice(script.end, hook.start).trimEnd();
  const after = command.slice(verbWord.end);
  if (config === undefined) return `${guard}${variables}${call}${before} hook ${verb}${after}`;
  const own = configIn(found.args);
  const cut = (text: string, from: number): string =>
    own
      .filter(({ start }) => start >= from && start < from + text.length)
      .reduceRight(
        (left, { start, end }) => left.slice(0, start - from).trimEnd() + left.slice(end - from),
        text,
      );
  const left = cut(before, script.end).trimEnd();
  return `${guard}${variables}${call}${left} hook ${verb} --config ${shellWord(config)}${cut(after, verbWord.end)}`;
}

/** Where `--config FILE` stands. */
function configIn(args: readonly Word[]): { readonly start: number; readonly end: number }[] {
  return args.flatMap((word, at) => {
    if (word.value.startsWith("--config=")) return [word];
    const value = args[at + 1];
    return word.value === "--config" && value !== undefined ? [{ start: word.start, end: value.end }] : [];
  });
}
