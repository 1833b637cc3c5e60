import { describe, expect, it } from "vitest";
import { readBlocks } from "../../src/core/digest/blocks.ts";
import { digest } from "./digest-of.ts";

const SIZE = 200_000;
const BLANKS = " ".repeat(SIZE);
/** What is read in one go takes a few hundredths of this; what is tried in every way takes minutes. */
const MOST_MS = 5_000;

/** A daemon reads peers' states in the thread that does everything else. */
describe("a state that is made to take long", () => {
  it.each([
    ["a heading of blanks", `## Next${BLANKS}x`],
    ["a bold line of blanks", `**Next**${BLANKS}x`],
    ["a fact of blanks", `---\nstatus: a${BLANKS}y\n---\ntext`],
    ["a table's divider of blanks", `| a |\n${BLANKS}x |y`],
    ["a heading on each line", "## Next\n- a\n".repeat(SIZE / 12)],
    ["headings and nothing else", "## a\n".repeat(SIZE)],
    [
      "headings of every rank",
      Array.from({ length: SIZE / 10 }, (_, at) => `${"#".repeat(1 + (at % 6))} blocked ${at}\nx\n`).join(""),
    ],
    ["beginnings of sections that never end", "<!-- state-syncd:begin x -->\n".repeat(SIZE / 10)],
  ])("%s is read in one go", (_, text) => {
    const began = performance.now();
    expect(digest(text, { budget: 500, peers: ["api"] }).text.length).toBeLessThanOrEqual(500);
    expect(performance.now() - began).toBeLessThan(MOST_MS);
  });

  it.each([
    ["## Next ##", "Next"],
    ["## Next #  ", "Next"],
    ["## C#", "C#"],
    ["## Next steps \t", "Next steps"],
    ["**Next**:", "Next"],
    ["**Next:** \t", "Next"],
  ])("what %j announces is the same as before", (line, title) => {
    expect(readBlocks(`${line}\n- a\n`).passages.map((passage) => passage.title)).toEqual([title]);
  });
});
