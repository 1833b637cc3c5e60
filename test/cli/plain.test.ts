import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ROOT } from "../../src/cli/commands.ts";
import { type Command, dashed, type Family, type Given, isFamily } from "../../src/cli/definition.ts";
import { perform } from "../../src/cli/parse.ts";
import { plainLine } from "../../src/cli/plain.ts";
import { optionsOf } from "../../src/cli/reach.ts";
import { EXIT } from "../../src/errors.ts";

/** Every command with the words that call it. */
function everyCommand(family: Family = ROOT, before: readonly string[] = []): [string[], Command][] {
  return Object.entries(family.commands).flatMap(([name, node]): [string[], Command][] =>
    isFamily(node) ? everyCommand(node, [...before, name]) : [[[...before, name], node]],
  );
}

/** What the parser makes of a line. */
async function parsed(line: readonly string[]): Promise<{ command: Command; given: Given } | undefined> {
  let found: { command: Command; given: Given } | undefined;
  await perform(line, (command, given) => {
    found = { command, given };
    return Promise.resolve(EXIT.ok);
  });
  return found;
}

/** What is not given, what is false, what is none and what is the default are one to a command. */
function said({ command: { options }, given }: { command: Command; given: Given }): Given {
  const isSaid = ([key, value]: [string, unknown]): boolean => {
    const option = options[key];
    const usual = option?.type === "text" ? option.default : undefined;
    const isNone = value === undefined || value === false || (Array.isArray(value) && value.length === 0);
    return !isNone && value !== usual;
  };
  return Object.fromEntries(Object.entries(given).filter(isSaid));
}

/** Words of all kinds: names of repos, of commands and options, numbers, quotes, what begins with a dash. */
const word = fc.oneof(
  fc.constantFrom(
    "true",
    "false",
    "1",
    "0x1",
    "-",
    "--",
    "-h",
    "-w",
    "--help",
    "--version",
    "--json=false",
    "--no-json",
  ),
  fc.constantFrom(
    "alpha",
    "alpha@feature-x",
    "sync",
    "status",
    "hook",
    "'quoted'",
    '"quoted"',
    "a=b",
    "a,b",
    "__proto__",
    "constructor",
    "toString",
    "help",
    "version",
  ),
  fc.constantFrom(
    ...new Set(
      everyCommand().flatMap(([, node]) => Object.keys(optionsOf(node)).map((key) => `--${dashed(key)}`)),
    ),
  ),
  fc.string({ maxLength: 4 }),
);
const line = fc
  .tuple(
    fc.constantFrom(...everyCommand().map(([names]) => names)),
    fc.array(word, { maxLength: 4 }),
    fc.nat(4),
  )
  .map(([names, words, at]) => [...words.slice(0, at % 3 === 2 ? at : 0), ...names, ...words]);

describe("a line that goes without the parser", () => {
  it("says what the parser would have said of it, to the last option", async () => {
    let plainOnes = 0;
    await fc.assert(
      fc.asyncProperty(line, async (words) => {
        const plain = plainLine(words);
        if (plain === undefined) return;
        plainOnes += 1;
        const full = await parsed(words);
        expect(full?.command).toBe(plain.command);
        expect(full && said(full)).toEqual(said(plain));
      }),
      { numRuns: Number(process.env["FUZZ_RUNS"] ?? 500) },
    );
    expect(plainOnes).toBeGreaterThan(20);
  });

  it.each([
    ["status"],
    ["status --json"],
    ["sync"],
    ["sync alpha"],
    ["sync alpha beta --json"],
    ["sync alpha@feature-x"],
    ["sync --all"],
    ["sync --dry-run --all"],
  ])("is one as it is mostly written: %s", async (text) => {
    const words = text.split(" ");
    const plain = plainLine(words);
    const full = await parsed(words);
    expect(plain?.command).toBe(full?.command);
    expect(plain && said(plain)).toEqual(full && said(full));
  });

  it.each([
    ["sync --all true", "the parser takes true for the value of --all"],
    ["sync --all --all", "twice is a mistake"],
    ["sync --all=false", "a value"],
    ["sync --no-all", "a denial"],
    ["status -w", "a letter"],
    ["status --js", "a beginning"],
    ["status alpha", "a word too many"],
    ["--json status", "an option before the name"],
    ["sync 1", "a number"],
    ["sync -- --all", "an end of options"],
    ["sync --config x", "a value of an option"],
    ["sync --help", "a question"],
    ["sync help", "the same in a word"],
    ["sync alpha help", "and behind others"],
    ["repos", "half a name"],
    ["explain", "a word too few"],
    ["synk", "a misspelling"],
    ["__proto__", "a name of JavaScript's"],
  ])("%s is the parser's: %s", (text) => {
    expect(plainLine(text.split(" "))).toBeUndefined();
  });
});
