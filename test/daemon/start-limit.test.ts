import { describe, expect, it } from "vitest";
import { decide } from "../../src/daemon/crash-loop.ts";

describe("whether one more start is too many", () => {
  it.each<
    [hazard: string, starts: readonly number[], now: number, refused: boolean, left: readonly number[]]
  >([
    ["the first", [], 10, false, [10]],
    ["the fifth", [10, 20, 30, 40], 50, false, [10, 20, 30, 40, 50]],
    ["the sixth", [10, 20, 30, 40, 50], 60, true, [10, 20, 30, 40, 50]],
    ["the sixth, but the first is long ago", [10, 100, 200, 300, 305], 310, false, [100, 200, 300, 305, 310]],
    ["after a run that lived five minutes", [10, 11, 12, 13, 14], 314, false, [314]],
    ["after the machine has come up anew, whatever was before", [500, 501, 502, 503, 504], 60, false, [60]],
    ["all at the same moment", [60, 60, 60, 60, 60], 60, true, [60, 60, 60, 60, 60]],
  ])("%s", (_hazard, starts, now, refused, left) => {
    expect(decide({ starts }, now)).toEqual({ refused, starts: left });
  });
});
