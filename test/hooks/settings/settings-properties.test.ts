import fc from "fast-check";
import { parse } from "jsonc-parser";
import { describe, expect, it } from "vitest";
import { programAt } from "../../../src/hooks/settings/own-calls.ts";
import {
  findHooks,
  installHooks,
  uninstallHooks,
  withoutOldHooks,
} from "../../../src/hooks/settings/edit.ts";

const RUNS = Number(process.env["FUZZ_RUNS"] ?? 300);
const WISH = {
  program: programAt("/usr/bin/node", "/usr/lib/state-syncd.cjs", undefined),
  replaceOld: false,
};

type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** What may stand between two tokens: nothing, blanks, lines, comments. A line end is `\n` here. */
const gap = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom("", "", " ", "\n", "\n  ", "\n\t", "\n      ", "\n\n ") },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      " // one\n",
      "// { [ , ] }\n  ",
      " /* two */",
      '/* "hooks": */\n ',
      "\n// three\n",
    ),
  },
);

/** A value in a layout that nobody would choose: each gap is drawn for itself. */
function laidOut(value: Json, next: () => string, comma: () => boolean): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const isList = Array.isArray(value);
  const parts = isList
    ? value.map((one: Json) => laidOut(one, next, comma))
    : Object.entries(value).map(
        ([key, one]) => `${JSON.stringify(key)}${next()}:${next()}${laidOut(one, next, comma)}`,
      );
  const [open, close] = isList ? "[]" : "{}";
  const inner = parts.map((part) => next() + part + next()).join(",");
  return `${open}${inner}${parts.length > 0 && comma() ? `,${next()}` : parts.length === 0 ? next() : ""}${close}`;
}

const command = fc.constantFrom(
  "./format.sh",
  "echo 'a \"b\"'",
  "bash .claude/hooks/checkpoint_reminder.sh",
  "./a && python utils/state_sync.py sync a",
  "state-syncd status",
  "echo state-syncd hook prompt",
);
const entry = fc.record(
  { type: fc.constant("command"), command, timeout: fc.nat(60) },
  { requiredKeys: ["command"] },
);
const group = fc.record(
  { matcher: fc.constantFrom("*", "Write|Edit", ""), hooks: fc.array(entry, { maxLength: 3 }) },
  { requiredKeys: ["hooks"] },
);
// What is empty says nothing, and an uninstalling cannot tell it from what it leaves: see the tables.
const groups = fc.array(group, { minLength: 1, maxLength: 3 });
const hooks = fc
  .record(
    {
      SessionStart: groups,
      PostToolUse: groups,
      Stop: groups,
      UserPromptSubmit: groups,
      Other: fc.jsonValue(),
    },
    { requiredKeys: [] },
  )
  .filter((value) => Object.keys(value).length > 0);
const others = fc.dictionary(
  fc.string({ maxLength: 5 }).filter((key) => key !== "hooks" && key !== "__proto__"),
  fc.jsonValue({ maxDepth: 2 }),
  { maxKeys: 3 },
);
const settings = fc
  .tuple(others, fc.option(hooks, { nil: undefined }), others)
  .map(([before, value, after]) => ({
    ...before,
    ...(value === undefined ? {} : { hooks: value }),
    ...after,
  }));

const file = fc
  .record({
    value: settings,
    gaps: fc.array(gap, { minLength: 1, maxLength: 40 }),
    commas: fc.array(fc.boolean(), { minLength: 1, maxLength: 5 }),
    ends: fc.tuple(gap, gap),
    eol: fc.constantFrom("\n", "\r\n"),
  })
  .map(({ value, gaps, commas, ends: [first, last], eol }) => {
    let at = 0;
    const text = laidOut(
      value as Json,
      () => gaps[at++ % gaps.length] ?? "",
      () => commas[at % commas.length] ?? false,
    );
    return { value, text: (first + text + last).replaceAll("\n", eol) };
  })
  // Empty braces on two lines are like those that an uninstalling leaves: see the tables, too.
  .filter(({ value, text }) => Object.keys(value).length > 0 || !/\{\s+\}/.test(text));

const read = (text: string): unknown => parse(text, [], { allowTrailingComma: true });

describe("whatever an agent's settings look like", () => {
  it("an installing adds hooks of ours and changes no byte of the rest, which an uninstalling gives back", () => {
    fc.assert(
      fc.property(file, ({ text }) => {
        const installed = installHooks(text, WISH).text;
        expect(findHooks(installed).own).toHaveLength(3);
        expect(installHooks(installed, WISH)).toEqual({ text: installed, changes: [] });
        expect(uninstallHooks(installed).text).toBe(text);
      }),
      { numRuns: RUNS },
    );
  });

  it("what others have there means the same afterwards, in the same order", () => {
    fc.assert(
      fc.property(file, ({ text }) => {
        const before = read(text) as Record<string, unknown>;
        const after = read(installHooks(text, WISH).text) as Record<string, Record<string, unknown[]>>;
        for (const [event, theirs] of Object.entries((before["hooks"] ?? {}) as Record<string, unknown>)) {
          const now = after["hooks"]?.[event];
          expect(Array.isArray(theirs) ? now?.slice(0, theirs.length) : now).toEqual(theirs);
        }
        expect({ ...after, hooks: 0 }).toEqual({ ...before, hooks: 0 });
      }),
      { numRuns: RUNS },
    );
  });

  it("the old utility's calls go alone, and no other command with them", () => {
    fc.assert(
      fc.property(file, ({ text }) => {
        const commands = (of: string): string[] =>
          Object.values((read(of) as { hooks?: Record<string, unknown> }).hooks ?? {})
            .flatMap((groups) =>
              Array.isArray(groups) ? (groups as { hooks?: { command?: string }[] }[]) : [],
            )
            .flatMap((group) => (Array.isArray(group?.hooks) ? group.hooks : []))
            .flatMap((hook) => (typeof hook?.command === "string" ? [hook.command] : []));
        expect(commands(withoutOldHooks(text).text)).toEqual(
          commands(text).filter((one) => !one.startsWith("bash ")),
        );
      }),
      { numRuns: RUNS },
    );
  });
});
