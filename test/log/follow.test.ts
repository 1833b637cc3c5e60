import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, copyFileSync, existsSync, renameSync, truncateSync, writeFileSync } from "node:fs";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as turn, setTimeout as delay } from "node:timers/promises";
import { build } from "esbuild";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { followLog } from "../../src/log/follow.ts";
import type { LogFilter } from "../../src/log/read.ts";
import { eventually } from "../support/eventually.ts";

let directory: string;
let file: string;
const followers: Follower[] = [];
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "log-"));
  file = join(directory, "state-syncd.log");
});
afterEach(async () => {
  for (const follower of followers.splice(0)) await follower.stop();
  await rm(directory, { recursive: true, force: true });
});

class Follower {
  readonly seen: string[] = [];
  /** Whether it knows what was there before. */
  hasBegun = false;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;

  constructor(filter: LogFilter = {}, lines = 0, pollMs = 5) {
    this.#done = this.#run(filter, lines, pollMs);
    followers.push(this);
  }

  async #run(filter: LogFilter, lines: number, pollMs: number): Promise<void> {
    for await (const batch of followLog(file, filter, this.#stop.signal, { lines, pollMs })) {
      this.hasBegun = true;
      this.seen.push(...batch.map(({ raw }) => raw));
    }
  }

  /** Waits until this line was seen. */
  async until(last: string): Promise<void> {
    const deadline = Date.now() + 20_000;
    while (!this.seen.includes(last)) {
      if (Date.now() > deadline)
        throw new Error(`not seen: ${last}; seen: ${this.seen.slice(-5).join(" | ")}`);
      await delay(5);
    }
  }

  async stop(): Promise<string[]> {
    this.#stop.abort();
    await this.#done;
    return this.seen;
  }
}

/** A follower that has come to the end of what there is. */
async function attached(filter: LogFilter = {}): Promise<Follower> {
  const follower = new Follower(filter);
  for (let attempt = 0; !follower.seen.some((line) => line.startsWith("hello")); attempt += 1) {
    appendFileSync(file, `hello ${attempt}\n`);
    await delay(10);
  }
  appendFileSync(file, "hello at last\n");
  await follower.until("hello at last");
  follower.seen.length = 0;
  return follower;
}

function rotate(): void {
  if (!existsSync(file)) return;
  let last = 0;
  while (existsSync(`${file}.${last + 1}`)) last += 1;
  for (let index = last; index > 0; index -= 1) renameSync(`${file}.${index}`, `${file}.${index + 1}`);
  renameSync(file, `${file}.1`);
}

describe("followLog", () => {
  it("waits for a file that does not exist yet, and takes it from its beginning", async () => {
    const follower = new Follower();
    await eventually("the follower to have begun", () => follower.hasBegun);
    appendFileSync(file, "one\ntwo\n");
    await follower.until("two");
    expect(await follower.stop()).toEqual(["one", "two"]);
  });

  it("gives the last lines from before and then the new ones, without a seam", async () => {
    writeFileSync(`${file}.1`, "a\nb\n");
    writeFileSync(file, "c\nd");
    const follower = new Follower({}, 2);
    await follower.until("c");
    appendFileSync(file, "d\n");
    appendFileSync(file, "e\n");
    await follower.until("e");
    expect(await follower.stop()).toEqual(["b", "c", "dd", "e"]);
  });

  it("waits for the newline of a half-written line, even in the middle of a character", async () => {
    const follower = await attached();
    const bytes = Buffer.from("größe\n");
    for (const byte of bytes) {
      appendFileSync(file, Buffer.from([byte]));
      await delay(8);
    }
    await follower.until("größe");
    expect(await follower.stop()).toEqual(["größe"]);
  });

  it("finishes the renamed file, which the writer still uses, before it turns to the new one", async () => {
    const follower = await attached();
    rotate();
    await delay(20);
    appendFileSync(`${file}.1`, "late\n");
    await follower.until("late");
    writeFileSync(file, "");
    await delay(20);
    appendFileSync(`${file}.1`, "later\ntorn");
    appendFileSync(file, "new\n");
    await follower.until("new");
    expect(await follower.stop()).toEqual(["late", "later", "torn", "new"]);
  });

  it("starts again where the file was truncated, also when it has grown past the old place", async () => {
    const follower = await attached();
    appendFileSync(file, "before\n");
    await follower.until("before");
    truncateSync(file);
    await delay(20);
    appendFileSync(file, "one\n");
    await follower.until("one");
    writeFileSync(file, `${"long\n".repeat(100)}two\n`);
    await follower.until("two");
    expect(await follower.stop()).toEqual([
      "before",
      "one",
      ...Array.from({ length: 100 }, () => "long"),
      "two",
    ]);
  });

  it("goes on in a new file where the log was deleted, and repeats no old sibling", async () => {
    writeFileSync(`${file}.1`, "ancient\n");
    await delay(20); // File times are coarse.
    const follower = await attached();
    appendFileSync(file, "last words\n");
    await follower.until("last words");
    await rm(file);
    await delay(20);
    appendFileSync(file, "anew\n");
    await follower.until("anew");
    expect(await follower.stop()).toEqual(["last words", "anew"]);
  });

  it("gives every line once, in order, through hundreds of seeded appends and rotations", async () => {
    const random = seeded(20_261_122);
    const follower = await attached();
    const expected: string[] = [];
    let half = "";
    for (let step = 0; step < 600; step += 1) {
      const dice = random();
      if (dice < 0.8) {
        const name = half === "" ? `line ${step}` : half;
        const cut = dice < 0.1 && half === "" ? 3 : 0;
        appendFileSync(file, cut > 0 ? name.slice(0, cut) : `${half === "" ? name : name.slice(3)}\n`);
        half = cut > 0 ? name : "";
        if (cut === 0) expected.push(name);
      } else if (half === "" && dice < 0.84) {
        rotate();
      }
      if (random() < 0.3) await (random() < 0.2 ? delay(12) : turn());
    }
    if (half !== "") {
      appendFileSync(file, `${half.slice(3)}\n`);
      expected.push(half);
    }
    appendFileSync(file, "the end\n");
    await follower.until("the end");
    expect(await follower.stop()).toEqual([...expected, "the end"]);
    expect((await readdir(directory)).length).toBeGreaterThan(10);
  });

  it("loses no line that was added between its last look and the rotation", async () => {
    writeFileSync(file, "");
    const follower = new Follower({}, 9, 1);
    const expected: string[] = [];
    // Often enough to fall between any two steps of the follower.
    for (let round = 0; round < 120; round += 1) {
      appendFileSync(file, `last of ${round}\n`);
      rotate();
      appendFileSync(file, `first after ${round}\n`);
      expected.push(`last of ${round}`, `first after ${round}`);
      await follower.until(`first after ${round}`);
      for (let turns = 0; turns < (round * 7) % 41; turns += 1) await turn();
    }
    await follower.until("first after 119");
    expect(await follower.stop()).toEqual(expected);
  });

  it("finds in the copies what was added just before the log was copied and truncated", async () => {
    const follower = await attached();
    appendFileSync(file, "seen\n");
    await follower.until("seen");
    await delay(20);
    // In one go, so that the follower cannot look in between.
    appendFileSync(file, "one\nt");
    appendFileSync(file, "wo\n");
    rotateByCopy();
    appendFileSync(file, "three\n");
    rotateByCopy();
    appendFileSync(file, `${"four\n".repeat(500)}five\n`);
    await follower.until("five");
    const fours = Array.from({ length: 500 }, () => "four");
    expect(await follower.stop()).toEqual(["seen", "one", "two", "three", ...fours, "five"]);
  });

  it("gives every line of a writer that rotates 20 times once", async () => {
    const bundle = join(directory, "logger.cjs");
    const entryPoints = [new URL("../../src/log/logger.ts", import.meta.url).pathname];
    await build({
      entryPoints,
      outfile: bundle,
      bundle: true,
      platform: "node",
      format: "cjs",
      logLevel: "silent",
    });
    const script = join(directory, "writer.cjs");
    await writeFile(
      script,
      `const { openLog } = require("./logger.cjs");
       const { renameSync } = require("node:fs");
       const file = ${JSON.stringify(file)};
       const log = openLog({ file, level: "info" });
       for (let round = 0, line = 0; round <= 20; round += 1) {
         for (let i = 0; i < 400; i += 1, line += 1) log.record("state.released", { repo: "r" + line });
         if (round === 20) break;
         for (let n = round; n > 0; n -= 1) renameSync(file + "." + n, file + "." + (n + 1));
         renameSync(file, file + ".1");
         log.record("state.released", { repo: "r" + line++ });
         log.reopen();
       }
       log.record("pause.ended", {});
       log.close();`,
    );
    const follower = new Follower({}, 0);
    const child = spawn(process.execPath, [script], { stdio: "inherit" });
    const [code] = (await once(child, "exit")) as [number | null];
    expect(code).toBe(0);
    const deadline = Date.now() + 20_000;
    while (!follower.seen.at(-1)?.includes("pause.ended") && Date.now() < deadline) await delay(10);
    const repos = (await follower.stop()).map((raw) => (JSON.parse(raw) as { repo?: string }).repo);
    expect(repos).toEqual([...Array.from({ length: 21 * 400 + 20 }, (_, index) => `r${index}`), undefined]);
  });

  it("ends at once when aborted, whether it waits or has lines in hand, and closes its files", async () => {
    const before = await openFiles();
    writeFileSync(file, "a\nb\nc\n");
    const stop = new AbortController();
    const seen: string[] = [];
    for await (const batch of followLog(file, {}, stop.signal, { lines: 2, pollMs: 60_000 })) {
      seen.push(...batch.map(({ raw }) => raw));
      if (seen.length === 2) setTimeout(() => stop.abort(), 20);
    }
    expect(seen).toEqual(["b", "c"]);
    for await (const batch of followLog(file, {}, AbortSignal.abort(), { pollMs: 60_000 }))
      seen.push(...batch.map(({ raw }) => raw));
    for await (const batch of followLog(file, {}, new AbortController().signal, { lines: 3 })) {
      seen.push(...batch.map(({ raw }) => raw));
      break;
    }
    expect(seen).toEqual(["b", "c", "a", "b", "c"]);
    expect(await openFiles()).toEqual(before);
  });

  it("filters what it follows", async () => {
    const record = (repo: string) =>
      JSON.stringify({
        level: "info",
        time: "2026-11-22T12:00:00.000Z",
        event: "state.released",
        repo,
      });
    const follower = await attached();
    const filtered = new Follower({ repo: "a" }, 0);
    for (let attempt = 0; filtered.seen.length === 0 && attempt < 2000; attempt += 1) {
      appendFileSync(file, `${record("b")}\nforeign\n${record("a")}\n`);
      await delay(5);
    }
    expect(new Set(await filtered.stop())).toEqual(new Set([record("a")]));
    expect(follower.seen).toContain("foreign");
  });
});

function rotateByCopy(): void {
  let last = 0;
  while (existsSync(`${file}.${last + 1}`)) last += 1;
  for (let index = last; index > 0; index -= 1) renameSync(`${file}.${index}`, `${file}.${index + 1}`);
  copyFileSync(file, `${file}.1`);
  truncateSync(file);
}

/** Which of the test's own files this process holds open. */
async function openFiles(): Promise<string[]> {
  const { readlink } = await import("node:fs/promises");
  const descriptors = await readdir("/proc/self/fd").catch(() => []);
  const targets = await Promise.all(
    descriptors.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => "")),
  );
  return targets.filter((target) => target.startsWith(directory));
}

/** The same numbers for the same seed, from 0 up to 1. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
