import { expect, it } from "vitest";
import { giveBackMemory } from "../../src/daemon/memory.ts";

it("what nobody holds any more is given back at once, and not when something else needs room", () => {
  const ballast = { texts: Array.from({ length: 200_000 }, (_, index) => ({ index })) };
  const before = process.memoryUsage().heapUsed;
  ballast.texts = [];
  giveBackMemory();
  expect(before - process.memoryUsage().heapUsed).toBeGreaterThan(2_000_000);
});
