import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { build } from "esbuild";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { logs, type LogsOptions } from "../../src/commands/logs.ts";
import type { CommandContext } from "../../src/commands/context.ts";
import { locate } from "../../src/paths.ts";
import { FaultError } from "../../src/errors.ts";

let directory: string;
let file: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "log-"));
  file = join(directory, "state-syncd.log");
});
afterEach(() => rm(directory, { recursive: true, force: true }));

function record(ago: number, repo: string, level = "info"): string {
  return JSON.stringify({
    level,
    time: new Date(Date.now() - ago).toISOString(),
    event: "state.released",
    repo,
  });
}

/** A state directory of its own: what the machine's journal holds is not this daemon's. */
const paths = () => ({ ...locate(undefined, { HOME: "/", XDG_STATE_HOME: directory }), logFile: file });

async function run(options: Partial<LogsOptions>, json = false) {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const context: CommandContext = {
    paths: paths(),
    json,
    cwd: directory,
    stdin: process.stdin,
    stdout: stdout as unknown as NodeJS.WriteStream,
    stderr: stderr as unknown as NodeJS.WriteStream,
  };
  const output = text(stdout);
  const code = await logs({ follow: false, ...options }, context).finally(() => stdout.end());
  return {
    code,
    lines: (await output).split("\n").slice(0, -1),
    listeners: stdout.listenerCount("error"),
  };
}

const repos = (lines: readonly string[]) => lines.map((line) => /info {2}(\w+)/.exec(line)?.[1]);

describe("logs", () => {
  it("prints the last 50 lines for people, and leaves no listener behind", async () => {
    await writeFile(file, Array.from({ length: 80 }, (_, index) => `${record(0, `r${index}`)}\n`).join(""));
    const { code, lines } = await run({});
    expect(code).toBe(0);
    expect(repos(lines)).toEqual(Array.from({ length: 50 }, (_, index) => `r${index + 30}`));
    expect(lines.join("")).not.toContain("\u001b");
    expect(process.listenerCount("SIGINT")).toBe(0);
  });

  it("prints all since a time, unless -n says less", async () => {
    const old = record(7_200_000, "old");
    await writeFile(
      `${file}.1`,
      [old, ...Array.from({ length: 80 }, (_, index) => record(60_000, `r${index}`)), ""].join("\n"),
    );
    await writeFile(file, `${record(0, "last")}\n`);
    expect((await run({ since: "10m" })).lines).toHaveLength(81);
    expect((await run({ since: "1 hour" })).lines).toHaveLength(81);
    expect((await run({ since: new Date(Date.now() - 600_000).toISOString() })).lines).toHaveLength(81);
    expect((await run({ since: "3h" })).lines).toHaveLength(82);
    expect((await run({ since: "2000-01-01" })).lines).toHaveLength(82);
    expect(repos((await run({ since: "10m", lines: 2 })).lines).at(-1)).toBe("last");
    expect((await run({ since: "10m", lines: 2 })).lines).toHaveLength(2);
  });

  it("prints the lines as they stand in the file with --json, filtered", async () => {
    const lines = [record(0, "a"), record(0, "b"), record(0, "a", "warn"), "{torn"];
    await writeFile(file, lines.join("\n"));
    expect((await run({}, true)).lines).toEqual(lines);
    expect((await run({ repo: "a", level: "warn" }, true)).lines).toEqual([lines[2]]);
    expect((await run({ lines: 0 }, true)).lines).toEqual([]);
  });

  it("writes a great many lines to a slow reader, whole", async () => {
    const count = 5000;
    await writeFile(
      file,
      Array.from({ length: count }, (_, index) => `${record(0, `r${index}`)}\n`).join(""),
    );
    expect((await run({ lines: Infinity })).lines).toHaveLength(count);
  });

  it.each<[string, Partial<LogsOptions>, RegExp]>([
    [
      "a level that is none",
      { level: "loud" },
      /--level loud: must be one of trace, debug, info, warn, error/,
    ],
    ["a number of lines below zero", { lines: -1 }, /-n -1: must be/],
    ["a number of lines that is none", { lines: Number.NaN }, /-n: must be a whole number/],
    ["half a line", { lines: 1.5 }, /-n 1.5/],
    ["a since in no form", { since: "yesterday" }, /--since yesterday: must be a duration such as 10m/],
    ["a since without a unit", { since: "10" }, /--since 10:/],
    ["an unknown unit", { since: "10 moons" }, /--since 10 moons/],
    ["a duration below zero", { since: "-5m" }, /--since -5m/],
    ["a day that no month has", { since: "2026-02-30" }, /--since 2026-02-30/],
    ["an hour that no day has", { since: "2026-02-03T25:00" }, /--since/],
    ["nothing", { since: "" }, /--since/],
    ["a unit so large that no date holds it", { since: "99999999999999y" }, /--since/],
  ])("refuses %s as a usage fault that says what is right", async (_case, options, message) => {
    await writeFile(file, "");
    const running = run(options);
    await expect(running).rejects.toBeInstanceOf(FaultError);
    await expect(running).rejects.toMatchObject({
      fault: { code: "USAGE" },
      message: expect.stringMatching(message),
    });
  });

  it.each([
    "2026-11-22T16:40",
    "2026-11-22 16:40:01",
    "2026-11-22T16:40:00.123Z",
    "2026-11-22T16:40+01:00",
    "2026-11-22T16:40+0100",
    "1.5h",
    "2D",
  ])("takes --since %s", async (since) => {
    await writeFile(file, "");
    expect((await run({ since })).code).toBe(0);
  });

  it("names the log that is not there", async () => {
    await expect(run({})).rejects.toMatchObject({ fault: { code: "LOG_MISSING", path: file } });
  });
});

describe("logs in a process of its own", () => {
  /** Starts the command; its arguments are the options, as JSON. */
  async function start(options: Partial<LogsOptions>, pipe = "") {
    const bundle = join(directory, "logs.cjs");
    const entryPoints = [new URL("../../src/commands/logs.ts", import.meta.url).pathname];
    await build({
      entryPoints,
      outfile: bundle,
      bundle: true,
      platform: "node",
      format: "cjs",
      logLevel: "silent",
    });
    const script = join(directory, "child.cjs");
    await writeFile(
      script,
      `const { logs } = require("./logs.cjs");
       const { stdin, stdout, stderr } = process;
       const context = { paths: ${JSON.stringify(paths())}, json: true, cwd: "/", stdin, stdout, stderr };
       logs(${JSON.stringify({ follow: false, ...options })}, context).then(
         (code) => { process.exitCode = code; stderr.write("exit " + code + "\\n"); },
         (error) => { process.exitCode = 9; stderr.write(String(error)); });`,
    );
    const command = pipe === "" ? 'exec "$0" "$1"' : `"$0" "$1" | ${pipe}`;
    const child = spawn("/bin/sh", ["-c", command, process.execPath, script], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    const closed = once(child, "close") as Promise<[number | null, string | null]>;
    const seen = { out: "", err: "" };
    child.stdout.on("data", (data: Buffer) => (seen.out += data.toString()));
    child.stderr.on("data", (data: Buffer) => (seen.err += data.toString()));
    const until = async (condition: () => boolean): Promise<void> => {
      for (const deadline = Date.now() + 20_000; !condition();) {
        if (Date.now() > deadline) throw new Error(`waited in vain: ${JSON.stringify(seen)}`);
        await new Promise((next) => setTimeout(next, 10));
      }
    };
    return { child, closed, seen, until };
  }

  it("waits for a log that is not there yet, says so, follows it, and ends with 0 on Ctrl-C", async () => {
    const { child, closed, seen, until } = await start({ follow: true });
    try {
      await until(() => seen.err.includes("waiting for it"));
      const line = record(0, "a");
      await appendFile(file, `${line}\n`);
      await until(() => seen.out === `${line}\n`);
      child.kill("SIGINT");
      expect(await closed).toEqual([0, null]);
      expect(seen.err).toBe(`There is no log at ${file} yet; waiting for it.\nexit 0\n`);
    } finally {
      child.kill("SIGKILL");
    }
  });

  it("ends quietly with 0 where its reader leaves (| head)", async () => {
    await writeFile(
      file,
      Array.from({ length: 20_000 }, (_, index) => `${record(0, `r${index}`)}\n`).join(""),
    );
    for (const follow of [false, true]) {
      const { closed, seen } = await start({ follow, lines: 20_000 }, "head -n 1");
      expect(await closed).toEqual([0, null]);
      expect(seen.out.split("\n")).toHaveLength(2);
      expect(seen.err).toBe("exit 0\n");
    }
  });
});
