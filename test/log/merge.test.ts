import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { LogLine } from "../../src/log/format.ts";
import { mergeByTime, together } from "../../src/log/merge.ts";

const at = (raw: string, ms?: number): LogLine =>
  ms === undefined ? { raw, record: undefined } : { raw, record: undefined, time: new Date(ms) };
const raws = (lines: readonly LogLine[]): string[] => lines.map(({ raw }) => raw);

describe("two listings in one", () => {
  it("go by time, and those of one time by listing", () => {
    const merged = mergeByTime(
      [at("a1", 1), at("a3", 3), at("a5", 5)],
      [at("b2", 2), at("b3", 3), at("b9", 9)],
    );
    expect(raws(merged)).toEqual(["a1", "b2", "a3", "b3", "a5", "b9"]);
  });

  it("keep a line without a time where it was: behind the one before it, or before the first", () => {
    const merged = mergeByTime([at("x"), at("a4", 4), at("y"), at("a6", 6)], [at("b1", 1), at("b5", 5)]);
    expect(raws(merged)).toEqual(["b1", "x", "a4", "y", "b5", "a6"]);
    expect(raws(mergeByTime([at("x")], [at("b1", 1)]))).toEqual(["x", "b1"]);
  });

  it("lose nothing, and keep the order of each whatever its clock did", () => {
    const listing = (name: string) =>
      fc
        .array(fc.option(fc.nat(20), { nil: undefined }), { maxLength: 12 })
        .map((times) => times.map((ms, index) => at(`${name}${index}`, ms)));
    fc.assert(
      fc.property(listing("a"), listing("b"), (one, other) => {
        const merged = mergeByTime(one, other);
        expect(merged.filter((line) => one.includes(line))).toEqual(one);
        expect(merged.filter((line) => other.includes(line))).toEqual(other);
        expect(merged).toHaveLength(one.length + other.length);
      }),
    );
  });
});

describe("several sources at once", () => {
  async function* counting(name: string, waits: readonly number[]): AsyncGenerator<string, void> {
    for (const [index, wait] of waits.entries()) {
      await new Promise((done) => setTimeout(done, wait));
      yield `${name}${index}`;
    }
  }

  it("give what comes as it comes, until the last has ended", async () => {
    const seen: string[] = [];
    for await (const item of together([counting("a", [1, 60]), counting("b", [20]), counting("c", [])])) {
      seen.push(item);
    }
    expect(seen).toEqual(["a0", "b0", "a1"]);
  });

  it("fail with the one that fails, and end where nobody wants more", async () => {
    async function* failing(): AsyncGenerator<string, void> {
      yield "x";
      throw new Error("broken");
    }
    const all = together([failing(), counting("a", [1, 1, 1])]);
    await expect(
      (async () => {
        for await (const _ of all);
      })(),
    ).rejects.toThrow("broken");
    let ended = 0;
    async function* endless(): AsyncGenerator<string, void> {
      try {
        for (;;) {
          await new Promise((done) => setTimeout(done, 1));
          yield "x";
        }
      } finally {
        ended += 1;
      }
    }
    for await (const _ of together([endless(), endless()])) break;
    await new Promise((done) => setTimeout(done, 20));
    expect(ended).toBe(2);
  });
});
