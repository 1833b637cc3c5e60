import { expect, it } from "vitest";
import { giveBackMemory, MemoryAtRest } from "../../src/daemon/memory.ts";
import { eventually } from "../support/eventually.ts";

it("what nobody holds any more is given back at once, and not when something else needs room", () => {
  const ballast = { texts: Array.from({ length: 200_000 }, (_, index) => ({ index })) };
  const before = process.memoryUsage().heapUsed;
  ballast.texts = [];
  giveBackMemory();
  expect(before - process.memoryUsage().heapUsed).toBeGreaterThan(2_000_000);
});

it("a daemon that finds itself much larger than it was at rest gives back what it can", async () => {
  const memory = new MemoryAtRest();
  memory.giveBack();
  const atRest = process.memoryUsage().arrayBuffers;
  // Not more than the collector lets pass unasked.
  const ballast = { bytes: Array.from({ length: 30 }, () => Buffer.alloc(1_000_000, 1)) };
  const held = process.memoryUsage().arrayBuffers;
  expect(held - atRest).toBeGreaterThan(29_000_000);
  ballast.bytes = [];
  memory.settleSoon();
  // The system gets it back beside us.
  await eventually(
    "it to be given back",
    () => process.memoryUsage().arrayBuffers < held - 25_000_000,
    20_000,
  );
});
