import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { gistOf } from "../../src/core/digest/digest.ts";
import { digestsOf } from "../../src/core/digest/shared.ts";
import { Remembered } from "../../src/core/remembered.ts";

describe("what was made of a text is remembered", () => {
  it("and not made again, until so many others were asked about", () => {
    const made: string[] = [];
    const remembered = new Remembered<string>(6);
    const of = (text: string): string =>
      remembered.of(text, () => {
        made.push(text);
        return text.toUpperCase();
      });
    expect(["aa", "bb", "aa", "cc", "aa", "dd"].map(of)).toEqual(["AA", "BB", "AA", "CC", "AA", "DD"]);
    expect(made).toEqual(["aa", "bb", "cc", "dd"]);
    // The one that was not asked about for longest has gone.
    expect([of("aa"), of("bb")]).toEqual(["AA", "BB"]);
    expect(made).toEqual(["aa", "bb", "cc", "dd", "bb"]);
  });

  it("but for one that is longer than all that may be kept, which leaves nothing behind", () => {
    let made = 0;
    const remembered = new Remembered<number>(6);
    const of = (text: string): number => remembered.of(text, () => (made += 1));
    expect([of("much too long"), of("much too long"), of("short"), of("short")]).toEqual([1, 2, 3, 3]);
  });

  const block = fc.constantFrom(
    "# title",
    "## Next steps",
    "- an item",
    "- another",
    "## BETA State",
    "prose",
    "",
    "```",
    "| a | b |",
    "|---|---|",
    "## Done",
    "## Blockers",
    "x".repeat(300),
  );
  it("a gist that was asked for other budgets in between, and for other peers, is as if made anew", () => {
    fc.assert(
      fc.property(
        fc.array(block, { maxLength: 30 }).map((lines) => lines.join("\n")),
        fc.array(fc.tuple(fc.nat(600), fc.subarray(["beta", "gamma"])), { minLength: 2, maxLength: 6 }),
        (text, questions) => {
          for (const [budget, peers] of questions) {
            const [digest] = digestsOf([{ repo: "alpha", text }], budget, peers);
            const fresh = gistOf(text, peers);
            const need = fresh.length <= budget ? fresh.length : fresh.within(budget).text.length;
            expect(digest).toEqual(gistOf(text, peers).within(need));
          }
        },
      ),
    );
  });
});
