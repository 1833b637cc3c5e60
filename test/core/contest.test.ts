import { describe, expect, it } from "vitest";
import { type Contest, healDelay, healed, isContested, PEACE } from "../../src/core/contest.ts";

/** Heals at these times, one after the other. */
function after(...times: readonly number[]): Contest {
  return times.reduce(healed, PEACE);
}

/** So many heals, a tenth of a second apart, the last one at 0. */
function fought(heals: number): Contest {
  return after(...Array.from({ length: heals }, (_, index) => (index + 1 - heals) * 100));
}

describe("is a cache fought over?", () => {
  const cases: readonly (readonly [string, Contest, number, boolean])[] = [
    ["nothing ever happened", PEACE, 0, false],
    ["one heal", fought(1), 0, false],
    ["nine heals in a second, as an agent's saves may need", fought(9), 0, false],
    ["ten", fought(10), 0, true],
    ["a hundred", fought(100), 0, true],
    ["ten, a minute ago", fought(10), 60_000, false],
    ["ten, of which the first has just passed out of sight", fought(10), 59_100, false],
    ["ten, all of them still in sight", fought(10), 59_099, true],
    [
      "ten over an hour",
      after(...Array.from({ length: 10 }, (_, index) => index * 360_000)),
      3_240_000,
      false,
    ],
  ];

  it.each(cases)("%s", (_, contest, now, expected) => {
    expect(isContested(contest, now)).toBe(expected);
    if (!expected) expect(healDelay(contest, now)).toBe(0);
  });
});

describe("how long the next heal waits", () => {
  it.each([
    [1, 0, 0],
    [9, 0, 0],
    [10, 0, 2_000],
    [10, 500, 1_500],
    [10, 2_000, 0],
    [10, 5_000, 0],
    [11, 0, 4_000],
    [12, 0, 8_000],
    [14, 0, 32_000],
    [15, 0, 60_000],
    [20, 0, 60_000],
    [500, 0, 60_000],
  ])("after %i heals, %i ms after the last: %i ms", (heals, now, expected) => {
    expect(healDelay(fought(heals), now)).toBe(expected);
  });

  it("ends a fight that goes on for hours in one heal a minute or fewer, and remembers no more than it needs", () => {
    let contest = PEACE;
    let now = 0;
    let heals = 0;
    while (now < 4 * 3_600_000) {
      now += healDelay(contest, now) + 10;
      contest = healed(contest, now);
      heals += 1;
    }
    expect(contest.heals.length).toBeLessThanOrEqual(20);
    // In every window of a minute it may heal its patience's worth at once.
    expect(heals).toBeLessThanOrEqual(4 * 60 * 12);
  });

  it("is over when the other program is gone for a minute", () => {
    const contest = fought(30);
    expect(isContested(contest, 61_000)).toBe(false);
    expect(healed(contest, 61_000).heals).toEqual([61_000]);
  });

  it("changes no contest that was there before", () => {
    const before = fought(3);
    const heals = [...before.heals];
    healed(before, 10);
    expect(before.heals).toEqual(heals);
    expect(PEACE.heals).toEqual([]);
  });
});
