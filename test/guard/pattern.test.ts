import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Guard } from "../../src/guard/guard.ts";
import { allowMistake, patternMistake } from "../../src/guard/pattern.ts";
import { MadeUp } from "./made-up.ts";

const make = new MadeUp(21);
const token = `ghp_${make.base62(36)}`;

async function guarded(
  text: string,
  patterns: Readonly<Record<string, string>>,
  allow: readonly string[] = [],
): Promise<string> {
  const guard = await Guard.load({ patterns, allow });
  return (await guard.inspect(Buffer.from(text))).body.toString();
}

describe("a user's pattern", () => {
  it.each<readonly [text: string, pattern: string, result: string]>([
    ["MRN-0012345 seen.", String.raw`MRN-\d{6,10}`, "[REDACTED:mine] seen."],
    ["ssn 123-45-6789\r\n", String.raw`\b\d{3}-\d{2}-\d{4}\b`, "ssn [REDACTED:mine]\r\n"],
    ["Patient No: Ä12\nnext", String.raw`(?i)patient\s+no:?\s*\S+`, "[REDACTED:mine]\nnext"],
    ["a\nrecord 7\r\nb", "^record .*$", "a\n[REDACTED:mine]\r\nb"],
    ["😀1😀22😀", String.raw`\d+`, "😀[REDACTED:mine]😀[REDACTED:mine]😀"],
    [
      "x \u{1F3F4}\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F} y",
      String.raw`\x{1F3F4}`,
      "x [REDACTED:mine] y",
    ],
    ["❤\uFE0F!", "❤", "[REDACTED:mine]!"],
    ["a\r\nb\nc\n", String.raw`\nb`, "a[REDACTED:mine]\nc\n"],
    [String.raw`C:\new\table`, String.raw`\\new`, String.raw`C:[REDACTED:mine]\table`],
    ["begin 1\n2 end", "(?s)begin.*end", "[REDACTED:mine]"],
    ["REDACTED and [REDACTED:jwt]", "REDACTED", "[REDACTED:mine] and [REDACTED:jwt]"],
    ["abcabc", "abca|bc", "[REDACTED:mine][REDACTED:mine]"],
  ])("%j without %j is %j, once and for all", async (text, pattern, result) => {
    const guard = await Guard.load({ patterns: { mine: pattern }, allow: [] });
    const { body } = await guard.inspect(Buffer.from(text));
    expect(body.toString()).toBe(result);
    expect((await guard.inspect(body)).body).toBe(body);
  });

  it("gives its name to what it finds, and yields to a rule that knows better", async () => {
    const patterns = { "patient.id": String.raw`P\d+`, words: String.raw`\w{40}` };
    expect(await guarded(`P123 ${token}`, patterns)).toBe("[REDACTED:patient.id] [REDACTED:github-token]");
  });

  it("settles or is refused by name, whatever it matches", async () => {
    const sources = fc.constantFrom(
      "a",
      "b",
      "aa",
      "[ab]",
      "a+",
      "b{2}",
      ".a",
      String.raw`a\b`,
      "^a",
      "b$",
      "a|b",
      String.raw`\Ba`,
    );
    const pattern = fc.array(sources, { minLength: 1, maxLength: 3 }).map((parts) => parts.join(""));
    const text = fc.array(fc.constantFrom("a", "b", " ", "\n", "[REDACTED:one]"), { maxLength: 40 });
    let settled = 0;
    await fc.assert(
      fc.asyncProperty(pattern, text, async (one, parts) => {
        const guard = await Guard.load({ patterns: { one }, allow: [] });
        const outcome = await guard.inspect(Buffer.from(parts.join(""))).catch(String);
        if (typeof outcome === "string") {
          expect(outcome).toMatch(/^RuleError: the rule one finds more the more is redacted/);
        } else {
          settled += 1;
          expect(await guard.inspect(outcome.body)).toEqual({
            body: outcome.body,
            secrets: [],
            secretCount: 0,
            hidden: 0,
          });
        }
      }),
      { numRuns: 300 },
    );
    expect(settled).toBeGreaterThan(250);
  });

  it("that backtracks without end elsewhere takes its time by the size of the text", async () => {
    const guard = await Guard.load({ patterns: { evil: "(a+)+b|(a|aa)+c|(x+x+)+y" }, allow: [] });
    const { secrets } = await guard.inspect(Buffer.from(`${"a".repeat(200_000)} ${"x".repeat(200_000)}`));
    expect(secrets).toEqual([]);
  });
});

describe("a mistake in a pattern is told in words", () => {
  it.each<readonly [pattern: string, words: string]>([
    ["", "is empty, and so would match everywhere"],
    ["a*", "can match an empty text, and so would match everywhere"],
    ["x|", "can match an empty text, and so would match everywhere"],
    [String.raw`\b`, "can match an empty text, and so would match everywhere"],
    ["^", "can match an empty text, and so would match everywhere"],
    ["(?=a)b", "looks ahead or behind (`(?=`), which RE2 cannot: a pattern has to match in linear time"],
    ["a(?!b)", "looks ahead or behind (`(?!`), which RE2 cannot: a pattern has to match in linear time"],
    ["(?<=a)b", "looks ahead or behind (`(?<=a)b`), which RE2 cannot: a pattern has to match in linear time"],
    ["(?<!a)b", "looks ahead or behind (`(?<!a)b`), which RE2 cannot: a pattern has to match in linear time"],
    [
      String.raw`(a)\1`,
      "refers back to a group (`\\1`), which RE2 cannot: a pattern has to match in linear time",
    ],
    [
      String.raw`(?<n>a)\k<n>`,
      "refers back to a group (`\\k`), which RE2 cannot: a pattern has to match in linear time",
    ],
    ["a++", "forbids backtracking (`++`), which RE2 cannot: a pattern has to match in linear time"],
    ["(?>a)", "forbids backtracking (`(?>`), which RE2 cannot: a pattern has to match in linear time"],
    ["(", "is not RE2 syntax: missing closing ): `(`"],
    ["[a", "is not RE2 syntax: missing closing ]: `[a`"],
    ["*a", "is not RE2 syntax: missing argument to repetition operator: `*`"],
    ["a{2000}", "is not RE2 syntax: invalid repeat count: `{2000}`"],
    ["a".repeat(1_001), "has 1001 characters, more than the 1000 allowed"],
  ])("%j %s", (pattern, words) => {
    expect(patternMistake(pattern)).toBe(words);
  });

  it.each([
    "a",
    String.raw`MRN-\d{6}`,
    "(?i)patient",
    "^x$",
    String.raw`\pL+`,
    "(?P<name>a)",
    "(?<name>a)",
    "a+?",
    "(a+)+$",
  ])("%j has none", (pattern) => {
    expect(patternMistake(pattern)).toBeUndefined();
  });

  it("and no string whatever makes the check itself fail", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 30 }), (pattern) => {
        const mistake = patternMistake(pattern);
        expect(mistake === undefined || mistake.length > 0).toBe(true);
      }),
      { numRuns: 1_000 },
    );
    const parts = fc.constantFrom(
      ...Array.from("()[]{}*+?|^$\\.,-01a"),
      "(?",
      "\\d",
      "\\p{",
      "{1,",
      "[^",
      "(?i)",
      "\\Q",
      "\\x{",
    );
    fc.assert(
      fc.property(fc.array(parts, { maxLength: 12 }), (pattern) => {
        patternMistake(pattern.join(""));
      }),
      { numRuns: 2_000 },
    );
  });

  it("keeps a guard with it from being made, naming it", async () => {
    await expect(Guard.load({ patterns: { mine: "(" }, allow: [] })).rejects.toThrow(
      "guard.patterns.mine: the pattern is not RE2 syntax: missing closing ): `(`",
    );
    await expect(Guard.load({ patterns: {}, allow: ["a", "b*"] })).rejects.toThrow(
      "guard.allow[1]: the pattern can match an empty text",
    );
    await expect(Guard.load({ patterns: { "My Rule": "a" }, allow: [] })).rejects.toThrow(
      'guard.patterns: "My Rule" is no name for a rule',
    );
  });
});

describe("what would turn the guard off", () => {
  it.each([".+", ".*x?|.+", String.raw`\S{8,}`, "(?s).+", String.raw`[\w.+/=-]+`, "[A-Za-z0-9]+"])(
    "%j is no pattern for what is allowed",
    async (pattern) => {
      expect(allowMistake(pattern)).toMatch(/^(?:would allow secrets of every kind|can match an empty text)/);
      await expect(Guard.load({ patterns: {}, allow: [pattern] })).rejects.toThrow("guard.allow[0]");
    },
  );

  it.each(["AKIA[A-Z]+EXAMPLE", "[0-9a-f]{32}", "ghp_[A-Za-z0-9]+", String.raw`\d+`, "hunter2"])(
    "%j is one",
    (pattern) => {
      expect(allowMistake(pattern)).toBeUndefined();
    },
  );
});

describe("what is allowed", () => {
  it("stays where a pattern matches the whole of what was found", async () => {
    expect(await guarded(`x ${token} y`, {}, [`ghp_[A-Za-z0-9]+`])).toBe(`x ${token} y`);
    expect(await guarded("P12 P345", { id: String.raw`P\d+` }, [String.raw`P\d\d`])).toBe(
      "P12 [REDACTED:id]",
    );
  });

  it("does not stay where a pattern matches only a part", async () => {
    expect(await guarded(`x ${token} y`, {}, ["ghp_", token.slice(4), `^${token.slice(0, 39)}`])).toBe(
      "x [REDACTED:github-token] y",
    );
  });

  it("stays under every rule that finds the same", async () => {
    const text = `GITHUB_TOKEN=${token}\n`;
    expect(await guarded(text, {}, [token])).toBe(text);
  });

  it("stays as a whole key of many lines", async () => {
    const key = make.pem();
    expect(await guarded(`${key}\n`, {}, ["(?s)-----BEGIN PRIVATE KEY-----.*"])).toBe(`${key}\n`);
  });
});
