import { expect, it } from "vitest";
import { standingLine } from "../../src/daemon/standing-line.ts";

const well = { repoCount: 12, pausedCount: 0, troubles: [], depth: 0 };

it.each([
  [well, "watching 12 repos, all fresh"],
  [{ ...well, repoCount: 1 }, "watching 1 repo, all fresh"],
  [{ ...well, repoCount: 0 }, "watching 0 repos"],
  [{ ...well, depth: 3 }, "watching 12 repos, 3 caches to write"],
  [{ ...well, pausedCount: 2 }, "watching 12 repos, 2 paused"],
  [{ ...well, troubles: ["a (X)"] }, "watching 12 repos, trouble: a (X)"],
  [
    { ...well, troubles: ["a", "b", "c", "d", "e"], depth: 1, pausedCount: 1 },
    "watching 12 repos, trouble: a, b, c and 2 more, 1 cache to write, 1 paused",
  ],
])("%j is told as %s", (standing, line) => {
  expect(standingLine(standing)).toBe(line);
});
