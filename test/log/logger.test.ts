import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import {
  chmod,
  mkdir,
  mkdtemp,
  readFile,
  rename,
  rm,
  rmdir,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { build } from "esbuild";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parseLine } from "../../src/log/format.ts";
import { openLog } from "../../src/log/logger.ts";

let directory: string;
let file: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "log-"));
  file = join(directory, "state-syncd.log");
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function events(path = file): Promise<(string | undefined)[]> {
  const lines = (await readFile(path, "utf8")).trimEnd().split("\n");
  return lines.map((line) => parseLine(line).record?.event);
}

/** Runs a program that has `openLog` and `file`, in a process of its own. */
async function runChild(
  program: string,
  limits = "",
): Promise<{ code: number | null; signal: string | null; output: string }> {
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
  const script = join(directory, "child.cjs");
  const head = `const { openLog } = require("./logger.cjs"); const file = ${JSON.stringify(file)};\n`;
  await writeFile(script, head + program);
  const command = `${limits} exec "$0" "$1"`;
  const child = spawn("/bin/sh", ["-c", command, process.execPath, script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.on("data", (data: Buffer) => (output += data.toString()));
  const [code, signal] = (await once(child, "close")) as [number | null, string | null];
  return { code, signal, output };
}

describe("a line", () => {
  it("is JSON with an ISO time, a word for the level, and the event's fields", async () => {
    const log = openLog({ file, level: "info" });
    log.record("section.written", { repo: "a", cache: "b", sha256: "00", bytes: 3, durationMs: 4 });
    log.close();
    const text = await readFile(file, "utf8");
    const { time, ...rest } = JSON.parse(text) as { time: string };
    expect(new Date(time).toISOString()).toBe(time);
    expect(rest).toEqual({
      level: "info",
      event: "section.written",
      repo: "a",
      cache: "b",
      sha256: "00",
      bytes: 3,
      durationMs: 4,
    });
    expect(text.endsWith("}\n")).toBe(true);
  });

  it("is in the file when the call returns", async () => {
    const log = openLog({ file, level: "info" });
    log.record("state.released", { repo: "a" });
    expect(await events()).toEqual(["state.released"]);
    log.close();
  });

  it("never holds what the table does not allow, even where the types were got around", async () => {
    const log = openLog({ file, level: "info" });
    const body = { repo: "a", body: "PATIENT 4711", event: "x", level: "error" };
    log.record("state.released", body);
    log.close();
    expect(await readFile(file, "utf8")).not.toContain("PATIENT");
    expect(await events()).toEqual(["state.released"]);
  });

  it("stays one line, and of bounded length, whatever its values hold", async () => {
    const log = openLog({ file, level: "info" });
    log.record("internal.error", { message: "a\nb\u2028c\ud800", stack: "x".repeat(1_000_000) });
    log.close();
    const text = await readFile(file, "utf8");
    expect(text.split("\n")).toHaveLength(2);
    expect(text.length).toBeLessThan(10_000);
    expect(parseLine(text.trimEnd()).record?.fields["message"]).toContain("a\nb\u2028c");
  });

  it("stays below what the journal takes for one line, whatever its values are", async () => {
    const log = openLog({ file, level: "info" });
    const worst = "\u0000".repeat(100_000);
    log.record("internal.error", { message: worst, stack: worst });
    const names = Array.from({ length: 5_000 }, (_, index) => `repo-${index}`);
    log.record("config.changed", { added: names, removed: names, moved: [worst] });
    log.close();
    const lines = (await readFile(file, "utf8")).trimEnd().split("\n");
    for (const line of lines) expect(Buffer.byteLength(line)).toBeLessThan(48 * 1024 - 100);
    expect(lines.map((line) => parseLine(line).record?.event)).toEqual(["internal.error", "config.changed"]);
    expect(parseLine(lines[1] ?? "").record?.fields["added"]).toEqual(
      expect.arrayContaining(["repo-0", "repo-99", "..."]),
    );
  });

  it("is left out below the level", async () => {
    const log = openLog({ file, level: "warn" });
    log.record("state.released", { repo: "a" });
    log.record("watch.polling", { path: "/x", code: "ENOSPC" });
    log.close();
    expect(await events()).toEqual(["watch.polling"]);
  });
});

describe("the file", () => {
  it("is private to the user, also where it was not, and is appended to", async () => {
    await writeFile(file, '{"old":1}\n');
    await chmod(file, 0o644);
    const log = openLog({ file, level: "info" });
    log.record("state.released", { repo: "a" });
    log.close();
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await events()).toEqual([undefined, "state.released"]);
    await rm(file);
    openLog({ file, level: "info" }).close();
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  it("gets a new line where a crash left a torn one, so that the next record stays whole", async () => {
    await writeFile(file, '{"level":"in');
    const log = openLog({ file, level: "info" });
    log.record("state.released", { repo: "a" });
    log.record("state.released", { repo: "b" });
    log.close();
    expect(await events()).toEqual([undefined, "state.released", "state.released"]);
  });

  it("is left for a new one by reopen after it was moved away, and no line is lost", async () => {
    const log = openLog({ file, level: "info" });
    log.record("state.released", { repo: "a" });
    await rename(file, `${file}.1`);
    log.record("pause.ended", {});
    log.reopen();
    log.record("daemon.stopping", { signal: "SIGTERM" });
    log.close();
    expect(await events(`${file}.1`)).toEqual(["state.released", "pause.ended"]);
    expect(await events()).toEqual(["daemon.stopping"]);
  });

  it("stays the old one where reopen finds no place for a new one", async () => {
    const log = openLog({ file, level: "info" });
    await rename(file, `${file}.1`);
    await mkdir(file);
    log.reopen();
    log.record("state.released", { repo: "a" });
    log.close();
    expect(await events(`${file}.1`)).toEqual(["state.released"]);
    expect(log.failedLines).toBe(0);
  });

  it("takes no line and no reopen after close, and does not mind", async () => {
    const log = openLog({ file, level: "info" });
    log.close();
    log.record("state.released", { repo: "a" });
    log.reopen();
    log.close();
    expect(await readFile(file, "utf8")).toBe("");
  });
});

describe("a log that cannot be written", () => {
  it("does not throw where it cannot even be opened, and goes on when it can", async () => {
    await mkdir(file);
    const log = openLog({ file, level: "info" });
    log.record("state.released", { repo: "a" });
    log.record("state.released", { repo: "b" });
    expect(log.failedLines).toBe(2);
    expect(log.failure).toBe("EISDIR");
    await rmdir(file);
    log.record("state.released", { repo: "c" });
    expect(log.failure).toBeUndefined();
    log.close();
    const [gap, after] = (await readFile(file, "utf8"))
      .trimEnd()
      .split("\n")
      .map((line) => parseLine(line).record);
    expect(gap).toMatchObject({
      event: "log.gap",
      level: "warn",
      fields: { lineCount: 2, code: "EISDIR" },
    });
    expect(after?.fields["repo"]).toBe("c");
    expect(log.failedLines).toBe(2);
  });

  it("that can be written again says so without a line to write", async () => {
    await mkdir(file);
    const log = openLog({ file, level: "info" });
    log.record("state.released", { repo: "a" });
    log.keep();
    expect(log.failure).toBe("EISDIR");
    await rmdir(file);
    log.keep();
    expect(log.failure).toBeUndefined();
    log.close();
    expect(await events()).toEqual(["log.gap"]);
  });

  it.skipIf(!existsSync("/dev/full"))(
    "survives a full disk, in bounded memory, and leaves a device as it is",
    async () => {
      const mode = (await stat("/dev/full")).mode;
      await symlink("/dev/full", file);
      const log = openLog({ file, level: "info" });
      for (let index = 0; index < 1000; index += 1) log.record("state.released", { repo: "a" });
      expect(log.failedLines).toBe(1000);
      expect(log.failure).toBe("ENOSPC");
      await rm(file);
      log.record("state.released", { repo: "b" });
      log.close();
      expect(await events()).toEqual(["log.gap", "state.released"]);
      expect((await stat("/dev/full")).mode).toBe(mode);
    },
  );

  it("does not let a line that was cut short by the disk swallow the next one", async () => {
    // The limit makes the kernel accept a part of a line, as a nearly full disk does.
    const program = `
      const log = openLog({ file, level: "info" });
      for (let i = 0; i < 100; i += 1) log.record("state.released", { repo: "r" + i });
      console.log(log.failedLines, log.failure);`;
    const { code, output } = await runChild(program, "ulimit -f 4;");
    expect(code).toBe(0);
    const failed = Number(/^(\d+) EFBIG/.exec(output)?.[1]);
    const text = await readFile(file, "utf8");
    expect(text.endsWith("\n"), "the last line is torn").toBe(false);
    expect(failed).toBeGreaterThan(0);
    const log = openLog({ file, level: "info" });
    log.record("pause.ended", {});
    log.close();
    const seen = await events();
    expect(seen.filter((event) => event === "state.released")).toHaveLength(100 - failed);
    expect(seen.at(-1)).toBe("pause.ended");
    expect(seen.filter((event) => event === undefined)).toHaveLength(1);
  });
});

it("loses no line to kill -9 right after it was logged", async () => {
  const program = `
    const log = openLog({ file, level: "info" });
    for (let i = 0; i < 2000; i += 1) log.record("state.released", { repo: "r" + i });
    process.kill(process.pid, "SIGKILL");`;
  const { signal } = await runChild(program);
  expect(signal).toBe("SIGKILL");
  const repos = (await readFile(file, "utf8"))
    .trimEnd()
    .split("\n")
    .map((line) => parseLine(line).record?.fields["repo"]);
  expect(repos).toEqual(Array.from({ length: 2000 }, (_, index) => `r${index}`));
});

describe("the terminal", () => {
  it("gets the human form of info and above, and of nothing else", async () => {
    const terminal = new PassThrough();
    const log = openLog({
      file,
      level: "trace",
      terminal: terminal as unknown as NodeJS.WriteStream,
    });
    log.record("request.handled", { method: "GET", path: "/status", status: 200, durationMs: 1 });
    log.record("state.released", { repo: "a" });
    log.close();
    expect(String(terminal.read())).toMatch(/^\d\d:\d\d:\d\d\.\d{3} info {2}a {2}state released\n$/);
    expect(await events()).toEqual(["request.handled", "state.released"]);
  });

  it("may go away without taking the log or the process with it", async () => {
    const terminal = new PassThrough();
    const log = openLog({
      file,
      level: "info",
      terminal: terminal as unknown as NodeJS.WriteStream,
    });
    terminal.destroy(new Error("EIO"));
    await new Promise((closed) => terminal.once("close", closed));
    log.record("state.released", { repo: "a" });
    log.close();
    expect(await events()).toEqual(["state.released"]);
  });

  it("that does not keep up costs bounded memory", () => {
    const terminal = new PassThrough();
    const log = openLog({
      file,
      level: "info",
      terminal: terminal as unknown as NodeJS.WriteStream,
    });
    const message = "x".repeat(8000);
    for (let index = 0; index < 1000; index += 1) log.record("internal.error", { message });
    expect(terminal.writableLength).toBeLessThan(2_000_000);
    log.close();
  });
});
