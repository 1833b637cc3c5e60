import { open, writeFile } from "node:fs/promises";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { holdsJust } from "../../src/store/holds.ts";
import { useTempDirectory } from "../support/temp-dir.ts";

const directory = useTempDirectory();

async function holds(bytes: Buffer, chunks: readonly Buffer[]): Promise<boolean> {
  const file = directory.at("file");
  await writeFile(file, bytes);
  const handle = await open(file, "r");
  try {
    return await holdsJust(handle, chunks);
  } finally {
    await handle.close();
  }
}

/** Of several pieces of what is read at a time, and of none. */
const SIZES = [0, 1, 7, 256 * 1024 - 1, 256 * 1024, 256 * 1024 + 1, 600_000];
const content = fc
  .tuple(fc.constantFrom(...SIZES), fc.integer({ min: 1, max: 250 }))
  .map(([size, step]) => Buffer.from(Array.from({ length: size }, (_, at) => (at * step) % 251)));
const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 6 });

function cut(bytes: Buffer, at: readonly number[]): Buffer[] {
  const ends = [...at.map((share) => Math.floor(share * bytes.length)), bytes.length].sort((a, b) => a - b);
  return ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));
}

describe("a file that is compared with what it should hold", () => {
  it("holds it, in whatever pieces that comes", async () => {
    await fc.assert(
      fc.asyncProperty(content, cuts, async (bytes, at) => {
        expect(await holds(bytes, cut(bytes, at))).toBe(true);
      }),
      { numRuns: 40 },
    );
  });

  it("does not where one byte is another, is missing, or is too many, wherever", async () => {
    await fc.assert(
      fc.asyncProperty(
        content,
        cuts,
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        async (bytes, at, share) => {
          const where = Math.floor(share * bytes.length);
          const [before, after] = [bytes.subarray(0, where), bytes.subarray(where)];
          expect(await holds(Buffer.concat([before, Buffer.from("x"), after]), cut(bytes, at))).toBe(false);
          if (bytes.length === 0) return;
          expect(await holds(Buffer.concat([before, after.subarray(1)]), cut(bytes, at))).toBe(false);
          const other = Buffer.from(bytes);
          other[where] = (other[where] ?? 0) ^ 1;
          expect(await holds(other, cut(bytes, at))).toBe(false);
        },
      ),
      { numRuns: 40 },
    );
  });
});
