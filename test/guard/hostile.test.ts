import { performance } from "node:perf_hooks";
import { describe, expect, it } from "vitest";
import { Guard } from "../../src/guard/guard.ts";
import { revealHidden } from "../../src/guard/hidden.ts";
import { maintainedScanners } from "../../src/guard/maintained-rules.ts";
import { ownScanners } from "../../src/guard/own-rules.ts";
import { RuleError } from "../../src/guard/rule-error.ts";
import { scan, type Scanner } from "../../src/guard/scanner.ts";
import { HOSTILE, repeated } from "./hostile-cases.ts";
import { MadeUp } from "./made-up.ts";

const KB = 1024;

/** Milliseconds that this process computed, so that others on the machine do not count. */
function computed(since = 0): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000 - since;
}

/** The least of a few, since a pause of the collector can only add. */
async function cost(work: () => unknown): Promise<number> {
  let least = Infinity;
  for (let round = 0; round < 3 && least > 2; round += 1) {
    const started = computed();
    await work();
    least = Math.min(least, computed(started));
  }
  return least;
}

/** Below this nothing can be said about growth. */
const NOISE_MS = 6;

describe("a text made to slow the guard down", () => {
  const scanners = [...maintainedScanners(), ...ownScanners()];

  it.each(Object.entries(HOSTILE))(
    "%s: no rule takes more than its share as it grows",
    async (_name, unit) => {
      const [small, large] = [repeated(unit, 12 * KB), repeated(unit, 96 * KB)];
      for (const scanner of scanners) {
        await scanner.find(small);
        const before = await cost(() => scanner.find(small));
        const after = await cost(() => scanner.find(large));
        // Eight times the text; a quadratic rule would take sixty-four times as long.
        expect(after, `${scanner.name}: ${before} -> ${after} ms`).toBeLessThan(24 * before + NOISE_MS);
        expect(after, scanner.name).toBeLessThan(1_000);
      }
    },
  );

  it.each(Object.entries(HOSTILE))("%s: hidden text is looked for in linear time", async (_name, unit) => {
    const [small, large] = [`${repeated(unit, 32 * KB)}\n`, `${repeated(unit, 256 * KB)}\n`];
    revealHidden(small);
    const before = await cost(() => revealHidden(small));
    const after = await cost(() => revealHidden(large));
    expect(after, `${before} -> ${after} ms`).toBeLessThan(24 * before + NOISE_MS);
  });

  it("of 1 MiB leaves the process its turns", async () => {
    const guard = await Guard.load({ patterns: {}, allow: [] });
    for (const name of [
      "GitHub tokens with a number",
      "names and equals signs",
      "cookies",
      "one letter",
    ] as const) {
      const body = Buffer.from(repeated(HOSTILE[name], 1024 * KB));
      let longest = 0;
      let last = computed();
      const turn = (): void => {
        longest = Math.max(longest, computed(last));
        last = computed();
      };
      const timer = setInterval(turn, 1);
      await guard.inspect(body);
      turn();
      clearInterval(timer);
      expect(longest, name).toBeLessThan(1_000);
    }
  });

  it("of the same secret 1,000 times, or 25,000 times, is cleaned of each", async () => {
    const guard = await Guard.load({ patterns: {}, allow: [] });
    const token = `ghp_${new MadeUp(31).base62(36)}`;
    for (const times of [1_000, 25_000]) {
      const { body, secrets, secretCount } = await guard.inspect(Buffer.from(`${token}\n`.repeat(times)));
      expect(secretCount).toBe(times);
      expect(secrets.at(-1)).toEqual({ rule: "github-token", line: 1_000 });
      expect(body.toString()).toBe("[REDACTED:github-token]\n".repeat(times));
    }
  });
});

describe("the guard's memory", () => {
  it("3,000 texts later it is as fast as before, and keeps nothing of them", async () => {
    const guard = await Guard.load({ patterns: { mine: String.raw`MRN-\d+` }, allow: ["none"] });
    const make = new MadeUp(32);
    const text = (at: number): Buffer =>
      Buffer.from(`${"- an item of the state, done\n".repeat(300)}MRN-${at} ghp_${make.base62(36)}\n`);
    const hundreds: number[] = [];
    for (let hundred = 0; hundred < 30; hundred += 1) {
      const bodies = Array.from({ length: 100 }, (_, at) => text(hundred * 100 + at));
      const started = computed();
      for (const body of bodies) await guard.inspect(body);
      hundreds.push(computed(started));
    }
    const [first = 0, last = 0] = [hundreds[1], hundreds.at(-1)];
    expect(last, hundreds.map((ms) => ms.toFixed(0)).join(" ")).toBeLessThan(3 * first + 20);
    // The rules' own runner leaves one for each rule and text.
    expect(performance.getEntriesByType("mark").filter(({ name }) => name.includes("@core"))).toEqual([]);
  });
});

describe("a rule that fails", () => {
  const secret = `ghp_${new MadeUp(33).base62(36)}`;
  const failing = (error: unknown): Scanner => ({
    name: "broken",
    rules: ["broken"],
    find: () => {
      throw error;
    },
  });

  it.each([
    [
      "an error that quotes the text",
      new TypeError(`bad text: ${secret}`),
      "the rule broken failed (TypeError)",
    ],
    ["something that is no error", secret, "the rule broken failed (string)"],
  ])("with %s fails the whole look, and says nothing of the text", async (_name, thrown, message) => {
    const failure = await scan(secret, [failing(thrown)]).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(RuleError);
    expect(String(failure)).toBe(`RuleError: ${message}`);
    expect((failure as RuleError).stack).not.toContain(secret);
    expect((failure as RuleError).cause).toBeUndefined();
  });

  it("later than at once counts as well", async () => {
    const late: Scanner = { name: "late", rules: [], find: () => Promise.reject(new Error(secret)) };
    await expect(scan(secret, [late])).rejects.toThrow(/^the rule late failed \(Error\)$/);
  });
});
