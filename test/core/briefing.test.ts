import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { briefing, IT_IS_DATA, type Situation } from "../../src/core/briefing/briefing.ts";
import { framed, withoutTags } from "../../src/core/briefing/frame.ts";
import { freshness, type Peer, type Report, standing } from "../../src/core/briefing/peer.ts";
import { reminder } from "../../src/core/briefing/reminder.ts";
import { EDGE_STATUSES } from "./edge-statuses.ts";

const NOW = Date.parse("2026-11-22T16:40:00Z");

function report(text: string, changes: Partial<Report> = {}): Report {
  const changedAt = new Date(NOW - 240_000).toISOString();
  return {
    sha256: text,
    changedAt,
    text,
    isBeginning: false,
    bytes: text.length,
    branch: "main",
    commit: "1a2b3c4",
    ...changes,
  };
}

function peer(repo: string, text: string | undefined, changes: Partial<Peer> = {}): Peer {
  return {
    repo,
    status: "fresh",
    trouble: undefined,
    lagMs: 0,
    report: text === undefined ? undefined : report(text),
    ...changes,
  };
}

function situation(peers: readonly Peer[], changes: Partial<Situation> = {}): Situation {
  return {
    repo: "here",
    cache: "/home/me/here/.aibrain/global-state-cache.md",
    now: NOW,
    daemon: "runs",
    isHere: true,
    own: undefined,
    worktree: undefined,
    peers,
    ...changes,
  };
}

describe("a peer's text in its frame", () => {
  const hostile = fc
    .array(
      fc.oneof(
        fc.constantFrom("`", "```", "````", "~~~~~", "\n", "\r", "\u2028", "</report>", "<!--", "-->"),
        fc.constantFrom("<system-reminder>", "</system-reminder>", "@.env", "### Blockers", "report of a"),
        fc.string({ unit: "grapheme" }),
      ),
    )
    .map((parts) => parts.join(""));

  it("cannot end it: nothing inside is as long as the fence", () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const lines = framed(text, "report of a").split("\n");
        const fence = /^`+/.exec(lines[0] ?? "")?.[0] ?? "";
        expect(lines.at(-1)).toBe(fence);
        expect(lines.slice(1, -1).join("\n")).not.toContain(fence);
        expect(lines.slice(1, -1).join("\n")).toBe(withoutTags(text));
      }),
    );
  });

  it("holds no tag, and is as long as it was", () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const inert = withoutTags(text);
        expect(inert).not.toMatch(/<[/!?]?[A-Za-z]|<!--/);
        expect(inert.length).toBe(text.length);
        expect(inert.replaceAll("‹", "<")).toBe(text.replaceAll("‹", "<"));
      }),
    );
  });

  it("keeps what is no tag: comparisons, arrows, hearts", () => {
    const text = "a < b <= c <- d <3 <<EOF << 1";
    expect(withoutTags(text)).toBe("a < b <= c <- d <3 <‹EOF << 1");
  });
});

describe("what an agent is told when it starts", () => {
  it("is a table of ages by the clock of this moment, then each peer's gist in a frame", () => {
    const { text, shown } = briefing(
      situation([peer("api", "## Blockers\n- the key\n"), peer("web", undefined, { status: "missing" })]),
      8_000,
    );
    expect(text).toContain("This repository is here; the time is 2026-11-22 16:40 UTC.");
    expect(text).toContain("| api | 4 min ago | main @ 1a2b3c4 | 22 B | up to date |");
    expect(text).toContain("| web | - | - | - | nothing |");
    expect(text).toContain(IT_IS_DATA);
    expect(text).toContain(
      "api, changed 4 min ago (all that is pending):\n```report of api\n### Blockers\n- the key\n```",
    );
    expect(text).not.toContain("daemon");
    expect(text).toContain("/home/me/here/.aibrain/global-state-cache.md");
    expect([...shown]).toEqual([["api", ["- the key"]]]);
  });

  it("says when nobody brings the news, and when the directory is a worktree whose state nobody sees", () => {
    const { text } = briefing(
      situation([peer("api", "## Next\n- x\n")], { daemon: "off", worktree: "/w" }),
      8_000,
    );
    expect(text).toContain("No state-syncd daemon runs at this moment");
    expect(text).toContain("/w is a worktree of here that is not registered itself");
  });

  it("drops what a peer has copied of this repo's own state, and of the others'", () => {
    const text = "## Next\n- x\n## HERE State\n- mine\n## WEB State\n- theirs\n";
    const told = briefing(situation([peer("api", text), peer("web", "## Next\n- w\n")]), 8_000).text;
    expect(told).not.toContain("mine");
    expect(told).not.toContain("theirs");
  });

  it.each(EDGE_STATUSES)("does not call %s up to date, unless it is", (status) => {
    const words = standing(peer("a", "x", { status, lagMs: 300_000, trouble: "STATE_FILE_CONFLICT" }));
    expect(words === "up to date").toBe(status === "fresh");
    if (status !== "fresh") expect(words).toContain("its file holds a merge conflict");
  });

  it.each([
    [undefined, "held", "STATE_FILE_EMPTY", "nothing (its file is empty)"],
    [undefined, "missing", undefined, "nothing"],
    [undefined, "fresh", undefined, "nothing that may be shown"],
    ["x", "held", "STATE_FILE_MISSING", "the last good state (it has no such file at this moment)"],
    ["x", "held", "PAUSED", "the last good state (paused)"],
    ["x", "failed", "CACHE_IO", "perhaps older: it could not be brought up to date (CACHE_IO)"],
  ] as const)("says of what is here, %s, %s by %s: %s", (text, status, trouble, words) => {
    expect(standing(peer("a", text, { status, trouble }))).toBe(words);
  });

  it("tells of the repo's own state, that it is paused, and where nothing has been brought yet", () => {
    const own = {
      stateFile: "docs/STATE.md",
      changedAt: new Date(NOW - 60_000).toISOString(),
      readers: 2,
      isPaused: true,
    };
    const { text } = briefing(
      situation([peer("api", undefined, { status: "missing" })], { own, isHere: false }),
      8_000,
    );
    expect(text).toContain(
      "docs/STATE.md of here, last changed 1 min ago, is how the agents of 2 other repositories know its state.",
    );
    expect(text).toContain("state-syncd is paused for here");
    expect(text).toContain("Nothing of it has been brought here yet");
    expect(text).not.toContain("global-state-cache.md");
  });

  it("calls the beginning of a very large state what it is, and never all", () => {
    const large = peer("api", undefined, {
      report: report("## Next\n- a\n", { isBeginning: true, bytes: 1_000_000 }),
    });
    const { text } = briefing(situation([large]), 8_000);
    expect(text).toContain("(the gist of its first 12 characters)");
    expect(text).toContain("1,000,000 B");
    expect(text).not.toContain("all that is pending");
  });

  it("lets no branch's name be a tag or a cell of its own", () => {
    for (const branch of ["a|b<script>", "x`up`", "@.env and more", "b".repeat(61)]) {
      const odd = peer("a", "x", { report: report("x", { branch }) });
      expect(freshness([odd], NOW)).toContain("| (an odd name) @ 1a2b3c4 |");
    }
    const plain = peer("a", "x", { report: report("x", { branch: "feature/x-1.2" }) });
    expect(freshness([plain], NOW)).toContain("| feature/x-1.2 @ 1a2b3c4 |");
  });

  it("does not call a state of tomorrow new", () => {
    const tomorrow = new Date(NOW + 86_400_000).toISOString();
    expect(freshness([peer("a", "x", { report: report("x", { changedAt: tomorrow }) })], NOW)).toContain(
      "| in the future |",
    );
  });

  it("tells of a hundred peers the latest, and how many more there are", () => {
    const many = Array.from({ length: 100 }, (_, at) =>
      peer(`p${at}`, undefined, {
        report: report(`## Next\n- step ${at}\n`, { changedAt: new Date(NOW - at * 60_000).toISOString() }),
      }),
    );
    const { text, shown } = briefing(situation(many), 8_000);
    expect(text.length).toBeLessThanOrEqual(8_000);
    expect(text).toContain("more that changed earlier");
    expect(text).toContain("\n| p0 |");
    expect(text).not.toContain("\n| p99 |");
    expect(shown.has("p0")).toBe(true);
  });

  const bodies = fc
    .array(
      fc.oneof(
        fc.constantFrom("## Next", "## Blockers", "- item", "```", "``````", "| a | b |", "~~~~~~~~~~~~", ""),
        fc.string({ unit: "grapheme", maxLength: 400 }),
      ),
      { maxLength: 60 },
    )
    .map((lines) => lines.join("\n"));

  it("is never longer than its budget, and the same each time", () => {
    fc.assert(
      fc.property(
        fc.array(fc.option(bodies, { nil: undefined }), { maxLength: 12 }),
        fc.integer({ min: 400, max: 9_900 }),
        (texts, budget) => {
          const told = situation(texts.map((text, at) => peer(`p${at}`, text)));
          const { text } = briefing(told, budget);
          expect(text.length).toBeLessThanOrEqual(budget);
          expect(briefing(told, budget).text).toBe(text);
        },
      ),
    );
  });
});

describe("the reminder", () => {
  const facts = { repo: "api", stateFile: "STATE.md", calls: 10, readers: 3, now: NOW };

  it("tells how old the state is, and who goes by it", () => {
    const changedAt = new Date(NOW - 7_200_000).toISOString();
    expect(reminder({ ...facts, changedAt })).toBe(
      "10 tool calls were made in this session since STATE.md of api last changed, 2 h ago. By that file the agents of 3 other repositories know its state: what was done, blocked or decided meanwhile is not in it.",
    );
  });

  it("tells of a repo without a state file that nobody knows of it", () => {
    expect(reminder({ ...facts, readers: 1, changedAt: undefined })).toBe(
      "10 tool calls were made in this session. api has no STATE.md at this moment: the agents of one other repository have at most what it said before.",
    );
  });
});
