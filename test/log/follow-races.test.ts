import { createHook } from "node:async_hooks";
import { closeSync, existsSync, openSync, renameSync, writeSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { followLog } from "../../src/log/follow.ts";
import { closeAll, openGenerations } from "../../src/log/generations.ts";
import { rotate } from "../../src/log/rotate.ts";
import { useTempDirectory } from "../support/temp-dir.ts";
import { seeded } from "../support/random.ts";

const directory = useTempDirectory();
const logFile = (): string => directory.at("state-syncd.log");

/**
 * Runs `work`, and `step` before each request that it makes of the file system: in the same thread,
 * so that no chance decides between which two looks of a reader the writer moves.
 */
async function interleaved<T>(step: () => void, work: () => Promise<T>): Promise<T> {
  const hook = createHook({
    init(_id, type) {
      if (type === "FSREQPROMISE") step();
    },
  });
  hook.enable();
  try {
    return await work();
  } finally {
    hook.disable();
  }
}

/** Renames every file of the log, the oldest first; may be stopped after each. */
function* rotation(): Generator<void> {
  const file = logFile();
  let last = 0;
  while (existsSync(`${file}.${last + 1}`)) last += 1;
  for (let index = last; index > 0; index -= 1) {
    renameSync(`${file}.${index}`, `${file}.${index + 1}`);
    yield;
  }
  renameSync(file, `${file}.1`);
  yield;
}

/** Writes files of a few lines, one after the other; may be stopped between any two calls of the system. */
function* writing(files: number, random: () => number, written: string[]): Generator<void> {
  let descriptor = openSync(logFile(), "a");
  const lines = function* (most: number): Generator<void> {
    for (let count = Math.ceil(random() * most); count > 0; count -= 1) {
      const line = `line ${written.length}`;
      writeSync(descriptor, `${line}\n`);
      written.push(line);
      yield;
    }
  };
  for (let round = 0; round < files; round += 1) {
    if (round > 0) {
      yield* rotation();
      // Some go on in the file that was moved away for a while.
      if (random() < 0.5) yield* lines(3);
      const next = openSync(logFile(), "a");
      closeSync(descriptor);
      descriptor = next;
    }
    yield;
    yield* lines(5);
  }
  closeSync(descriptor);
}

function finish(steps: Generator<void>): void {
  while (steps.next().done !== true);
}

describe("a writer that moves between any two looks", () => {
  it.each([1, 2, 3])(
    "leaves the files in their order, with %i rotations between two looks",
    async (times) => {
      finish(writing(4, () => 0.4, []));
      for (let request = 1; request <= 24; request += 1) {
        let seen = 0;
        const move = (): void => {
          seen += 1;
          if (seen !== request) return;
          for (let index = 0; index < times; index += 1) {
            finish(rotation());
            finish(writing(1, () => 0.4, []));
          }
        };
        const during = await interleaved(move, () => openGenerations(logFile()));
        await closeAll(during);
        const after = await openGenerations(logFile());
        await closeAll(after);
        const inodes = new Set(during.map(({ inode }) => inode));
        const order = after.map(({ inode }) => inode).filter((inode) => inodes.has(inode));
        expect([...inodes], `before request ${request}`).toEqual(order);
      }
    },
  );

  const seeds = Array.from({ length: Number(process.env["FUZZ_RUNS"] ?? 60) }, (_, seed) => seed);
  it.each(seeds)("costs the follower no line (seed %i)", async (seed) => {
    const random = seeded(seed);
    const written: string[] = [];
    const seen: string[] = [];
    const writer = writing(10, random, written);
    for (let begun = Math.ceil(random() * 20); begun > 0; begun -= 1) writer.next();
    const stop = new AbortController();
    let looks = 0;
    const step = (): void => {
      const burst = random();
      for (let left = burst < 0.5 ? 0 : burst < 0.9 ? 1 : 40 * random(); left > 0; left -= 1) {
        if (writer.next().done !== true) looks = 0;
      }
      looks += 1;
      // What comes twice would come at once; what has not come after so many looks never will.
      if (looks > (seen.length < written.length ? 2_000 : 100)) stop.abort();
    };
    await interleaved(step, async () => {
      const lines = followLog(logFile(), {}, stop.signal, { lines: Infinity, pollMs: 0 });
      for await (const batch of lines) seen.push(...batch.map(({ raw }) => raw));
    });
    expect(seen).toEqual(written);
  });

  it.each(seeds.map((seed) => seed + 80))(
    "that drops its oldest files costs the follower what was in them alone (seed %i)",
    async (seed) => {
      const random = seeded(seed);
      const written: string[] = [];
      const seen: string[] = [];
      const writeFile = (): void => {
        finish(writing(1, random, written));
        rotate(logFile(), 3);
      };
      const stop = new AbortController();
      let looks = 0;
      let rounds = 20;
      const step = (): void => {
        looks += 1;
        if (rounds > 0 && random() < 0.05) {
          for (let files = Math.ceil(random() * 6); files > 0; files -= 1) writeFile();
          rounds -= 1;
          looks = 0;
          if (rounds === 0) finish(writing(1, () => 0.9, written));
        }
        if (looks > 200) stop.abort();
      };
      await interleaved(step, async () => {
        const lines = followLog(logFile(), {}, stop.signal, { lines: Infinity, pollMs: 0 });
        for await (const batch of lines) seen.push(...batch.map(({ raw }) => raw));
      });
      expect(seen.at(-1)).toBe(written.at(-1));
      const kept = new Set(seen);
      expect(seen).toEqual(written.filter((line) => kept.has(line)));
    },
  );
});
