import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import * as fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { Guard } from "../../src/guard/guard.ts";
import { maintainedScanners } from "../../src/guard/maintained-rules.ts";
import { ownScanners } from "../../src/guard/own-rules.ts";
import { HARMLESS } from "./harmless-cases.ts";
import { MadeUp } from "./made-up.ts";
import { type SecretCase, secretCases } from "./secret-cases.ts";

const RUNS = Number(process.env["FUZZ_RUNS"] ?? 150);
const CORPUS = resolve(import.meta.dirname, "../../../shared/corpus");
const MARKER = /\[REDACTED:[a-z0-9][a-z0-9-]*\]/g;

let guard: Guard;
beforeAll(async () => {
  guard = await Guard.load({ patterns: {}, allow: [] });
});

const textOf = ({ before, secret, after }: SecretCase): string => before + secret + after;

/** What became of a case, with `*` for a marker. */
async function guarded(text: string): Promise<string> {
  const { body } = await guard.inspect(Buffer.from(text));
  return body.toString().replaceAll(MARKER, "*");
}

async function isFound(one: SecretCase): Promise<boolean> {
  return (await guarded(textOf(one))) === `${one.before}*${one.after}`;
}

/** The surroundings in which what is harmless has to stay so. */
const SETTINGS: readonly ((text: string) => string)[] = [
  (text) => text,
  (text) => `${text}\n`,
  (text) => `# State\r\n\r\n- ${text.replaceAll("\n", "\r\n")}\r\n`,
  (text) => `\`\`\`\n${text}\n\`\`\`\n`,
  (text) => `**Next**: ${text}. Then go on.`,
];

describe("secrets", () => {
  const cases = secretCases(new MadeUp(1));

  it.each(cases.filter((one) => one.missed === undefined))(
    "$kind: exactly the secret becomes a marker, and its line is told",
    async ({ before, secret, after }) => {
      const { body, secrets, hidden } = await guard.inspect(Buffer.from(before + secret + after));
      expect(body.toString().replaceAll(MARKER, "*")).toBe(`${before}*${after}`);
      expect(secrets).toHaveLength(1);
      expect(secrets[0]?.line).toBe(before.split("\n").length);
      expect(body.toString()).toContain(`[REDACTED:${secrets[0]?.rule}]`);
      expect(hidden).toBe(0);
      expect(await guard.inspect(body)).toEqual({ body, secrets: [], secretCount: 0, hidden: 0 });
    },
  );

  it.each(cases.filter((one) => one.missed !== undefined))(
    "$kind: known to be missed, since $missed",
    async (one) => {
      expect(await isFound(one)).toBe(false);
    },
  );

  it("detection and false alarms of the two tables, and of fifty more secrets of each shape", async () => {
    const real = cases.filter((one) => one.missed === undefined);
    let found = 0;
    for (const one of cases) if (await isFound(one)) found += 1;
    const alarms: string[] = [];
    for (const text of HARMLESS) {
      const { secrets, hidden } = await guard.inspect(Buffer.from(text));
      if (secrets.length + hidden > 0) alarms.push(text);
    }
    const missed: string[] = [];
    let made = 0;
    for (let seed = 2; seed <= 51; seed += 1) {
      for (const one of secretCases(new MadeUp(seed))) {
        if (one.missed !== undefined) continue;
        made += 1;
        if (!(await isFound(one))) missed.push(`${one.kind}, seed ${seed}`);
      }
    }
    process.stdout.write(
      `\nsecrets found: ${found} of ${cases.length} (${cases.length - real.length} known misses)\n` +
        `false alarms: ${alarms.length} of ${HARMLESS.length}\n` +
        `other secrets of the same shapes: ${made - missed.length} of ${made}\n`,
    );
    expect(real.length).toBeGreaterThanOrEqual(60);
    expect(HARMLESS.length).toBeGreaterThanOrEqual(60);
    expect({ found, alarms, missed }).toEqual({ found: real.length, alarms: [], missed: [] });
  });

  it.each(HARMLESS.map((text) => [text] as const))("are not %j", async (text) => {
    for (const setting of SETTINGS) {
      const body = Buffer.from(setting(text));
      expect((await guard.inspect(body)).body, setting(text)).toBe(body);
    }
  });

  it.skipIf(!existsSync(CORPUS))(
    "are in no real state file (skipped where the corpus is absent)",
    async () => {
      const files = readdirSync(CORPUS).filter((name) => name.endsWith(".md"));
      expect(files.length).toBeGreaterThan(20);
      for (const name of files) {
        const body = readFileSync(join(CORPUS, name));
        expect(await guard.inspect(body), name).toEqual({ body, secrets: [], secretCount: 0, hidden: 0 });
      }
    },
  );
});

describe("what holds whatever the text", () => {
  /** Secrets that need nothing around them to be known. */
  const tokens: string[] = [];
  beforeAll(async () => {
    for (const { secret } of secretCases(new MadeUp(7))) {
      if ((await guarded(`${secret}\n`)) === "*\n") tokens.push(secret);
    }
  });
  const token = fc.nat().map((at) => tokens[at % tokens.length] ?? "");
  const words = fc.constantFrom(
    "done",
    "Späße",
    "ключ",
    "密码",
    "😀",
    "👩‍❤️‍💋‍👨",
    "a|b",
    "**x**",
    "`y`",
    "|---|",
    "- [ ]",
    "```",
    "…",
    "%20",
    "\\n",
    "\t",
  );
  const ends = fc.constantFrom("\n", "\r\n", "\n\n", " ", "  ", "\n> ");
  const prose = fc.array(fc.tuple(words, ends), { maxLength: 25 }).map((parts) => parts.flat().join(""));
  const mark = fc.constantFrom("", "\uFEFF");

  it("a secret planted anywhere is taken out, and every other byte stays", async () => {
    expect(tokens.length).toBeGreaterThan(50);
    await fc.assert(
      fc.asyncProperty(
        mark,
        prose,
        fc.constantFrom(...tokens),
        ends,
        prose,
        async (bom, a, token, end, b) => {
          const [before, after] = [`${bom}${a}`, `${end}${b}`];
          const { body, secrets } = await guard.inspect(Buffer.from(before + token + after));
          const rule = secrets[0]?.rule ?? "";
          expect(body.equals(Buffer.from(`${before}[REDACTED:${rule}]${after}`))).toBe(true);
          expect(secrets).toEqual([{ rule, line: before.split("\n").length }]);
        },
      ),
      { numRuns: RUNS },
    );
  });

  it("what was looked through once is clean for good, hidden text and half markers included", async () => {
    const pieces = fc.constantFrom(
      ...secretCases(new MadeUp(9)).flatMap((one) => [one.before, one.secret, one.after]),
      "password=",
      '"api_key": "',
      "token: ",
      "--secret ",
      "://a:",
      "@b",
      "Bearer ",
      "eyJ",
      "ghp_",
      "sk-",
      "[REDACTED:jwt]",
      "[REDACTED:",
      "]",
      "[HIDDEN:4 tag characters]",
      '"',
      "'",
      "`",
      "|",
      "\\",
      "=",
      ";",
      "&x=",
      "\u001B[31m",
      "\u202E",
      "\u200B\u200B\u200B\u200B",
      "\u{E0041}\u{E0042}",
      "\uFE0F",
      "😀",
      "\r",
      "\n",
      "\r\n",
      " ",
      "",
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof({ weight: 5, arbitrary: pieces }, token), { maxLength: 16 }),
        async (parts) => {
          const { body } = await guard.inspect(Buffer.from(parts.join("")));
          const again = await guard.inspect(body);
          expect(again).toEqual({ body, secrets: [], secretCount: 0, hidden: 0 });
          expect(again.body).toBe(body);
        },
      ),
      { numRuns: RUNS * 4 },
    );
  });

  it("a window's end in a long line makes no token of what is longer than one", async () => {
    const body = Buffer.from(`${"x ".repeat(49_124)}gsk_${"a1B2".repeat(25)} ${"x ".repeat(40_000)}`);
    expect((await guard.inspect(body)).body).toBe(body);
    // The window ends here; up to here it would be one.
    expect(body.indexOf("gsk_") + 4 + 52).toBe(96 * 1024);
  });

  it("a token is found wherever the windows of a long text end, in lines and without any", async () => {
    const make = new MadeUp(3);
    const key = make.pem("RSA ", "\n", 50);
    for (const filler of ["done.\n", "done. "]) {
      for (const at of [70_000, 80_000, 94_208, 98_200, 98_286, 98_304, 100_000, 122_880, 171_990, 196_608]) {
        for (const secret of [`ghp_${make.base62(36)}`, `hf_${make.letters(34)}`, key]) {
          const before = `${filler.repeat(at / filler.length)} `;
          const after = ` ${filler.repeat(30_000)}`;
          const { body, secrets } = await guard.inspect(Buffer.from(before + secret + after));
          expect(secrets.length, `${at}`).toBe(1);
          expect(body.toString().replaceAll(MARKER, "*") === `${before}*${after}`, `${at}`).toBe(true);
        }
      }
    }
  });
});

describe("the guard", () => {
  const make = new MadeUp(11);
  const token = `ghp_${make.base62(36)}`;

  it("cannot be turned off by the text", async () => {
    const off = [
      "<!-- secretlint-disable -->",
      "// secretlint-disable-next-line",
      `${token} // secretlint-disable-line`,
    ];
    for (const line of off) {
      const { body } = await guard.inspect(Buffer.from(`${line}\n${token}\n<!-- secretlint-enable -->\n`));
      expect(body.includes(token)).toBe(false);
    }
  });

  it("lets no text hide a secret in what looks like a marker", async () => {
    const body = Buffer.from(`[REDACTED:${token}] [REDACTED:glpat-${make.hex(20)}]\n`);
    const text = (await guard.inspect(body)).body.toString();
    expect(text).toBe(
      "[REDACTED:[REDACTED:github-token]] [REDACTED:[REDACTED:gitlab-personal-access-token]]\n",
    );
  });

  it("gives back the very same buffer where nothing was found, an empty one too", async () => {
    for (const text of ["", "\uFEFF", "# State\n", "ключ 😀\r\n"]) {
      const body = Buffer.from(text);
      expect((await guard.inspect(body)).body).toBe(body);
    }
  });

  it("does not change the buffer it was given", async () => {
    const body = Buffer.from(`${token}\u202E\n`);
    const copy = Buffer.from(body);
    await guard.inspect(body);
    expect(body.equals(copy)).toBe(true);
  });

  it("makes one marker of findings that overlap, under the more telling name", async () => {
    const { body, secrets } = await guard.inspect(Buffer.from(`GITHUB_TOKEN="${token}"\n`));
    expect(body.toString()).toBe('GITHUB_TOKEN="[REDACTED:github-token]"\n');
    expect(secrets).toEqual([{ rule: "github-token", line: 1 }]);
    const longer = await guard.inspect(Buffer.from(`password: "1!${token}"\n`));
    expect(longer.body.toString()).toBe('password: "[REDACTED:github-token]"\n');
  });

  it("finds all of many settings that nothing but signs divides", async () => {
    const settings = Array.from({ length: 30 }, (_, index) => `Key${index}Password=${make.password()}`);
    const { body } = await guard.inspect(Buffer.from(`${settings.join(";")}\n`));
    const left = settings.map((_, index) => `Key${index}Password=[REDACTED:password]`);
    expect(body.toString()).toBe(`${left.join(";")}\n`);
  });

  it("tells the lines of the text that came in, behind a secret of many lines, hidden text and lone returns", async () => {
    const text = `a\rb\n${make.pem()}\n\u001B[1m\n${token}\r\n\r\n${token}`;
    const { secrets, hidden } = await guard.inspect(Buffer.from(text));
    expect(secrets).toEqual([
      { rule: "private-key", line: 2 },
      { rule: "github-token", line: 17 },
      { rule: "github-token", line: 19 },
    ]);
    expect(hidden).toBe(2);
  });

  it("counts the lines of a text that only has returns", async () => {
    const { secrets } = await guard.inspect(Buffer.from(`a\rb\r${token}\r`));
    expect(secrets).toEqual([{ rule: "github-token", line: 3 }]);
  });

  it("finds a token that a terminal's colours stand around, and keeps them visible", async () => {
    const { body, hidden } = await guard.inspect(Buffer.from(`\u001B[31m${token}\u001B[0m\n`));
    expect(body.toString()).toBe("\u241B[31m[REDACTED:github-token]\u241B[0m\n");
    expect(hidden).toBe(2);
  });

  it("takes a marker's name from the rule alone, never from the text", async () => {
    const known = new Set([...maintainedScanners(), ...ownScanners()].flatMap(({ rules }) => rules));
    for (const name of known) expect(name).toMatch(/^[a-z0-9]+(?:-[a-z0-9]+)*$/);
    for (const one of secretCases(new MadeUp(5))) {
      const { secrets } = await guard.inspect(Buffer.from(textOf(one)));
      for (const { rule } of secrets) expect(known).toContain(rule);
    }
  });

  it("guards several texts at once without mixing them up", async () => {
    const texts = Array.from({ length: 20 }, (_, index) => `${"x\n".repeat(index)}${token} ${index}\n`);
    const results = await Promise.all(texts.map((text) => guard.inspect(Buffer.from(text))));
    expect(results.map(({ body }) => body.toString())).toEqual(
      texts.map((text) => text.replace(token, "[REDACTED:github-token]")),
    );
    expect(results.map(({ secrets }) => secrets)).toEqual(
      texts.map((_, index) => [{ rule: "github-token", line: index + 1 }]),
    );
  });
});
