import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Pairs } from "../../src/guard/pairs.ts";

const few = fc.string({
  unit: fc.constantFrom("a", "b", "_", "-", "\u0161", "\uD83D", "\uDE00"),
  maxLength: 40,
});
const any = fc.string({ unit: "binary", maxLength: 40 });

describe("a word that a rule hints at is found wherever it stands", () => {
  it.each([
    ["of few characters, where it is often there", few],
    ["of any", any],
  ])("texts %s", (_, texts) => {
    fc.assert(
      fc.property(texts, texts, texts, (before, word, after) => {
        expect(new Pairs(before + word + after).includes(word)).toBe(true);
      }),
    );
    fc.assert(
      fc.property(texts, texts, (text, word) => {
        expect(new Pairs(text).includes(word.slice(0, 4))).toBe(text.includes(word.slice(0, 4)));
      }),
    );
  });
});
