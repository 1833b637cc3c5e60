import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, existsSync, mkdirSync, openSync, readSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { afterEach, describe, expect, it } from "vitest";
import { parseLine } from "../../src/log/format.ts";
import { isJournal, isOwnJournal } from "../../src/log/journal-stream.ts";
import { eventually } from "../support/eventually.ts";
import { bundleProgram, useTempDirectory } from "../support/temp-dir.ts";

const directory = useTempDirectory();
const logFile = (): string => directory.at("log");
const children: ChildProcess[] = [];
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const exited = once(child, "exit");
    child.kill("SIGKILL");
    await exited;
  }
});

/**
 * Runs a program that has a `log` and says on stdout what it finds. Its stderr is what systemd gives
 * to a service: the blocking end of a stream socket, whose other end we read, or not.
 */
async function start(program: string, stderr: "pipe" | number = "pipe") {
  const script = await bundleProgram(
    directory.path,
    "service",
    `import { openLog } from "./src/log/logger.ts";
     const log = openLog({ file: ${JSON.stringify(logFile())}, level: "trace", journal: { mark: ${JSON.stringify(directory.at("mark"))} } });
     const write = (from, to) => { for (let i = from; i < to; i += 1) log.record("state.released", { repo: "r" + i }); };
     const said = () => new Promise((heard) => process.stdin.once("data", heard));
     const tell = (fact) => console.log(JSON.stringify(fact));
     ${program}`,
  );
  const child = spawn(process.execPath, [script], { stdio: ["pipe", "pipe", stderr] });
  children.push(child);
  const told: unknown[] = [];
  const { stdin, stdout, stderr: journalEnd } = child;
  if (stdin === null || stdout === null) throw new Error("no pipes");
  stdout.on("data", (data: Buffer) => {
    told.push(
      ...data
        .toString()
        .trimEnd()
        .split("\n")
        .map((text): unknown => JSON.parse(text)),
    );
  });
  let journal = "";
  journalEnd?.setEncoding("utf8");
  const read = (): void => {
    journalEnd?.on("data", (data: string) => (journal += data));
  };
  /** As where journald was stopped. */
  const closeEnd = async (): Promise<void> => {
    if (journalEnd === null) return;
    await once(journalEnd, "readable");
    const closed = once(journalEnd, "close");
    journalEnd.destroy();
    await closed;
  };
  return {
    child,
    closeEnd,
    stdin,
    told,
    read,
    journal: () => journal.split("\n").slice(0, -1),
    closed: once(child, "close"),
  };
}

const repoOf = (line: string): unknown => parseLine(line.replace(/^<\d>/, "")).record?.fields["repo"];
const inFile = async (): Promise<string[]> => (await readFile(logFile(), "utf8")).trimEnd().split("\n");
const upTo = (end: number): string[] => Array.from({ length: end }, (_, index) => `r${index}`);

describe("a log whose place is the journal", () => {
  it("gets each line with its priority, and makes no file", async () => {
    const { read, journal, closed } = await start(`
      log.record("cache.unchanged", { cache: "a", durationMs: 1 });
      log.record("request.handled", { method: "GET", path: "/", status: 200, durationMs: 1 });
      log.record("state.released", { repo: "a" });
      log.record("watch.polling", { path: "/x", code: "ENOSPC" });
      log.record("internal.error", { message: "two\\nlines" });
      log.keep();
      log.reopen();
      log.close();`);
    read();
    await closed;
    expect(journal().map((line) => line.slice(0, 12))).toEqual([
      '<7>{"level":',
      '<7>{"level":',
      '<6>{"level":',
      '<4>{"level":',
      '<3>{"level":',
    ]);
    expect(parseLine(journal()[4]?.slice(3) ?? "").record?.fields["message"]).toBe("two\nlines");
    expect(existsSync(logFile())).toBe(false);
    expect(existsSync(directory.at("mark"))).toBe(true);
  });

  it.each([
    ["process.exit", "process.exit(1)"],
    ["an uncaught error", "throw new Error('x')"],
    ["kill -9", "process.kill(process.pid, 'SIGKILL')"],
  ])("has got the last line at %s", async (_case, end) => {
    const { read, journal, closed } = await start(`
      write(0, 100);
      log.record("internal.error", { message: "the last words" });
      ${end};`);
    read();
    await closed;
    const lines = journal();
    expect(lines.slice(0, 100).map(repoOf)).toEqual(upTo(100));
    expect(lines[100]).toContain("the last words");
  });

  it("loses no line to a burst that the socket does not hold", async () => {
    const { read, journal, closed, told } = await start(`
      write(0, 3000);
      tell(log.failedLines);
      log.close();`);
    read();
    await closed;
    const filed = existsSync(logFile()) ? await inFile() : [];
    const lines = journal().filter((line) => !line.includes("log.diverted"));
    expect(told).toEqual([0]);
    expect(new Set([...lines, ...filed].map(repoOf))).toEqual(new Set(upTo(3_000)));
    expect(lines.length + filed.length).toBe(3_000);
  });
});

describe("a journal that hangs", () => {
  it("holds up nobody for long, and the lines that it does not take go to the file", async () => {
    const { child, stdin, told, read, journal } = await start(`
      const before = performance.now();
      write(0, 20_000);
      tell({ ms: performance.now() - before, lost: log.failedLines, failure: log.failure ?? null, why: log.diversion });
      await said();
      write(20_000, 20_001);
      tell(log.diversion ?? null);
      process.exit();`);
    const [first] = await eventually("the lines to be written", () => told.length > 0 && told);
    expect(first).toMatchObject({ lost: 0, failure: null, why: "EAGAIN" });
    // Twenty thousand synchronous writes take a second or two here; it is the waiting that is bounded.
    expect((first as { ms: number }).ms).toBeLessThan(10_000);
    const filed = await inFile();
    read();
    await eventually("the journal to have read", () => journal().length + filed.length >= 20_000);
    stdin.write("\n");
    await eventually("the end", () => child.exitCode === 0);
    await eventually("the rest", () => journal().at(-1)?.includes("log.diverted"));
    expect(told[1]).toBeNull();
    const [told20000, toldDiverted] = journal().slice(-2);
    expect(repoOf(told20000 ?? "")).toBe("r20000");
    expect(parseLine(toldDiverted?.slice(3) ?? "").record?.fields).toMatchObject({
      lineCount: filed.length,
      path: logFile(),
    });
    expect([...journal().slice(0, -2), ...filed].map(repoOf)).toEqual(upTo(20_000));
  });

  it("does not let a line of which it took a part swallow the next one", async () => {
    // A pipe takes parts of lines, which a socket does for very long ones only.
    execFileSync("mkfifo", [directory.at("pipe")]);
    const end = openSync(directory.at("pipe"), constants.O_RDONLY | constants.O_NONBLOCK);
    const pipe = openSync(directory.at("pipe"), constants.O_WRONLY);
    const taken = (): string => {
      const buffer = Buffer.alloc(1 << 20);
      return buffer.toString("utf8", 0, readSync(end, buffer));
    };
    try {
      const { child, stdin, told } = await start(
        `for (let i = 0; i < 100; i += 1) log.record("internal.error", { message: "x".repeat(5000) });
         tell(log.diversion);
         await said();
         write(0, 1);
         process.exit();`,
        pipe,
      );
      await eventually("the lines to be written", () => told.length > 0);
      expect(told).toEqual(["EAGAIN"]);
      const before = taken();
      expect(before.endsWith("\n"), "the last line is torn").toBe(false);
      stdin.write("\n");
      await eventually("the end", () => child.exitCode === 0);
      const lines = `${before}${taken()}`.split("\n").slice(0, -1);
      expect(lines.slice(-2).map(repoOf)).toEqual(["r0", undefined]);
      const isWhole = (line: string): boolean => parseLine(line.slice(3)).record?.event === "internal.error";
      expect(lines.filter(isWhole).length + (await inFile()).length).toBe(100);
    } finally {
      closeSync(end);
      closeSync(pipe);
    }
  });

  it("beside a file that cannot be written costs lines, which are counted, and no memory", async () => {
    mkdirSync(logFile());
    const { told } = await start(`
      write(0, 5_000);
      const before = process.memoryUsage().rss;
      write(0, 30_000);
      tell({ lost: log.failedLines, failure: log.failure, why: log.diversion, grownMb: (process.memoryUsage().rss - before) / 1e6 });
      process.exit();`);
    const [facts] = await eventually("the lines to be refused", () => told.length > 0 && told);
    expect(facts).toMatchObject({ failure: "EISDIR", why: "EAGAIN" });
    const { lost, grownMb } = facts as { lost: number; grownMb: number };
    expect(lost).toBeGreaterThan(30_000);
    expect(grownMb).toBeLessThan(60);
  });
});

it("goes on in the file where the journal has gone, and nothing ends the process", async () => {
  const { stdin, told, closeEnd } = await start(`
    write(0, 1);
    await said();
    process.stderr.write("somebody else writes as well\\n");
    write(1, 50);
    setTimeout(() => { write(50, 51); tell([log.diversion, log.failedLines]); process.exit(); }, 100);`);
  await closeEnd();
  stdin.write("\n");
  await eventually("the lines to be written", () => told.length > 0);
  expect(told).toEqual([["EPIPE", 0]]);
  expect((await inFile()).map(repoOf)).toEqual(upTo(51).slice(1));
});

it("is not where the variable names another stream than ours, as in what a service starts", () => {
  expect(isJournal({})).toBe(false);
  expect(isJournal({ JOURNAL_STREAM: "1:2" })).toBe(false);
  expect(isOwnJournal({ JOURNAL_STREAM: "1:2" })).toBe(false);
});
