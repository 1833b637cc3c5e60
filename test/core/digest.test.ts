import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readBlocks } from "../../src/core/digest/blocks.ts";
import { digest } from "./digest-of.ts";
import { withoutEchoes } from "../../src/core/digest/echoes.ts";
import { kindOf } from "../../src/core/digest/kinds.ts";
import { shares } from "../../src/core/digest/share.ts";
import { shorten } from "../../src/core/digest/shorten.ts";

const ROOMY = 100_000;

describe("what a heading announces", () => {
  it.each([
    ["Blockers", "blockers"],
    ["🚧 Blocked on", "blockers"],
    ["Known issues", "blockers"],
    ["**Waiting for**", "blockers"],
    ["Next Steps", "next"],
    ["What's Next?", "next"],
    ["TODO", "next"],
    ["To-do", "next"],
    ["What Needs to Happen Next", "next"],
    ["Short Term (1-2 weeks)", "next"],
    ["Not Started (Phase 0)", "next"],
    ["Current Status", "status"],
    ["Active Work", "status"],
    ["In Progress", "status"],
    ["Key Metrics", "status"],
    ["Recent Decisions", "decisions"],
    ["Key Decisions Pending", "next"],
    ["Completed", "done"],
    ["Governance Blocker RESOLVED ✅", "done"],
    ["Phase 2 - Knowledge Objects ✅ COMPLETE", "done"],
    ["Previous Session: Streaming Output Fix", "done"],
    ["v4 Summary (Historical - Complete)", "done"],
    ["Mission Control (98% Complete)", "status"],
    ["Decision Logic", "other"],
    ["Architecture Overview", "other"],
    ["次のステップ", "other"],
  ])("%s: %s", (title, kind) => {
    expect(kindOf(title)).toBe(kind);
  });
});

describe("a digest", () => {
  it("has facts, then blockers, next steps, status and decisions, whatever their order in the file", () => {
    const text =
      "---\nphase: beta\nowner: null\n---\n# App\nIntro.\n## Decisions\n- SQLite\n## Status\nAll is well.\n## Next\n- ship\n## Blockers\n- none yet\n";
    expect(digest(text, { budget: ROOMY })).toEqual({
      text: "phase: beta\n\n### Blockers\n- none yet\n\n### Next\n- ship\n\n### App\nIntro.\n### Status\nAll is well.\n\n### Decisions\n- SQLite",
      isWhole: true,
    });
  });

  it("drops what is done, struck or checked off, with all that stands below it", () => {
    const text =
      "## Next\n- [x] a\n  - of a\n- [ ] b\n  - of b\n- ~~c~~\n- ✅ d\n    - of d\n1. e\n| T | S |\n|---|---|\n| f | Done |\n| g | open |\n| ~~h~~ | |\n## Completed\n- i\n";
    expect(digest(text, { budget: ROOMY }).text).toBe(
      "### Next\n- [ ] b\n  - of b\n1. e\n| T | S |\n|---|---|\n| g | open |",
    );
  });

  it("takes a bold line for the heading that it is meant as, and a bold word for a word", () => {
    const text = "**Blockers**:\n- x\n\n**Status**: **fine**\n**Next steps:**\n- y\n";
    expect(digest(text, { budget: ROOMY }).text).toBe(
      "### Blockers\n- x\n**Status**: **fine**\n\n### Next steps\n- y",
    );
  });

  it("tells of how things are what is under way first, and of a table no row that was never filled in", () => {
    const text =
      "# App - State\n**Phase**: 2\n## Status\n### Capabilities\n| A | B |\n|---|---|\n| loop | yes |\n| - | - |\n## Active work\n### Latest: login\n- half way\n";
    expect(digest(text, { budget: ROOMY }).text).toBe(
      "### App - State\n**Phase**: 2\n### Active work > Latest: login\n- half way\n### Status > Capabilities\n| A | B |\n|---|---|\n| loop | yes |",
    );
  });

  it("takes what is done to so many percent for under way, and what is done to a hundred for done", () => {
    const text =
      "## Login (40% complete)\n- half way\n- the form (100% complete)\n**Phase A** (100% complete)\n## Old (100% complete)\n- gone\n";
    expect(digest(text, { budget: ROOMY }).text).toBe("### Login (40% complete)\n- half way");
  });

  it("keeps two tables apart that stand one below the other", () => {
    const text = "## Status\n| A | B |\n|---|---|\n| a | b |\n\n| C | D |\n|---|---|\n| c | d |\n";
    expect(digest(text, { budget: ROOMY }).text).toBe(
      "### Status\n| A | B |\n|---|---|\n| a | b |\n\n| C | D |\n|---|---|\n| c | d |",
    );
  });

  it("uses what a short outline leaves of the budget", () => {
    const steps = Array.from({ length: 100 }, (_, at) => `- step ${at}`).join("\n");
    const { text } = digest(`## Next\n${steps}\n`, { budget: 500 });
    expect(text.length).toBeGreaterThan(470);
  });

  it("has what a heading of its own announces before what a detail's does, and nothing of the past", () => {
    const text =
      "## Work\n### Latest: login\n#### Next\n- of the login\n### Previous: logout\n#### Next\n- long ago\n## Next\n### Soon\n- ship\n";
    expect(digest(text, { budget: ROOMY }).text).toBe(
      "### Next > Soon\n- ship\n### Work > Latest: login > Next\n- of the login",
    );
  });

  it("tells what it left out, with sizes", () => {
    const text = `## Blockers\n- x\n## Architecture\n${"word ".repeat(400)}\n## History\n- y\n`;
    const { text: told, isWhole } = digest(text, { budget: 1_000 });
    expect(told).toBe("### Blockers\n- x\n\nNot shown, in characters: Architecture (2.0k), History (15)");
    expect(isWhole).toBe(false);
  });

  it("gives the beginning of a file whose headings say nothing to it, and the outline", () => {
    const text = `# 状態\n## 次のステップ\n- 出荷する\n## 概要\n${"長い文。".repeat(200)}\n`;
    const { text: told } = digest(text, { budget: 200 });
    expect(told).toContain("### 次のステップ\n- 出荷する");
    expect(told.length).toBeLessThanOrEqual(200);
  });

  it("does not take a heading inside a fence for one, nor a fence that is never closed for the rest", () => {
    const text = "## Next\n```sh\n# Blockers\n```\n- a\n## Status\n```\nnever closed\n## Blockers\n- b\n";
    const { text: told } = digest(text, { budget: ROOMY });
    expect(told).toContain("```sh\n# Blockers\n```\n- a");
    expect(told).toContain("never closed");
  });

  it("has nothing of a peer's state that was copied in from a cache", () => {
    const section =
      '<!-- state-syncd:begin repo="web" format="1" sha256="aa" -->\n## WEB State\n\n- secret plan\n<!-- state-syncd:end repo="web" sha256="aa" -->';
    const text = `## Next\n- a\n${section}\n- b\n## KAREMATCH State\n\n- theirs\n### Theirs too\n## Status\nok\n`;
    expect(withoutEchoes(text, ["karematch"])).toBe("## Next\n- a\n- b\n## Status\nok\n");
    expect(digest(text, { budget: ROOMY, peers: ["karematch"] }).text).toBe(
      "### Next\n- a\n- b\n\n### Status\nok",
    );
  });

  it.each(["", "\uFEFF", "\n\n", "---\n", "---\n---\n", "# \n", "```", "|", "<!-- state-syncd:begin x -->"])(
    "of %j is short and no trouble",
    (text) => {
      expect(digest(text, { budget: 500 }).text.length).toBeLessThan(60);
    },
  );

  it("reads CRLF and a byte order mark as they are meant", () => {
    expect(digest("\uFEFF---\r\na: b\r\n---\r\n## Next\r\n- x\r\n", { budget: ROOMY }).text).toBe(
      "a: b\n\n### Next\n- x",
    );
  });
});

const inline = fc
  .string({ unit: "grapheme", minLength: 1, maxLength: 400 })
  .map((text) => text.replaceAll(/[\r\n`~|]/g, "x"));
const block = fc.oneof(
  fc
    .tuple(
      fc.constantFrom("#", "##", "###"),
      fc.constantFrom("Blockers", "Next steps", "Status", "Decisions", "Done", "Notes", "状态"),
    )
    .map(([marks, title]) => `${marks} ${title}`),
  inline.map((text) => `- ${text}`),
  inline.map((text) => `  - [x] done: ${text}`),
  inline,
  fc.array(inline, { minLength: 1, maxLength: 3 }).map((lines) => ["```", ...lines, "```"].join("\n")),
  fc
    .array(inline, { minLength: 1, maxLength: 3 })
    .map((cells) => ["| a |", "|---|", ...cells.map((cell) => `| ${cell} |`)].join("\n")),
);
const file = fc.array(block, { maxLength: 14 }).map((blocks) => blocks.join("\n"));
const budget = fc.integer({ min: 0, max: 1_200 });

describe("whatever the file and the budget", () => {
  it("a digest is no longer than its budget, whole in its characters, and the same each time", () => {
    fc.assert(
      fc.property(fc.oneof(file, fc.string({ unit: "binary", maxLength: 3_000 })), budget, (text, most) => {
        const { text: told } = digest(text, { budget: most });
        expect(told.length).toBeLessThanOrEqual(most);
        if (!/\p{Surrogate}/u.test(text)) expect(told).not.toMatch(/\p{Surrogate}/u);
        expect(digest(text, { budget: most }).text).toBe(told);
      }),
    );
  });

  it("a table's row and a fence are there as they stand in the file, or not at all", () => {
    fc.assert(
      fc.property(file, budget, (text, most) => {
        const lines = new Set(text.split("\n"));
        const fences = new Set(fencesIn(text));
        const { text: told } = digest(text, { budget: most });
        for (const fence of fencesIn(told)) expect(fences).toContain(fence);
        for (const line of told.split("\n")) if (line.startsWith("| ")) expect(lines).toContain(line);
      }),
    );
  });

  it("what is checked off is not in it, and with room for all it has every item that is not", () => {
    fc.assert(
      fc.property(file, (text) => {
        const { text: told, isWhole } = digest(text, { budget: ROOMY * 10 });
        expect(told).not.toContain("- [x] done:");
        if (!isWhole) return;
        const titles = told.split("\n").filter((line) => line.startsWith("### ")).length;
        expect(titles).toBeLessThanOrEqual(readBlocks(text).passages.length);
      }),
    );
  });
});

function fencesIn(text: string): string[] {
  return [...text.matchAll(/^```\n[^]*?\n```$/gm)].map(([fence]) => fence);
}

describe("a budget that is shared", () => {
  it.each([
    [[10, 10, 10], 30, [10, 10, 10]],
    [[10, 100, 100], 110, [10, 50, 50]],
    [[100, 100], 0, [0, 0]],
    [[], 10, []],
    [[0, 5], 3, [0, 3]],
  ])("%j of %i: %j", (needs, most, given) => {
    expect(shares(needs, most)).toEqual(given);
  });

  it("is never exceeded, gives nobody more than it needs, and nobody in need less than another gets", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(10_000), { maxLength: 30 }), fc.nat(50_000), (needs, most) => {
        const given = shares(needs, most);
        const sum = given.reduce((total, share) => total + share, 0);
        expect(sum).toBeLessThanOrEqual(most);
        const needed = needs.reduce((total, need) => total + need, 0);
        if (needed <= most) expect(given).toEqual(needs);
        for (const [at, share] of given.entries()) {
          expect(share).toBeLessThanOrEqual(needs[at] ?? 0);
          if (share < (needs[at] ?? 0)) expect(Math.max(...given) - share).toBeLessThanOrEqual(1);
        }
      }),
    );
  });
});

describe("a line that is too long", () => {
  it.each([
    ["short", 10, "short"],
    ["one two three", 9, "one two…"],
    ["onetwothree", 6, "onetw…"],
    ["ab👨‍👩‍👧‍👦cd", 5, "ab…"],
    ["e\u0301e\u0301e\u0301", 4, "e\u0301…"],
    ["abc", 0, ""],
  ])("%j to %i: %j", (line, most, cut) => {
    expect(shorten(line, most)).toBe(cut);
  });
});

const CORPUS = "../shared/corpus";

describe.skipIf(!existsSync(CORPUS))(
  "real state files (skipped where the corpus is not beside the checkout)",
  () => {
    const names = existsSync(CORPUS)
      ? readdirSync(CORPUS).filter((name) => name.startsWith("ai-orchestrator"))
      : [];
    it.each(names)("%s: what blocks and what is next comes before all else, within the budget", (name) => {
      const text = readFileSync(join(CORPUS, name), "utf8");
      const { text: told } = digest(text, { budget: 2_500 });
      expect(told.length).toBeLessThanOrEqual(2_500);
      expect(told.length).toBeGreaterThan(600);
      expect(told).toMatch(
        /^### .*(?:block|next|not started|remaining|pending|short term|todo|issue|immediate)/im,
      );
      expect(told).not.toMatch(/^\s*- (?:\[x\]|✅)/m);
    });
  },
);
