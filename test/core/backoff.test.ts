import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { jittered, retryAfter, retryDelay } from "../../src/core/backoff.ts";

const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

describe("the wait before a failed turn is tried again", () => {
  it.each([
    [1, 250],
    [2, 500],
    [3, 1_000],
    [5, 4_000],
    [8, 32_000],
    [9, 60_000],
    [10, 60_000],
    [1_000_000, 60_000],
  ])("after %i failures in a row: about %i ms", (failures, expected) => {
    expect(retryDelay(failures, 0.5)).toBe(expected);
  });

  it("is jittered by a quarter at most, never zero, never beyond its cap, for any number of failures", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), random, (failures, chance) => {
        const middle = retryDelay(failures, 0.5);
        const delay = retryDelay(failures, chance);
        expect(delay).toBeGreaterThanOrEqual(Math.floor(middle * 0.75));
        expect(delay).toBeLessThanOrEqual(Math.ceil(middle * 1.25));
        expect(delay).toBeGreaterThan(0);
        expect(delay).toBeLessThanOrEqual(75_000);
      }),
    );
  });

  it("differs from lane to lane, so that they do not all knock at once", () => {
    expect(new Set([0, 0.2, 0.4, 0.6, 0.8].map((chance) => retryDelay(4, chance))).size).toBe(5);
  });
});

describe("whether a failed turn is tried again by itself", () => {
  it.each(["CACHE_PERMISSION", "CACHE_DISK_FULL", "CACHE_IO", "REPO_MISSING"])("%s: as ever", (code) => {
    expect(retryAfter(code, 4, 0.5)).toBe(retryDelay(4, 0.5));
  });

  it("what macOS protects from the daemon is left to the rescan, however often it has failed", () => {
    expect([1, 5, 1_000].map((failures) => retryAfter("CACHE_PRIVACY", failures, 0.5))).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });
});

describe("a jittered period", () => {
  it.each([
    [0, 54_000],
    [0.5, 60_000],
    [0.999_999, 66_000],
  ])("of a minute with %d", (chance, expected) => {
    expect(jittered(60_000, chance)).toBe(expected);
  });
});
