import { describe, expect, it } from "vitest";
import { type Fault, fault } from "../../src/errors.ts";
import { chain } from "../../src/status/chain.ts";
import type { EdgeReport, RepoStatus, StatusReport } from "../../src/status/report.ts";
import { cachePath } from "../../src/store/write-scope.ts";

const NOW = Date.parse("2026-11-22T16:40:00Z");
const PATH = "/repos/x";
const STATE_FILE = `${PATH}/STATE.md`;
const CACHE = cachePath({ path: PATH });

const REPO: RepoStatus = {
  name: "x",
  path: PATH,
  role: "execution",
  stateFile: { exists: true, sha256: "ab".repeat(32), bytes: 10, changedAt: "2026-11-22T16:39:00.000Z" },
  guard: { secrets: [], secretCount: 0, hidden: 0 },
  watch: "events",
  paused: false,
};
const FRESH: EdgeReport = {
  from: "x",
  to: "y",
  cache: "/repos/y/.aibrain/global-state-cache.md",
  status: "fresh",
  syncedAt: "2026-11-22T16:39:00.000Z",
  lagMs: 0,
  error: null,
};
const STALE: EdgeReport = { ...FRESH, status: "stale", lagMs: 60_000 };

interface Situation {
  readonly paused?: boolean;
  readonly watch?: RepoStatus["watch"];
  readonly problems?: readonly Fault[];
  readonly edges?: readonly EdgeReport[];
  readonly queue?: StatusReport["queue"];
}

function stops({
  paused = false,
  watch = "events",
  problems = [],
  edges = [FRESH],
  queue,
}: Situation): string[] {
  const repo = { ...REPO, watch, paused };
  const report: StatusReport = {
    status: "degraded",
    daemon: {
      running: true,
      pid: 1,
      version: "1",
      startedAt: null,
      config: "/c",
      provenAt: null,
      provenLagMs: null,
    },
    repos: [repo],
    edges,
    queue: queue ?? { depth: 0, oldestMs: 0 },
    latency: { p50Ms: 0, p99Ms: 0, count: 0 },
    problems,
    copies: [],
  };
  return chain(repo, report, { now: NOW, paused: "until noon" }).flatMap((step) =>
    step.ok ? [] : [step.what],
  );
}

function about(code: Fault["code"], path: string, repo = "x"): Fault {
  return fault(code, `${code} of ${path}`, { path, repo });
}

describe("a trouble that does not stop a repo's state stops no step of its way", () => {
  it.each<readonly [string, Situation]>([
    ["no watches left, so polled", { watch: "polling", problems: [about("WATCH_LIMIT", STATE_FILE)] }],
    ["no events, so polled", { watch: "polling", problems: [about("WATCH_FAILED", STATE_FILE)] }],
    ["only its cache is polled", { watch: "polling", problems: [about("WATCH_LIMIT", CACHE)] }],
    ["only its cache is not watched", { watch: "lost", problems: [about("WATCH_FAILED", CACHE)] }],
    [
      "not watched, and the rescan has found everything",
      { watch: "lost", problems: [about("WATCH_LIMIT", STATE_FILE)] },
    ],
    ["its own cache cannot be copied", { problems: [about("COPY_FAILED", CACHE)] }],
    ["its own cache cannot be written", { problems: [about("CACHE_PERMISSION", CACHE)] }],
    ["another repo's file is missing", { problems: [about("STATE_FILE_MISSING", "/repos/y/STATE.md", "y")] }],
    ["another cache waits for ever", { queue: { depth: 1, oldestMs: 60_000 } }],
    ["the daemon is of another version", { problems: [fault("DAEMON_OTHER_VERSION", "0.0.1")] }],
    ["the daemon was slow", { problems: [fault("DAEMON_SLOW", "took 9 s")] }],
  ])("%s", (_title, situation) => {
    expect(stops(situation)).toEqual([]);
  });
});

describe("a trouble that stops a repo's state is where its way ends", () => {
  it.each<readonly [string, Situation, RegExp]>([
    ["no file", { problems: [about("STATE_FILE_MISSING", STATE_FILE)] }, /^STATE_FILE_MISSING/],
    ["no repo", { watch: "lost", problems: [about("REPO_MISSING", PATH)] }, /^REPO_MISSING/],
    ["paused", { paused: true, problems: [about("PAUSED", PATH)] }, /^x is paused until noon/],
    [
      "not watched, with news",
      { watch: "lost", problems: [about("WATCH_LIMIT", STATE_FILE)] },
      /^WATCH_LIMIT/,
    ],
    ["a full queue", { queue: { depth: 9, oldestMs: 60_000 } }, /^9 caches wait/],
    ["a deaf daemon", { problems: [fault("DAEMON_DEAF", "no events come")] }, /^no events come/],
    ["no daemon", { problems: [fault("DAEMON_NOT_RUNNING", "no daemon runs")] }, /^no daemon runs/],
  ])("%s", (_title, situation, expected) => {
    const [first] = stops({ edges: [STALE], ...situation });
    expect(first).toMatch(expected);
  });

  it("a way that a cache's trouble ends, ends at that cache's peer", () => {
    const error = about("CACHE_PERMISSION", FRESH.cache, "y");
    const edges = [FRESH, { ...STALE, to: "z", status: "failed" as const, error }];
    expect(stops({ edges, problems: [error] })).toEqual([expect.stringMatching(/^z is failed/)]);
  });
});
