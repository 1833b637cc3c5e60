import { RE2JS, RE2JSSyntaxException } from "re2js";
import type { Found, Scanner } from "./scanner.ts";

/**
 * The users' own patterns. They are RE2: no pattern whatever can take more than linear time for
 * one match, which no check of a pattern for JavaScript's own engine can promise. Linear for one
 * match is not linear for all (in `a.*b|a` each looks to the end of the text for a better one), and
 * this engine is not a fast one; hence the deadline in `threads.ts`.
 */

/** What a user may call a rule: it stands in markers, reports and metrics. */
export const RULE_NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/;

/** Far more than a kind of record number needs. */
const LONGEST = 1_000;

/** What is wrong with a pattern, in words for the person who wrote it; undefined where nothing is. */
export function patternMistake(pattern: string): string | undefined {
  if (pattern === "") return "is empty, and so would match everywhere";
  if (pattern.length > LONGEST) return `has ${pattern.length} characters, more than the ${LONGEST} allowed`;
  try {
    return matchesNothing(compile(pattern))
      ? "can match an empty text, and so would match everywhere"
      : undefined;
  } catch (error) {
    if (!(error instanceof RE2JSSyntaxException)) throw error;
    return inWords(error.message);
  }
}

/** Alike in nothing but that each could be a secret. */
const UNLIKE = [
  "Tr0ub4dor&3",
  "a1B2c3D4e5F6g7H8i9J0",
  "0123456789abcdef0123456789abcdef",
  "AAAA-BBBB_1111.2222",
  "k5V+w/x8Zq==",
];

/** The same as {@link patternMistake} for what is to be allowed. */
export function allowMistake(pattern: string): string | undefined {
  const mistake = patternMistake(pattern);
  if (mistake !== undefined) return mistake;
  const compiled = compile(pattern);
  const alike = UNLIKE.filter((secret) => compiled.testExact(secret)).length;
  return alike < 2 ? undefined : "would allow secrets of every kind, and so turn the guard off";
}

/** What other engines have and this one cannot, by how its complaint ends. */
const BEYOND: readonly (readonly [RegExp, string])[] = [
  [/`\(\?<?[=!]/, "looks ahead or behind"],
  [/`\(\?>|nested repetition operator: `[*+?}]?\+/, "forbids backtracking"],
  [/escape sequence: `\\[1-9k]/, "refers back to a group"],
];

function inWords(message: string): string {
  const what = message.replace("error parsing regexp: ", "").replace(FLAGS, "");
  const beyond = BEYOND.find(([said]) => said.test(what));
  if (beyond === undefined) return `is not RE2 syntax: ${what}`;
  const part = /`.*`$/s.exec(what)?.[0] ?? "it";
  return `${beyond[1]} (${part}), which RE2 cannot: a pattern has to match in linear time`;
}

/** How the compiler writes the flag below, in its complaints too. */
const FLAGS = "(?m)";

/** `^` and `$` stand for the start and end of a line, since a text is made of lines. */
function compile(pattern: string): RE2JS {
  return RE2JS.compile(pattern, RE2JS.MULTILINE);
}

const SAMPLES = ["", "a", "a b\n\n-1"];

function matchesNothing(pattern: RE2JS): boolean {
  return SAMPLES.some((sample) => [...pattern.matchAll(sample)].some((match) => match[0] === ""));
}

/** @throws Error where a name or a pattern is wrong, which the config's validation should have found. */
export function userScanners(patterns: Readonly<Record<string, string>>): Scanner[] {
  return Object.entries(patterns).map(([rule, pattern]) => {
    if (!RULE_NAME.test(rule)) throw new Error(`guard.patterns: "${rule}" is no name for a rule`);
    const compiled = compiledOrThrow(pattern, `guard.patterns.${rule}`);
    return {
      name: `guard.patterns.${rule}`,
      rules: [rule],
      find: (text) => findAll(text, rule, compiled),
    };
  });
}

/** Tells what looks like a secret and is none: one of the patterns matches the whole of it. */
export function allowing(patterns: readonly string[]): (secret: string) => boolean {
  const compiled = patterns.map((pattern, index) =>
    compiledOrThrow(pattern, `guard.allow[${index}]`, allowMistake(pattern)),
  );
  return (secret) => compiled.some((pattern) => pattern.testExact(secret));
}

function compiledOrThrow(pattern: string, where: string, mistake = patternMistake(pattern)): RE2JS {
  if (mistake !== undefined) throw new Error(`${where}: the pattern ${mistake}`);
  return compile(pattern);
}

function findAll(text: string, rule: string, pattern: RE2JS): Found[] {
  const found: Found[] = [];
  // Of the same length, and `$` stands before the CR too.
  const lines = text.replaceAll("\r\n", "\n\n");
  for (const { 0: whole, index = 0 } of pattern.matchAll(lines)) {
    if (whole !== "") found.push({ rule, start: index, end: index + whole.length });
  }
  return found;
}
