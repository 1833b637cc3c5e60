import { FaultError } from "../errors.ts";
import type { Program } from "./program.ts";

/** The job's name, which is its file's name as well. */
export const LABEL = "io.github.state-syncd";

/** What tells a file of ours from one that somebody put there by hand. */
const MARKER = "Written by `state-syncd service install`";

/** Of the agent's environment launchd gives hardly anything; what the installing shell has is not there. */
const PATH = "/usr/local/bin:/opt/homebrew/bin:/usr/bin:/bin:/usr/sbin:/sbin";

export interface PlistValues {
  readonly program: Program;
  /** What takes stdout and stderr, absolute. */
  readonly output: string;
}

/**
 * The template with what is to be run in it.
 *
 * @throws FaultError SERVICE_FAILED where XML cannot carry a path or a value.
 */
export function fillPlist(template: string, { program, output }: PlistValues): string {
  const { node, script, args } = program;
  const environment = Object.entries({ PATH, ...program.environment });
  const variables = environment.map(([name, value]) => `    ${key(name)}\n    ${string(value)}`);
  const words = [node, script, ...args].map((word) => `    ${string(word)}`);
  const places: readonly Place[] = [
    [/<!-- A LaunchAgent.*?-->/s, `<!-- ${MARKER}, which\n     overwrites what is changed here. -->`],
    value("ProgramArguments", "array", `\n${words.join("\n")}\n  `),
    value("EnvironmentVariables", "dict", `\n${variables.join("\n")}\n  `),
    value("StandardOutPath", "string", escaped(output)),
    value("StandardErrorPath", "string", escaped(output)),
  ];
  return places.reduce((text, [place, filling]) => replaced(text, place, filling), template);
}

/** Whether a file's text is one that {@link fillPlist} made. */
export function isOurs(text: string): boolean {
  return text.includes(`<!-- ${MARKER}`);
}

/** What a file of ours, or one that was made from the template, runs; empty lists where it does not say. */
export function readPlist(text: string): {
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
} {
  const command = inner(text, "ProgramArguments", "array").matchAll(/<string>(.*?)<\/string>/gs);
  const variables = inner(text, "EnvironmentVariables", "dict").matchAll(
    /<key>(.*?)<\/key>\s*<string>(.*?)<\/string>/gs,
  );
  return {
    command: [...command].map(([, word = ""]) => unescaped(word)),
    environment: Object.fromEntries(
      [...variables].map(([, name = "", text = ""]) => [unescaped(name), unescaped(text)]),
    ),
  };
}

type Place = readonly [place: RegExp, filling: string];

function value(name: string, element: string, content: string): Place {
  return [placeOf(name, element), `<key>${name}</key>\n  <${element}>${content}</${element}>`];
}

function placeOf(name: string, element: string): RegExp {
  return new RegExp(`<key>${name}</key>\\s*<${element}>(.*?)</${element}>`, "s");
}

function inner(text: string, name: string, element: string): string {
  return placeOf(name, element).exec(text)?.[1] ?? "";
}

function replaced(text: string, place: RegExp, filling: string): string {
  if (!place.test(text)) {
    throw new FaultError("SERVICE_FAILED", `launchd's template has no ${place.source}`, {
      remedy: "Install state-syncd again.",
    });
  }
  // A function, because a `$` in a path would mean something else in a text.
  return text.replace(place, () => filling);
}

function key(text: string): string {
  return `<key>${escaped(text)}</key>`;
}

function string(text: string): string {
  return `<string>${escaped(text)}</string>`;
}

/** A parser would make a newline of a carriage return, but of this. */
const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&apos;",
  "\r": "&#13;",
};

const NO_CHARACTER_OF_XML = /[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/u;

function escaped(text: string): string {
  if (NO_CHARACTER_OF_XML.test(text)) {
    throw new FaultError("SERVICE_FAILED", `launchd's file cannot carry ${JSON.stringify(text)}`, {
      remedy: "Use a path, or a value of that variable, without control characters.",
    });
  }
  return text.replaceAll(/[&<>"'\r]/g, (character) => ESCAPES[character] ?? character);
}

function unescaped(text: string): string {
  return Object.entries(ESCAPES)
    .toReversed()
    .reduce((result, [character, escape]) => result.replaceAll(escape, character), text);
}
