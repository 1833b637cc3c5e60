import { isAbsolute, normalize } from "node:path";
import { FaultError } from "../errors.ts";
import type { Program } from "./program.ts";

/** The first line of every file that we install: what has another one is not ours to replace. */
export const MARK = "# Installed by `state-syncd service install`, which writes it anew.";
const HINT = "# Settings of your own: systemctl --user edit state-syncd.service";

/** Fills a template of a unit: what it runs, and the environment that this needs. */
export function fillUnit(
  template: string,
  program: Pick<Program, "node" | "script" | "environment">,
  args: readonly string[],
): string {
  const environment = Object.entries(program.environment).map(
    ([name, value]) => `Environment=${unitWord(`${name}=${value}`)}`,
  );
  const start = `ExecStart=${execStart([program.node, program.script, ...args])}`;
  const body = withoutHead(template).map((line) =>
    line.startsWith("ExecStart=") ? [...environment, start].join("\n") : line,
  );
  return [MARK, HINT, "", ...body].join("\n");
}

/** Fills a template with further lines for one of its sections, at its end. */
export function fillDropIn(template: string, lines: readonly string[]): string {
  return [MARK, "", ...withoutHead(template)].join("\n").trimEnd().concat("\n", lines.join("\n"), "\n");
}

/** What a template says at its top is for who installs it by hand. */
function withoutHead(template: string): string[] {
  const lines = template.split("\n");
  return lines.slice(lines.findIndex((line) => line.startsWith("[")));
}

/**
 * A command line as ExecStart takes it. The colon keeps systemd from looking for variables. The
 * program itself may hold no quote and no backslash (systemd: "Executable name contains special
 * characters"), its arguments may; so such a one is started by env.
 */
export function execStart(command: readonly string[]): string {
  const [program = ""] = command;
  const words = /["'\\]/.test(program) ? ["/usr/bin/env", ...command] : command;
  const [first = "", ...rest] = words;
  return [`:${unitWord(first)}`, ...rest.map(unitWord)].join(" ");
}

/** The command line that {@link execStart} wrote; empty where the text is none of its. */
export function commandOf(unit: string): string[] {
  const line = unit.split("\n").find((text) => text.startsWith("ExecStart=:"));
  const command = wordsOf(line ?? "");
  return command[0] === "/usr/bin/env" ? command.slice(1) : command;
}

/** The environment that {@link fillUnit} wrote. */
export function environmentOf(unit: string): Readonly<Record<string, string>> {
  const lines = unit.split("\n").filter((text) => text.startsWith("Environment="));
  return Object.fromEntries(
    lines
      .flatMap(wordsOf)
      .map((word) => [word.slice(0, word.indexOf("=")), word.slice(word.indexOf("=") + 1)]),
  );
}

function wordsOf(line: string): string[] {
  return [...line.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, word = ""]) =>
    word.replaceAll(/\\(.)/g, "$1").replaceAll("%%", "%"),
  );
}

/**
 * One word such that systemd reads exactly it: see "Quoting" in systemd.syntax(7), and
 * "Specifiers" in systemd.unit(5).
 *
 * @throws FaultError SERVICE_FAILED where a unit cannot name it.
 */
export function unitWord(word: string): string {
  if (/\p{Cc}/u.test(word)) {
    const remedy = "Rename the directory, or move what lies in it.";
    throw new FaultError("SERVICE_FAILED", `a unit cannot name ${JSON.stringify(word)}`, { remedy });
  }
  return `"${word.replaceAll(/["\\]/g, String.raw`\$&`).replaceAll("%", "%%")}"`;
}

/** A path for a setting that takes one, unquoted to the end of the line. @throws as {@link unitWord}. */
export function unitPath(path: string): string {
  unitWord(path);
  return path.replaceAll("%", "%%");
}

/** Whether a setting takes this path at all: it must be absolute, and say where it leads. */
export function isUnitPath(path: string): boolean {
  return isAbsolute(path) && normalize(path) === path;
}
