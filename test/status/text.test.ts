import { describe, expect, it } from "vitest";
import { fault } from "../../src/errors.ts";
import { columnsOf, cut, prose, wrap } from "../../src/status/layout.ts";
import type { EdgeReport, RepoStatus, StatusReport } from "../../src/status/report.ts";
import { ago, span } from "../../src/core/span.ts";
import { statusLines, statusText } from "../../src/status/text.ts";

const NOW = Date.parse("2026-11-22T16:40:00Z");
const LONG = "a-very-long-repository-name-that-somebody-chose-in-a-long-meeting";

function repo(name: string, more: Partial<RepoStatus> = {}): RepoStatus {
  return {
    name,
    path: `/repos/${name}`,
    role: "execution",
    stateFile: { exists: true, sha256: "ab".repeat(32), bytes: 10, changedAt: "2026-11-22T16:37:00.000Z" },
    guard: { secrets: [], secretCount: 0, hidden: 0 },
    watch: "events",
    paused: false,
    ...more,
  };
}

function edge(from: string, to: string, more: Partial<EdgeReport> = {}): EdgeReport {
  return {
    from,
    to,
    cache: `/repos/${to}/.aibrain/global-state-cache.md`,
    status: "fresh",
    syncedAt: "2026-11-22T16:39:00.000Z",
    lagMs: 0,
    error: null,
    ...more,
  };
}

function report(repos: readonly RepoStatus[], more: Partial<StatusReport> = {}): StatusReport {
  const active = repos.filter(({ role }) => role === "execution");
  return {
    status: "healthy",
    daemon: {
      running: true,
      pid: 4711,
      version: "0.1.0",
      startedAt: "2026-11-22T16:28:00.000Z",
      config: "/home/me/.config/state-syncd/config.yaml",
      provenAt: null,
      provenLagMs: null,
    },
    repos,
    edges: active.flatMap((from) => active.filter((to) => to !== from).map((to) => edge(from.name, to.name))),
    queue: { depth: 0, oldestMs: 0 },
    latency: { p50Ms: 0, p99Ms: 0, count: 0 },
    problems: [],
    copies: [],
    ...more,
  };
}

const well = report([repo("web"), repo("payments"), repo("vault", { role: "passive", watch: "off" })]);

/** Twelve repos: one file that is empty, one cache that cannot be written. */
function troubled(): StatusReport {
  const names = [..."abcdefghij".split(""), LONG, "web"];
  const empty = fault("STATE_FILE_EMPTY", "/repos/a/STATE.md is empty", { repo: "a" });
  const readOnly = fault("CACHE_READ_ONLY", `/repos/web/${"x".repeat(90)}/c.md cannot be written`, {
    repo: "web",
  });
  const base = report(names.map((name) => repo(name)));
  const edges = base.edges.map((one) => {
    if (one.from === "a") return { ...one, status: "held" as const, lagMs: 60_000, error: empty };
    return one.to === "web" ? { ...one, status: "failed" as const, error: readOnly } : one;
  });
  return { ...base, status: "degraded", edges, problems: [empty, readOnly] };
}

const plain = { now: NOW, colour: false } as const;

describe("status in words", () => {
  it("is short where all is well: how things are, and the repos", () => {
    expect(statusText(well, { ...plain, columns: 80 }).split("\n")).toEqual([
      "healthy: 2 of 2 edges fresh, daemon 4711 (0.1.0) up 12 min",
      "",
      "repo      state    saved      in peers  in cache",
      "web       fresh    3 min ago  1 of 1    1 of 1",
      "payments  fresh    3 min ago  1 of 1    1 of 1",
      "vault     passive",
    ]);
  });

  it("has problems first, each with its remedy, and explains only the words that appear", () => {
    const text = statusText(troubled(), plain);
    expect(text.indexOf("STATE_FILE_EMPTY")).toBeLessThan(text.indexOf("repo  "));
    expect(text).toContain(
      "  Mount its file system writable. A hardened service: `state-syncd service restart`.",
    );
    expect(text).toMatch(/^a +held .* 0 of 11 +11 of 11 +STATE_FILE_EMPTY$/m);
    expect(text).toMatch(/^web +failed .* 11 of 11 +0 of 11 +CACHE_READ_ONLY$/m);
    // Not in trouble itself.
    expect(text).toMatch(/^b +fresh .* 10 of 11 +10 of 11$/m);
    expect(text).toMatch(/^held: /m);
    expect(text).toMatch(/^failed: /m);
    expect(text).not.toMatch(/^stale: /m);
  });

  it("tells until when a repo is paused, and of many paused ones once", () => {
    const names = ["a", "b", "c"];
    const repos = names.map((name) => repo(name, { paused: name !== "c" }));
    const problems = ["a", "b"].map((name) => fault("PAUSED", `${name} is paused`, { repo: name }));
    const until = NOW + 60_000;
    const pausedUntil = (name: string): number | undefined => (name === "a" ? until : undefined);
    const text = statusText(report(repos, { problems }), { ...plain, pausedUntil });
    expect(text).toMatch(/^a +paused .* until \d\d:\d\d$/m);
    expect(text).toMatch(/^b +paused .* until resumed$/m);
    expect(text.match(/PAUSED/g)).toEqual(["PAUSED"]);
    expect(text).toContain("PAUSED a, b are paused");
    expect(text, "counts what it shows").toContain(", 1 problem, ");
  });

  it("tells which peers hold an older state, where no fault says why", () => {
    const base = report(["a", "b", "c", "d", "e", "f"].map((name) => repo(name)));
    const edges = base.edges.map((one) =>
      one.from === "a" ? { ...one, status: "stale" as const, lagMs: 180_000 } : one,
    );
    const text = statusText({ ...base, edges }, plain);
    expect(text).toContain("a -> b, c, d and 2 more: stale for 3 min, synced 1 min ago");
    expect(text).toMatch(/^a +stale .*behind for 3 min$/m);
  });

  it.each([20, 40, 60, 80, 120])("nothing is wider than a terminal of %i columns", (columns) => {
    for (const colour of [false, true])
      for (const line of statusText(troubled(), { ...plain, colour, columns }).split("\n"))
        expect(columnsOf(line), line).toBeLessThanOrEqual(columns);
  });

  it("cuts a long name rather than what there is to say of a repo", () => {
    const text = statusText(troubled(), { ...plain, columns: 80 });
    expect(text).toMatch(/^a-very-long-repo[^ ]*… +fresh/m);
    expect(text).toMatch(/CACHE_READ_ONLY$/m);
  });

  it("cuts and breaks nothing where there is no terminal", () => {
    const text = statusText(troubled(), plain);
    expect(text).toContain(`CACHE_READ_ONLY /repos/web/${"x".repeat(90)}/c.md cannot be written`);
    expect(text).toContain(LONG);
    expect(text).not.toContain("…");
  });

  it.each([4, 8, 12, 16, 24, 50])("fits %i rows, and counts what is left out", (rows) => {
    const lines = statusLines(troubled(), { ...plain, columns: 80 }, rows);
    expect(lines.length).toBeLessThanOrEqual(rows);
    expect(lines[0]).toContain("degraded");
    const shown = lines.filter((line) => /^\S+ +(?:fresh|held|failed) /.test(line)).length;
    const [, more] = /(\d+) more repos?/.exec(lines.join("\n")) ?? [];
    if (rows >= 12) expect(shown + Number(more ?? 0)).toBe(12);
    // Those in trouble are the last to go.
    if (rows >= 16) expect(lines.join("\n")).toMatch(/^a +held[^]*^web +failed/m);
  });
});

describe("lengths of time as one says them", () => {
  it.each([
    [0, "0 ms"],
    [12.4, "12 ms"],
    [999, "999 ms"],
    [1_000, "1 s"],
    [59_999, "59 s"],
    [60_000, "1 min"],
    [3_600_000, "1 h"],
    [47 * 3_600_000, "47 h"],
    [49 * 3_600_000, "2 days"],
    [-5, "0 ms"],
  ])("%d is %s", (length, words) => expect(span(length)).toBe(words));

  it("a moment ago, and one that a clock puts in the future", () => {
    expect(ago("2026-11-22T16:37:00Z", NOW)).toBe("3 min ago");
    expect(ago("2026-11-22T16:41:00Z", NOW)).toBe("just now");
  });
});

describe("the columns of a terminal", () => {
  it("are two for an ideograph, none for an accent or a colour", () => {
    expect(columnsOf("名前")).toBe(4);
    expect(columnsOf("e\u0301")).toBe(1);
    expect(columnsOf("\u001b[31mred\u001b[39m")).toBe(3);
    expect(cut("名前です", 5)).toBe("名前…");
  });

  it("a word that is longer than a line is broken, and blanks at its ends are none", () => {
    expect(wrap("a /very/long/path b", 8, "  ")).toEqual(["a", "  /very/", "  long/p", "  ath b"]);
    // A command is copied whole, where it fits on a line.
    expect(wrap("then run `a b c d` now", 12, "  ")).toEqual(["then run", "  `a b c d`", "  now"]);
    expect(wrap("see `aaa bbb ccc`", 9)).toEqual(["see `aaa", "bbb ccc`"]);
    // After a head, as indented as the lines below it.
    expect(prose("one two three", 11, "    ", "ok  ")).toEqual(["ok  one two", "    three"]);
    // What fits on no line begins on the first, and the terminal breaks it.
    expect(prose("/much/too/long is it", 10, "    ", "ok  ")).toEqual(["ok  /much/too/long", "    is it"]);
    expect(wrap("one two", undefined)).toEqual(["one two"]);
    expect(wrap("one two", 5, "  ", "  ")).toEqual(["  one", "  two"]);
  });
});
