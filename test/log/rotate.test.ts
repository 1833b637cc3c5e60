import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { followLog } from "../../src/log/follow.ts";
import { openLog, type Log } from "../../src/log/logger.ts";
import { readLog } from "../../src/log/read.ts";
import { eventually } from "../support/eventually.ts";
import { canMount, fill, Mounts } from "../support/mounts.ts";
import { isRoot } from "../support/ordinary-user.ts";
import { seeded } from "../support/random.ts";
import { bundleProgram, endPrograms, Program, useTempDirectory } from "../support/temp-dir.ts";

const directory = useTempDirectory();
const logFile = (number = 0): string => directory.at(number === 0 ? "log" : `log.${number}`);
const mounts = new Mounts();
afterEach(async () => {
  await endPrograms();
  mounts.end();
});

const FILE_BYTES = 1_600;
let line = 0;

function open(): Log {
  line = 0;
  return openLog({ file: logFile(), level: "info", fileBytes: FILE_BYTES });
}

/** Eighteen lines are a file. */
function write(log: Log, lines: number): void {
  for (let left = lines; left > 0; left -= 1) log.record("state.released", { repo: `r${line++}` });
}

async function linesInOrder(): Promise<(number | undefined)[]> {
  const lines = (await readLog(logFile(), {}, { lines: Infinity })) ?? [];
  return lines.map(({ record }) => {
    const repo = record?.fields["repo"];
    return typeof repo === "string" ? Number(repo.slice(1)) : undefined;
  });
}

const upTo = (end: number, start = 0): number[] =>
  Array.from({ length: end - start }, (_, index) => start + index);
const numbers = (): number[] => upTo(100).filter((number) => existsSync(logFile(number)));

describe("a log that has grown to its limit", () => {
  it("is rotated before the line that does not fit, and keeps five files and the newest lines", async () => {
    const log = open();
    write(log, 60);
    expect(await linesInOrder()).toEqual(upTo(60));
    write(log, 400);
    expect(numbers()).toEqual([0, 1, 2, 3, 4]);
    for (const number of numbers()) {
      expect(statSync(logFile(number)).size).toBeLessThanOrEqual(FILE_BYTES);
      expect(statSync(logFile(number)).mode & 0o777).toBe(0o600);
    }
    const kept = await linesInOrder();
    expect(kept.length).toBeGreaterThan(80);
    expect(kept).toEqual(upTo(460, 460 - kept.length));
    log.close();
    expect(log.failedLines).toBe(0);
  });

  it("is rotated as well where it had grown before the start", async () => {
    writeFileSync(logFile(), `${"x".repeat(FILE_BYTES)}\n`);
    const log = open();
    write(log, 1);
    log.close();
    expect(statSync(logFile(1)).size).toBe(FILE_BYTES + 1);
    expect(await linesInOrder()).toEqual([undefined, 0]);
  });

  it("gives a line that is larger than a file one of its own, and leaves none empty", async () => {
    const log = open();
    for (let round = 0; round < 3; round += 1) {
      write(log, 1);
      log.record("internal.error", { message: "x".repeat(5_000) });
    }
    log.close();
    expect(numbers()).toEqual([0, 1, 2, 3, 4]);
    for (const number of numbers()) expect(statSync(logFile(number)).size).toBeGreaterThan(50);
    expect(await linesInOrder()).toEqual([undefined, 1, undefined, 2, undefined]);
  });

  it("fills the hole that a crash between two renames left, and moves no more than that", async () => {
    const log = open();
    write(log, 65);
    // As in the middle of a rotation: the older ones have moved, the log itself has not.
    const inode = statSync(logFile(3)).ino;
    renameSync(logFile(2), logFile(4));
    renameSync(logFile(1), logFile(2));
    write(log, 18);
    expect(numbers()).toEqual([0, 1, 2, 3, 4]);
    expect(statSync(logFile(3)).ino).toBe(inode);
    log.close();
  });

  it("goes around a directory that stands under a number, for its writer and for its readers", async () => {
    mkdirSync(directory.at("log.1", "inside"), { recursive: true });
    mkdirSync(logFile(7));
    const log = open();
    write(log, 45);
    log.close();
    expect(statSync(logFile(1)).isDirectory()).toBe(true);
    expect(statSync(logFile(7)).isDirectory()).toBe(true);
    expect(numbers()).toEqual([0, 1, 2, 3, 7]);
    expect(await linesInOrder()).toEqual(upTo(45));
  });

  it("deletes what a larger number of files left, and nothing that is named otherwise", () => {
    const others = ["log.07", "log.20261122", "log.5.gz", "log.6~", "logs", "log-5", "xlog.5", "log.105"];
    for (const name of [...others, "log.5", "log.6", "log.99"]) writeFileSync(directory.at(name), "x\n");
    const log = open();
    write(log, 20);
    log.close();
    expect(readdirSync(directory.path).sort()).toEqual(["log", "log.1", ...others].sort());
  });

  it("is not rotated through a link: where the log goes is somebody's decision", () => {
    const elsewhere = directory.at("elsewhere");
    symlinkSync(elsewhere, logFile());
    const log = open();
    write(log, 100);
    log.close();
    expect(numbers()).toEqual([0]);
    expect(readFileSync(elsewhere, "utf8").trimEnd().split("\n")).toHaveLength(100);
  });

  it("whose directory takes no changes goes on growing, and is tried again now and then only", async () => {
    const program = await bundleProgram(
      directory.path,
      "unwilling",
      `import { chmodSync } from "node:fs";
       import { openLog } from "./src/log/logger.ts";
       const directory = ${JSON.stringify(directory.path)};
       const log = openLog({ file: directory + "/log", level: "info", fileBytes: ${FILE_BYTES} });
       const write = (lines) => { for (let i = 0; i < lines; i += 1) log.record("state.released", { repo: "r" + i }); };
       write(1);
       chmodSync(directory, 0o500);
       write(30);
       chmodSync(directory, 0o700);
       write(1);
       console.log("failed", log.failedLines);
       process.stdin.once("data", () => {
         log.keep();
         write(1);
         console.log("kept");
       });
       setInterval(() => undefined, 1000);`,
    );
    if (isRoot) execFileSync("chown", ["1000:1000", directory.path]);
    const become = isRoot ? ["setpriv", "--reuid", "1000", "--regid", "1000", "--clear-groups"] : [];
    const [command, ...args] = [...become, process.execPath, program];
    const child = new Program(command, args);
    await eventually("the lines", () => child.lines.includes("failed 0"));
    // Not with the first line that could have been followed by a rotation.
    expect(numbers()).toEqual([0]);
    expect(statSync(logFile()).size).toBeGreaterThan(FILE_BYTES);
    child.write("\n");
    await eventually("the next attempt", () => child.lines.includes("kept"));
    expect(numbers()).toEqual([0, 1]);
  });

  it.skipIf(!canMount())("on a disk that is full loses lines, counts them, and goes on", async () => {
    mounts.tmpfs(directory.path, "size=64k");
    const log = openLog({ file: logFile(), level: "info", fileBytes: 12_000 });
    const filler = fill(directory.path, 16_384);
    for (let index = 0; index < 1_000; index += 1) write(log, 1);
    expect(log.failure).toBe("ENOSPC");
    const lost = log.failedLines;
    expect(lost).toBeGreaterThan(0);
    rmSync(filler);
    write(log, 200);
    expect(log.failedLines).toBe(lost);
    expect(log.failure).toBeUndefined();
    const repos = (await linesInOrder()).filter((repo) => repo !== undefined);
    expect(repos.slice(-200)).toEqual(upTo(line, line - 200));
    log.close();
  });
});

describe("a log that others rotate besides", () => {
  it("by renaming: is opened anew, and not rotated once more", async () => {
    const log = open();
    write(log, 15);
    renameSync(logFile(), logFile(1));
    write(log, 15);
    log.close();
    expect(numbers()).toEqual([0, 1]);
    expect(await linesInOrder()).toEqual(upTo(30));
  });

  it("by renaming and SIGHUP: counts the new file from its beginning", async () => {
    const log = open();
    write(log, 15);
    renameSync(logFile(), logFile(1));
    log.reopen();
    write(log, 10);
    log.close();
    expect(numbers()).toEqual([0, 1]);
    expect(await linesInOrder()).toEqual(upTo(25));
  });

  it("by copying and truncating: is not rotated for what is not in it any more", async () => {
    const log = open();
    write(log, 15);
    truncateSync(logFile());
    write(log, 15);
    log.close();
    expect(numbers()).toEqual([0]);
    expect(await linesInOrder()).toEqual(upTo(30, 15));
  });

  it("by renaming, without a word: is noticed at the latest when the file is full", async () => {
    const log = open();
    write(log, 15);
    renameSync(logFile(), directory.at("away"));
    write(log, 10);
    log.close();
    expect(await linesInOrder()).toEqual(upTo(25, 18));
  });
});

/** Writes numbered lines without end, so many at a time. @param from the first number. */
async function writer(fileBytes: number, atOnce: number): Promise<string> {
  return await bundleProgram(
    directory.path,
    "writer",
    `import { openLog } from "./src/log/logger.ts";
     const log = openLog({ file: ${JSON.stringify(logFile())}, level: "info", fileBytes: ${fileBytes} });
     let [, , next, end] = process.argv.map(Number);
     setInterval(() => {
       for (let i = 0; i < ${atOnce} && next < end; i += 1) log.record("state.released", { repo: "r" + next++ });
       if (next === end) console.log("done");
     }, 1);`,
  );
}

it("loses no line to kill -9 in the middle of rotations, whatever hole it leaves", async () => {
  const program = await writer(500, 50);
  const random = seeded(7);
  let next = 0;
  for (let round = 0; round < 25; round += 1) {
    const child = new Program(process.execPath, [program, String(next), "Infinity"]);
    const before = next;
    await eventually("lines of this round", async () =>
      (await linesInOrder()).some((repo) => (repo ?? 0) > before),
    );
    await delay(random() * 20);
    await child.kill();
    const kept = await linesInOrder();
    next = (kept.at(-1) ?? 0) + 1;
    if (round > 0) expect(kept.length, `round ${round}`).toBeGreaterThan(10);
    expect(kept, `round ${round}`).toEqual(upTo(next, next - kept.length));
  }
});

it("is followed by two at once through its rotations, and each gets every line once", async () => {
  const program = await writer(20_000, 15);
  const stop = new AbortController();
  const follow = async (seen: string[]): Promise<void> => {
    for await (const batch of followLog(logFile(), {}, stop.signal, { lines: Infinity, pollMs: 5 })) {
      seen.push(...batch.map(({ record }) => String(record?.fields["repo"])));
    }
  };
  const [one, other]: [string[], string[]] = [[], []];
  const following = Promise.all([follow(one), follow(other)]);
  const child = new Program(process.execPath, [program, "0", "6000"]);
  await eventually("the last line", () => one.includes("r5999") && other.includes("r5999"));
  stop.abort();
  await following;
  await child.kill();
  const all = upTo(6_000).map((number) => `r${number}`);
  expect(one).toEqual(all);
  expect(other).toEqual(all);
  expect(numbers()).toEqual([0, 1, 2, 3, 4]);
});
