import { baseName, isSetting, programOf, simpleCommands, type SimpleCommand, type Word } from "./shell.ts";

/**
 * How the utility that this replaces was wired: a shell script that counts an agent's writes and
 * calls a Python script, or the Python script itself.
 */
export interface OldCall {
  readonly kind: "checkpoint script" | "sync script";
  /** False where the command does something else, too, or is written so that nobody can tell. */
  readonly whole: boolean;
  /** The script as the command names it, without quotes; variables stay. Empty where that cannot be told. */
  readonly script: string;
}

const CHECKPOINT = "checkpoint_reminder.sh";
const SYNC = "state_sync.py";
const MENTION = /checkpoint_reminder\.sh|state_sync\.py|-m\s+utils\.state_sync\b/;
const SHELL = /^(?:ba|z|da|k)?sh$/;
const PYTHON = /^(?:python|pypy)[\d.]*$/;
/** What only runs what follows it. */
const WRAPPER = /^(?:env|nohup|nice|command|source|\.)$/;

/** @returns undefined for a command that has nothing to do with it. */
export function oldCall(command: string): OldCall | undefined {
  if (!MENTION.test(command)) return undefined;
  const commands = simpleCommands(command);
  const calls = (commands ?? []).map((one) => callIn(one));
  const call = calls.find((one) => one !== undefined);
  if (call === undefined || commands === undefined) {
    // It may be an argument of something else: that is not a call. What cannot be read may be one.
    if (commands !== undefined) return undefined;
    return { kind: kindOf(command), whole: false, script: "" };
  }
  const whole = commands.every((one, at) => calls[at] !== undefined || isSetting(one));
  return { ...call, whole: whole && calls.every((one) => one === undefined || one.whole) };
}

function kindOf(text: string): OldCall["kind"] {
  return text.includes(CHECKPOINT) ? "checkpoint script" : "sync script";
}

function callIn(command: SimpleCommand): OldCall | undefined {
  return callOf(programOf(command));
}

function callOf(words: readonly Word[]): OldCall | undefined {
  const [first, ...rest] = words;
  if (first === undefined) return undefined;
  const name = baseName(first.value);
  if (name === CHECKPOINT || name === SYNC) return { kind: kindOf(name), whole: true, script: first.value };
  if (name === "timeout") return callOf(behindOptions(rest).slice(1));
  if (name === "uv" || name === "poetry" || name === "pipenv")
    return rest[0]?.value === "run" ? callOf(behindOptions(rest.slice(1))) : undefined;
  if (WRAPPER.test(name))
    return callOf(behindOptions(rest).filter((word, at) => at > 0 || !word.value.includes("=")));
  if (SHELL.test(name)) {
    const inline = rest.findIndex(({ value }) => /^-[a-z]*c$/.test(value));
    if (inline >= 0) return oldCall(rest[inline + 1]?.value ?? "");
    return callOf(behindOptions(rest));
  }
  if (!PYTHON.test(name)) return undefined;
  const module = rest.findIndex(({ value }) => value === "-m");
  if (module >= 0) {
    const isOurs = rest[module + 1]?.value === "utils.state_sync";
    return isOurs ? { kind: "sync script", whole: true, script: "utils/state_sync.py" } : undefined;
  }
  const [script] = behindOptions(rest);
  return script !== undefined && baseName(script.value) === SYNC ? callOf([script]) : undefined;
}

function behindOptions(words: readonly Word[]): readonly Word[] {
  const at = words.findIndex(({ value }) => !value.startsWith("-"));
  return at < 0 ? [] : words.slice(at);
}

/** What a script's variables stand for where an agent calls it. */
export interface ScriptPlace {
  /** The root of the project, absolute; undefined where the hook is every project's. */
  readonly project: string | undefined;
  readonly home: string;
}

/** @returns the script's path; undefined where it depends on what is not known here. */
export function scriptPath(script: string, { project, home }: ScriptPlace): string | undefined {
  const known = script
    .replace(/^~(?=\/)|\$(?:HOME\b|\{HOME\})/g, () => home)
    .replace(
      /\$(?:CLAUDE_PROJECT_DIR\b|PWD\b|\{(?:CLAUDE_PROJECT_DIR|PWD)(?::?[-?][^}]*)?\}|\([^)]*\))/g,
      (name) => project ?? name,
    );
  if (known === "" || known.includes("$")) return undefined;
  if (known.startsWith("/")) return known;
  return project === undefined ? undefined : `${project}/${known.replace(/^(?:\.\/)+/, "")}`;
}

/** After how many of an agent's writes the script reminds it. */
export function thresholdIn(scriptText: string): number | undefined {
  const found =
    /^[ \t]*(?:(?:export|readonly|declare|local)[ \t]+(?:-\w+[ \t]+)*)?(?:\w*_)?THRESHOLD=["']?(?:\$\{\w+:?-)?(\d{1,6})\b/m.exec(
      scriptText,
    );
  const threshold = Number(found?.[1] ?? 0);
  return threshold > 0 ? threshold : undefined;
}
