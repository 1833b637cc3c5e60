import fc from "fast-check";
import { mkdir, mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FaultError } from "../../src/errors.ts";
import { parseLine } from "../../src/log/format.ts";
import { matches, readLog, type LogFilter } from "../../src/log/read.ts";

let directory: string;
let file: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "log-"));
  file = join(directory, "state-syncd.log");
});
afterEach(() => rm(directory, { recursive: true, force: true }));

function record(minute: number, fields: Record<string, unknown> = {}): string {
  const time = new Date(Date.UTC(2026, 10, 22, 12, minute)).toISOString();
  return JSON.stringify({ level: "info", time, event: "state.released", ...fields });
}

async function read(filter: LogFilter, lines: number, chunkBytes?: number): Promise<string[] | undefined> {
  const options = chunkBytes === undefined ? { lines } : { lines, chunkBytes };
  return (await readLog(file, filter, options))?.map((line) => line.raw);
}

/** The plain way: everything from the oldest sibling on, filtered, and the last ones taken. */
function reference(contents: readonly string[], filter: LogFilter, lines: number): string[] {
  const kept = contents
    .toReversed()
    .flatMap((content) => content.split("\n").filter((raw) => raw !== ""))
    .filter((raw) => matches(parseLine(raw), filter));
  return lines === 0 ? [] : kept.slice(-lines);
}

describe("readLog", () => {
  it("equals reading everything and taking the last, for any content, siblings and chunk size", async () => {
    const line = fc.oneof(
      fc.string({ unit: "binary", maxLength: 20 }).map((text) => Buffer.from(text).toString()),
      fc.constantFrom("", "\r", "é👩‍👩‍👧", "\0\0", '{"level":"in'),
      fc
        .record({ level: fc.constantFrom("debug", "warn"), repo: fc.constantFrom("a", "b") })
        .map((fields) => record(0, fields)),
    );
    const content = fc
      .tuple(fc.array(line, { maxLength: 12 }), fc.boolean())
      .map(([lines, ended]) => lines.join("\n") + (ended ? "\n" : ""));
    const filter = fc.constantFrom<LogFilter>(
      {},
      { level: "info" },
      { repo: "a" },
      { level: "warn", repo: "b" },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(content, { minLength: 1, maxLength: 3 }),
        filter,
        fc.oneof(fc.nat(15), fc.constant(Infinity)),
        fc.integer({ min: 1, max: 70 }),
        async (contents, wanted, lines, chunkBytes) => {
          for (const index of [0, 1, 2]) await rm(index === 0 ? file : `${file}.${index}`, { force: true });
          for (const [index, text] of contents.entries())
            await writeFile(index === 0 ? file : `${file}.${index}`, text);
          expect(await read(wanted, lines, chunkBytes)).toEqual(reference(contents, wanted, lines));
        },
      ),
      { numRuns: 300 },
    );
  });

  it("reads a little of a huge log for a few lines", async () => {
    const handle = await open(file, "w");
    await handle.truncate(8 * 2 ** 30); // A hole: takes no space, but reading it would take long.
    const tail = Array.from({ length: 60 }, (_, index) => record(index));
    await handle.write(`\n${tail.join("\n")}\n`, 8 * 2 ** 30);
    await handle.close();
    const before = await bytesRead();
    expect(await read({}, 50)).toEqual(tail.slice(-50));
    expect((await bytesRead()) - before).toBeLessThan(16 * 2 ** 20);
  });

  it("bounds the memory that a line without an end takes", async () => {
    const handle = await open(file, "w");
    await handle.write("first\nx");
    await handle.truncate(64 * 2 ** 20);
    await handle.write(`\n${record(1)}\n`, 64 * 2 ** 20);
    await handle.close();
    const [first, long, last] = (await read({}, 3)) ?? [];
    expect(first).toBe("first");
    expect(long?.startsWith("x\0\0")).toBe(true);
    expect(long).toHaveLength(2 ** 20);
    expect(last).toBe(record(1));
  });

  it("starts at --since, across siblings, and gives a line without a time to the record before it", async () => {
    await writeFile(`${file}.2`, [record(1), "before"].join("\n"));
    await writeFile(`${file}.1`, [record(10), "old", record(20), "new", ""].join("\n"));
    await writeFile(file, ["newer", record(30), "newest"].join("\n"));
    const since = new Date(Date.UTC(2026, 10, 22, 12, 15));
    const expected = [record(20), "new", "newer", record(30), "newest"];
    for (const chunkBytes of [1, 7, 100, 65_536])
      expect(await read({ since }, Infinity, chunkBytes)).toEqual(expected);
    expect(await read({ since }, 3)).toEqual(expected.slice(-3));
    expect(await read({ since, level: "info" }, Infinity)).toEqual([record(20), record(30)]);
  });

  it("misses nothing of --since where the clock was set back by less than an hour", async () => {
    await writeFile(file, [record(40), record(50), record(5), record(45)].join("\n"));
    const since = new Date(Date.UTC(2026, 10, 22, 12, 30));
    expect(await read({ since }, Infinity)).toEqual([record(40), record(50), record(45)]);
  });

  it("reads no sibling that lies before --since", async () => {
    await writeFile(`${file}.2`, record(59)); // Out of order on purpose: it would pass if it were read.
    await writeFile(`${file}.1`, record(-120));
    await writeFile(file, record(40));
    const since = new Date(Date.UTC(2026, 10, 22, 12, 30));
    expect(await read({ since }, Infinity)).toEqual([record(40)]);
  });

  it("goes on behind a number that is missing, as in the middle of a rotation", async () => {
    await writeFile(`${file}.1`, record(2));
    await writeFile(`${file}.3`, record(1));
    expect(await read({}, 9)).toEqual([record(1), record(2)]);
  });

  it("says that there is no log, which is not an empty log", async () => {
    expect(await read({}, 9)).toBeUndefined();
    await writeFile(file, "");
    expect(await read({}, 9)).toEqual([]);
  });

  it("names a log that is no file", async () => {
    await mkdir(file);
    const reading = read({}, 9);
    await expect(reading).rejects.toBeInstanceOf(FaultError);
    await expect(reading).rejects.toMatchObject({ fault: { code: "LOG_UNREADABLE", path: file } });
  });
});

async function bytesRead(): Promise<number> {
  const text = await readFile("/proc/self/io", "utf8").catch(() => "rchar: 0");
  return Number(/rchar: (\d+)/.exec(text)?.[1]);
}

describe("matches", () => {
  const line = (fields: Record<string, unknown>) => parseLine(record(0, fields));
  it.each([
    ["the state's repo", { repo: "a" }, true],
    ["the cache's owner", { repo: "b", cache: "a" }, true],
    ["one of several", { cache: "b", repos: ["c", "a"] }, true],
    ["a repo that left the config", { added: [], removed: ["a"], moved: [] }, true],
    ["another repo", { repo: "ab", cache: "b", repos: ["ba"] }, false],
    ["a path that reads like it", { path: "a" }, false],
    ["no repo", {}, false],
  ])("--repo: %s", (_case, fields, expected) => {
    expect(matches(line(fields), { repo: "a" })).toBe(expected);
  });

  it("takes the level and what is above", () => {
    const passing = ["trace", "debug", "info", "warn", "error"].filter((level) =>
      matches(line({ level }), { level: "warn" }),
    );
    expect(passing).toEqual(["warn", "error"]);
  });
});
