import { describe, expect, it } from "vitest";
import { type EdgeFacts, edgeStatus, overallStatus, sourceTrouble } from "../../src/core/health.ts";

const A = "a".repeat(64);
const B = "b".repeat(64);
const GOOD: EdgeFacts = {
  sourceSha256: A,
  sourceTrouble: undefined,
  cacheFails: false,
  section: { kind: "section", sha256: A },
};
const older = { kind: "section", sha256: B } as const;
const absent = { kind: "absent" } as const;
const damaged = { kind: "damaged" } as const;

describe("an edge", () => {
  const cases: readonly (readonly [string, Partial<EdgeFacts>, ReturnType<typeof edgeStatus>])[] = [
    ["the section is what the file holds", {}, "fresh"],
    ["... though the cache cannot be written just now", { cacheFails: true }, "fresh"],
    ["... though the file is in trouble", { sourceTrouble: "held" }, "fresh"],
    ["an older section", { section: older }, "stale"],
    ["no section", { section: absent }, "missing"],
    ["a damaged section", { section: damaged }, "damaged"],
    ["an older section in a cache that fails", { section: older, cacheFails: true }, "failed"],
    ["no section in a cache that fails", { section: absent, cacheFails: true }, "failed"],
    ["a damaged section in a cache that fails", { section: damaged, cacheFails: true }, "failed"],
    ["a file that is held", { section: older, sourceTrouble: "held" }, "held"],
    ["a file that is held and was never seen", { section: absent, sourceTrouble: "held" }, "held"],
    ["a file that is refused", { section: older, sourceTrouble: "blocked" }, "blocked"],
    ["a file that cannot be read", { section: older, sourceTrouble: "failed" }, "failed"],
    [
      "a held file and a cache that fails",
      { section: older, sourceTrouble: "held", cacheFails: true },
      "failed",
    ],
    [
      "a file that is gone, whose last good state stands",
      { sourceSha256: undefined, sourceTrouble: "held" },
      "held",
    ],
    [
      "a file that is gone and a damaged section",
      { sourceSha256: undefined, sourceTrouble: "held", section: damaged },
      "held",
    ],
  ];

  it.each(cases)("%s", (_, facts, expected) => {
    expect(edgeStatus({ ...GOOD, ...facts })).toBe(expected);
  });
});

describe("what a state file's fault means", () => {
  it.each([
    ["STATE_FILE_EMPTY", "held"],
    ["STATE_FILE_UNSETTLED", "held"],
    ["STATE_FILE_CONFLICT", "held"],
    ["STATE_FILE_MISSING", "held"],
    ["PAUSED", "held"],
    ["STATE_FILE_NOT_REGULAR", "blocked"],
    ["STATE_FILE_OUTSIDE", "blocked"],
    ["STATE_FILE_TOO_LARGE", "blocked"],
    ["STATE_FILE_NOT_UTF8", "blocked"],
    ["STATE_FILE_UNREADABLE", "failed"],
    ["REPO_MISSING", "failed"],
  ])("%s: %s", (code, expected) => {
    expect(sourceTrouble(code)).toBe(expected);
  });
});

describe("everything together", () => {
  const fresh = { status: "fresh" } as const;
  const stale = { status: "stale" } as const;

  it.each([
    ["all fresh", true, [fresh, fresh], 0, "healthy"],
    ["no edge at all", true, [], 0, "healthy"],
    ["one stale", true, [fresh, stale], 0, "degraded"],
    ["all fresh, with a problem", true, [fresh], 1, "degraded"],
    ["no daemon, though all is fresh", false, [fresh], 0, "down"],
    ["no daemon and a problem", false, [stale], 3, "down"],
  ] as const)("%s", (_, runs, edges, problems, expected) => {
    expect(overallStatus(runs, edges, problems)).toBe(expected);
  });
});
