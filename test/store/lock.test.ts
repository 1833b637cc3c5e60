import { mkdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Paths } from "../../src/paths.ts";
import { lockHolder } from "../../src/store/lock-holder.ts";
import { WriterLock } from "../../src/store/lock.ts";
import { eventually } from "../support/eventually.ts";
import { bundleProgram, endPrograms, pathsIn, Program, useTempDirectory } from "../support/temp-dir.ts";

const directory = useTempDirectory();
let paths: Paths;
beforeEach(() => {
  paths = pathsIn(directory.path);
});
afterEach(endPrograms);

const self = { pid: process.pid, role: "command", config: "/c.yaml" } as const;

const PRELUDE = `
  import { appendFileSync } from "node:fs";
  import { locate } from "./src/paths.ts";
  import { WriterLock } from "./src/store/lock.ts";
  const [home = "", waitMs = "0", rounds = "1"] = process.argv.slice(2);
  const paths = locate(undefined, { HOME: home, XDG_STATE_HOME: home + "/own-state", XDG_RUNTIME_DIR: home + "/own-run" });
  const holder = { pid: process.pid, role: "daemon", socket: paths.socket, config: "/daemon.yaml" };
`;

/** Takes the lock and holds it until its stdin ends. */
const HOLD = `${PRELUDE}
  const lock = await WriterLock.acquire(paths, holder, Number(waitMs));
  console.log(lock === undefined ? "refused" : "held");
  if (lock !== undefined) process.stdin.on("end", () => void lock.release()).resume();
`;

const TAKE_TURNS = `${PRELUDE}
  for (let round = 0; round < Number(rounds); round += 1) {
    const lock = await WriterLock.acquire(paths, holder, 60_000);
    appendFileSync(home + "/journal", "in " + process.pid + "\\n");
    await new Promise((resolve) => setTimeout(resolve, round % 3));
    appendFileSync(home + "/journal", "out " + process.pid + "\\n");
    await lock.release();
  }
`;

/** Another process that holds the lock. */
async function holder(waitMs = 0): Promise<Program> {
  const script = await bundleProgram(directory.path, "hold", HOLD);
  const program = new Program(process.execPath, [script, directory.path, String(waitMs)]);
  await eventually(
    "the other process to say something",
    () => program.lines.length > 0 || program.stderr !== "",
  );
  expect(program.lines, program.stderr).toEqual(["held"]);
  return program;
}

describe("one writer at a time", () => {
  it("processes that take the lock again and again are never in it together", async () => {
    const script = await bundleProgram(directory.path, "turns", TAKE_TURNS);
    const programs = Array.from(
      { length: 4 },
      () => new Program(process.execPath, [script, directory.path, "60000", "15"]),
    );
    for (const program of programs) expect(await program.end(), program.stderr).toBe(0);
    const journal = (await readFile(directory.at("journal"), "utf8")).trim().split("\n");
    expect(journal).toHaveLength(4 * 15 * 2);
    for (let at = 0; at < journal.length; at += 2) {
      expect(journal[at]).toMatch(/^in /);
      expect(journal[at + 1]).toBe(journal[at]?.replace("in", "out"));
    }
  });

  it("is refused at once where it does not want to wait, or is told to give up", async () => {
    await holder();
    expect(await WriterLock.acquire(paths, self, 0)).toBeUndefined();
    let asked = 0;
    const giveUp = async (): Promise<boolean> => (asked += 1) > 2;
    expect(await WriterLock.acquire(paths, self, 600_000, giveUp)).toBeUndefined();
    expect(asked).toBe(3);
  });

  it("excludes a second one of the same process too", async () => {
    const first = await WriterLock.acquire(paths, self, 0);
    expect(await WriterLock.acquire(paths, self, 0)).toBeUndefined();
    await first?.release();
    const second = await WriterLock.acquire(paths, self, 0);
    expect(second).toBeDefined();
    await second?.release();
  });
});

describe("who waits gets it", () => {
  it("when the holder lets go", async () => {
    const other = await holder();
    const waiting = WriterLock.acquire(paths, self, 60_000);
    other.finish();
    const lock = await waiting;
    expect(lock).toBeDefined();
    expect(await lockHolder(paths)).toEqual(self);
    await lock?.release();
    expect(await lockHolder(paths)).toBeUndefined();
  });

  it("when the holder is killed, at once: nothing of it stays", async () => {
    const other = await holder();
    await other.kill();
    expect(await lockHolder(paths)).toBeUndefined();
    const lock = await WriterLock.acquire(paths, self, 0);
    expect(lock).toBeDefined();
    await lock?.release();
  });
});

describe("who holds it", () => {
  it("is told with its pid and its role", async () => {
    const other = await holder();
    const expected = { pid: other.pid, role: "daemon", socket: paths.socket, config: "/daemon.yaml" };
    expect(await lockHolder(paths)).toEqual(expected);
  });

  it("is nobody where there is no lock file, and looking makes none", async () => {
    expect(await lockHolder(paths)).toBeUndefined();
    await expect(stat(paths.stateDirectory)).rejects.toMatchObject({ code: "ENOENT" });
  });

  it.each([
    ["nothing", ""],
    ["half a record", '{"pid": 1, "ro'],
    ["no record", '"text"'],
    ["a record of another kind", '{"pid": "1", "role": "daemon", "config": "x"}'],
    ["an unknown role", `{"pid": ${process.pid}, "role": "king", "config": "x"}`],
  ])("is nobody where the file holds %s", async (_, text) => {
    await mkdir(paths.stateDirectory, { recursive: true });
    await writeFile(paths.lockFile, text);
    expect(await lockHolder(paths)).toBeUndefined();
  });

  it("is nobody where the file names a process that has ended", async () => {
    const ended = new Program(process.execPath, ["-e", ""]);
    await ended.end();
    await mkdir(paths.stateDirectory, { recursive: true });
    await writeFile(paths.lockFile, JSON.stringify({ pid: ended.pid, role: "daemon", config: "x" }));
    expect(await lockHolder(paths)).toBeUndefined();
  });
});

describe("the lock's file", () => {
  it("is private, in a private directory, even where that was open to all", async () => {
    await mkdir(paths.stateDirectory, { recursive: true, mode: 0o777 });
    const lock = await WriterLock.acquire(paths, self, 0);
    expect((await stat(paths.stateDirectory)).mode & 0o777).toBe(0o700);
    expect((await stat(paths.lockFile)).mode & 0o777).toBe(0o600);
    await lock?.release();
  });

  it("is not followed where it is a link, and what it leads to is not truncated", async () => {
    await mkdir(paths.stateDirectory, { recursive: true });
    await writeFile(directory.at("precious"), "text");
    await symlink(directory.at("precious"), paths.lockFile);
    await expect(WriterLock.acquire(paths, self, 0)).rejects.toMatchObject({
      fault: { code: "STATE_DIRECTORY" },
    });
    expect(await readFile(directory.at("precious"), "utf8")).toBe("text");
  });

  it("that cannot be had is a fault with the path in it", async () => {
    await writeFile(directory.at("own-state"), "a file");
    await expect(WriterLock.acquire(paths, self, 0)).rejects.toMatchObject({
      fault: { code: "STATE_DIRECTORY" },
    });
  });
});
