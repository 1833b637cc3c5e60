import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Situation } from "../../src/core/briefing/briefing.ts";
import { changesSince } from "../../src/core/briefing/changes.ts";
import type { DaemonState } from "../../src/core/health.ts";
import { news } from "../../src/core/briefing/news.ts";
import type { Peer } from "../../src/core/briefing/peer.ts";
import { marksOf, type Seen } from "../../src/core/briefing/seen.ts";

const ROOMY = { budget: 100_000, peers: [] };

function seen(text: string, shown: readonly string[] = []): Seen {
  return { sha256: text, marks: marksOf(text), shown };
}

describe("what changed in a state since it was told", () => {
  it("is its new lines under their headings, and what was shown and is gone", () => {
    const before = "# App\n## Next\n- a\n- b\n## Blockers\n- the key\n";
    const after = "# App\n## Next\n- a\n- c\n## Done\n- [x] b\n";
    expect(changesSince(seen(before, ["- b", "- the key"]), after, ROOMY)?.text).toBe(
      "### Next\n+ - c\n### Done\n+ - [x] b\n- - b\n- - the key",
    );
  });

  it("has what blocks first, and what is done as well: that is news too", () => {
    const text = changesSince(seen("x\n"), "## Done\n- d\n## Next\n- n\n## Blockers\n- b\n", ROOMY)?.text;
    expect(text).toBe("### Blockers\n+ - b\n### Next\n+ - n\n### Done\n+ - d");
  });

  it.each([
    ["lines that moved", "## A\n- a\n- b\n", "## A\n- b\n- a\n"],
    ["spaces and line ends", "## A\n- a\n", "## A\r\n  - a  \r\n\r\n"],
    ["lines that are gone and were never shown", "## A\n- a\n- b\n", "## A\n- a\n"],
    ["a peer's state that was copied in", "## A\n- a\n", "## A\n- a\n## WEB State\n- w\n"],
  ])("is nothing where there are only %s", (_, before, after) => {
    expect(changesSince(seen(before), after, { ...ROOMY, peers: ["web"] })).toBeUndefined();
  });

  it("tells no line gone that was shown by its beginning and is still there", () => {
    const long = `- ${"word ".repeat(100)}`;
    const shown = [`${long.slice(0, 270).trimEnd()}…`];
    expect(changesSince(seen(`${long}\n`, shown), `${long}\n- new\n`, ROOMY)?.text).toBe("+ - new");
    expect(changesSince(seen(`${long}\n`, shown), "- new\n", ROOMY)?.gone).toEqual(shown);
  });

  it("tells a changed fact of the front matter as a digest words it", () => {
    const before = '---\nphase: "alpha"\n---\n';
    expect(changesSince(seen(before, ["phase: alpha"]), '---\nphase: "beta"\n---\n', ROOMY)?.text).toBe(
      "+ phase: beta\n- phase: alpha",
    );
    expect(changesSince(seen(before, ["phase: alpha"]), before, ROOMY)).toBeUndefined();
  });

  it("says how many more there are where they do not fit", () => {
    const lines = Array.from({ length: 50 }, (_, at) => `- step ${at}`).join("\n");
    const text = changesSince(seen(""), `## Next\n${lines}\n`, { budget: 100, peers: [] })?.text ?? "";
    expect(text.length).toBeLessThanOrEqual(100);
    const shown = text.split("\n").filter((line) => line.startsWith("+ ")).length;
    expect(text).toContain(`(${50 - shown} more new)`);
  });

  const states = fc
    .array(
      fc.oneof(
        fc.constantFrom("## Next", "## Blockers", "- a", "- b", "- [x] c", "| r | s |", "```", "prose", ""),
        fc.string({ maxLength: 30 }),
      ),
      { maxLength: 30 },
    )
    .map((lines) => lines.join("\n"));

  it("is nothing for the same text, never longer than its budget, and adds only what is there", () => {
    fc.assert(
      fc.property(states, states, fc.nat(2_000), (before, after, budget) => {
        expect(changesSince(seen(before), before, ROOMY)).toBeUndefined();
        const changes = changesSince(seen(before, before.split("\n").filter(Boolean)), after, {
          budget,
          peers: [],
        });
        if (changes === undefined) return;
        expect(changes.text.length).toBeLessThanOrEqual(Math.max(0, budget));
        for (const line of changes.added) expect(after).toContain(line);
        for (const line of changes.gone) expect(before).toContain(line);
      }),
    );
  });
});

describe("what an agent is told with a prompt", () => {
  const now = Date.parse("2026-11-22T16:40:00Z");
  const peer = (repo: string, text: string): Peer => ({
    repo,
    status: "fresh",
    trouble: undefined,
    lagMs: 0,
    report: {
      sha256: text,
      changedAt: "2026-11-22T16:39:20Z",
      text,
      isBeginning: false,
      bytes: 1,
      branch: undefined,
      commit: undefined,
    },
  });
  const situation = (peers: readonly Peer[], daemon: DaemonState = "runs"): Situation => ({
    repo: "here",
    cache: "/c",
    now,
    daemon,
    isHere: true,
    own: undefined,
    worktree: undefined,
    peers,
  });
  const told = (peers: Readonly<Record<string, Seen>>, daemon: DaemonState = "runs") => ({
    peers: new Map(Object.entries(peers)),
    daemon,
  });

  it("is nothing where nothing changed", () => {
    expect(news(situation([peer("a", "- x")]), told({ a: seen("- x") }), 4_000)).toBeUndefined();
  });

  it("is what is new, who came, who left, and that the daemon ended", () => {
    const found = news(
      situation([peer("a", "- x\n- y"), peer("new", "## Next\n- n\n")], "off"),
      told({ a: seen("- x"), left: seen("- l") }),
      4_000,
    );
    expect(found?.text).toContain("a, changed 40 s ago:\n```report of a\n+ - y\n```");
    expect(found?.text).toContain("```report of new\n### Next\n- n\n```");
    expect(found?.text).toContain("left is no longer shared with here.");
    expect(found?.text).toContain("No state-syncd daemon runs");
  });

  it("says once that the daemon ended", () => {
    expect(
      news(situation([peer("a", "- x")], "off"), told({ a: seen("- x") }, "off"), 4_000),
    ).toBeUndefined();
  });

  it("tells a daemon that hangs from one that is gone, and that it is back", () => {
    const of = (now: DaemonState, before: DaemonState) =>
      news(situation([peer("a", "- x")], now), told({ a: seen("- x") }, before), 4_000)?.text;
    expect(of("silent", "runs")).toMatch(/^The state-syncd daemon does not answer/);
    expect(of("off", "silent")).toMatch(/^No state-syncd daemon runs/);
    expect(of("runs", "off")).toBe("The state-syncd daemon runs again.");
    expect(of("silent", "silent")).toBeUndefined();
  });

  it("names those that there is no room for", () => {
    const many = Array.from({ length: 9 }, (_, at) => peer(`p${at}`, `- ${"word ".repeat(60)}${at}\n`));
    const before = Object.fromEntries(many.map(({ repo }) => [repo, seen("- before")]));
    expect(news(situation(many), told(before), 900)?.text).toMatch(
      /Changed as well: p\d.* \(`state-syncd pull --digest`\)/,
    );
  });

  it("is never longer than its budget, however many changed", () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.string({ maxLength: 200 }), { maxLength: 20 }), { maxLength: 60 }),
        fc.integer({ min: 400, max: 9_000 }),
        (texts, budget) => {
          const peers = texts.map((lines, at) => peer(`p${at}`, lines.join("\n")));
          const before = Object.fromEntries(peers.map(({ repo }) => [repo, seen("- before", ["- before"])]));
          const found = news(situation(peers), told(before), budget);
          expect(found?.text.length ?? 0).toBeLessThanOrEqual(budget);
        },
      ),
    );
  });
});
