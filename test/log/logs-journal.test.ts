import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { locate } from "../../src/paths.ts";
import { eventually } from "../support/eventually.ts";
import { FakeJournalctl, journalEntry } from "../support/fake-journalctl.ts";
import { useTempDirectory } from "../support/temp-dir.ts";
import { SCRIPT } from "../support/workspace.ts";

const directory = useTempDirectory();
let journalctl: FakeJournalctl;
let logFile: string;
const running: Logs[] = [];
beforeEach(() => {
  journalctl = new FakeJournalctl(directory.path);
  const { stateDirectory, logFile: file } = locate(undefined, { HOME: directory.path });
  logFile = file;
  mkdirSync(stateDirectory, { recursive: true });
});
afterEach(async () => {
  for (const logs of running.splice(0)) await logs.kill();
  for (const pid of journalctl.running()) process.kill(pid, "SIGKILL");
});

/** `state-syncd logs` in a home where nobody has chosen a state directory, with the fake journalctl. */
class Logs {
  out = "";
  err = "";
  readonly #child;
  readonly #closed: Promise<unknown>;

  constructor(
    args: readonly string[],
    options: { readonly pipe?: string; readonly env?: NodeJS.ProcessEnv } = {},
  ) {
    const env = { HOME: directory.path, ...journalctl.env, ...options.env };
    const command = options.pipe === undefined ? 'exec "$0" "$@"' : `"$0" "$@" | ${options.pipe}`;
    this.#child = spawn("/bin/sh", ["-c", command, process.execPath, SCRIPT, "logs", ...args], {
      env,
      stdio: ["ignore", "pipe", "pipe"],
      // A group of its own: in a pipeline there are several.
      detached: true,
    });
    this.#closed = once(this.#child, "close");
    this.#child.stdout.on("data", (data: Buffer) => (this.out += data.toString()));
    this.#child.stderr.on("data", (data: Buffer) => (this.err += data.toString()));
    running.push(this);
  }

  async end(): Promise<number | null> {
    await this.#closed;
    return this.#child.exitCode;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  async kill(): Promise<void> {
    if (!this.hasEnded) process.kill(-(this.#child.pid ?? Number.NaN), "SIGKILL");
    await this.#closed;
  }
}

const NOW = Date.now();
const minutesAgo = (minutes: number): Date => new Date(NOW - minutes * 60_000);

function record(ago: number, repo: string, level = "info"): string {
  return JSON.stringify({ level, time: minutesAgo(ago).toISOString(), event: "state.released", repo });
}

const inFile = (ago: number, repo: string): void => appendFileSync(logFile, `${record(ago, repo)}\n`);
const inJournal = (ago: number, repo: string, level?: string): string =>
  journalEntry(minutesAgo(ago), record(ago, repo, level));
const namesOf = (out: string): string[] =>
  out
    .trimEnd()
    .split("\n")
    .map((line) => /"(?:repo|message)":"([^"]*)"/.exec(line)?.[1] ?? line);

describe("logs of a daemon that ran in a terminal and under systemd", () => {
  beforeEach(() => {
    for (const ago of [90, 70, 50]) inFile(ago, `file-${ago}`);
    appendFileSync(logFile, "foreign\n");
    inFile(10, "file-10");
    journalctl.holds([
      inJournal(80, "journal-80"),
      inJournal(45, "journal-45", "error"),
      journalEntry(minutesAgo(44), "    at Module.load"),
      journalEntry(minutesAgo(43), "Main process exited", "journal", 4),
      inJournal(5, "journal-5"),
    ]);
  });

  it("are one listing, by time, with what systemd said and what was printed at a crash", async () => {
    const logs = new Logs(["--json"]);
    expect(await logs.end()).toBe(0);
    expect(namesOf(logs.out)).toEqual([
      "file-90",
      "journal-80",
      "file-70",
      "file-50",
      "foreign",
      "journal-45",
      "    at Module.load",
      "Main process exited",
      "file-10",
      "journal-5",
    ]);
    expect(logs.err).toBe("");
  });

  it("are the newest of both, however they are divided", async () => {
    const last = new Logs(["--json", "-n", "3"]);
    await last.end();
    expect(namesOf(last.out)).toEqual(["Main process exited", "file-10", "journal-5"]);
    const human = new Logs(["-n", "3"]);
    await human.end();
    expect(human.out.split("\n")[0]).toMatch(/^[\d:. -]+ warn {2}service manager {2}Main process exited$/);
  });

  it.each([
    [
      ["--since", "48m"],
      ["journal-45", "    at Module.load", "Main process exited", "file-10", "journal-5"],
    ],
    [
      ["--level", "warn"],
      ["journal-45", "Main process exited"],
    ],
    [["--level", "error"], ["journal-45"]],
    [["--repo", "journal-5"], ["journal-5"]],
    [["--repo", "file-50"], ["file-50"]],
  ])("are filtered as one: %j", async (args, expected) => {
    const logs = new Logs(["--json", ...args]);
    expect(await logs.end()).toBe(0);
    expect(namesOf(logs.out)).toEqual(expected);
    expect(logs.err).toBe("");
  });

  it("ask journalctl for no more than the filter lets through", async () => {
    await new Logs(["--level", "warn", "--since", "48m"]).end();
    const [call = ""] = journalctl.calls();
    expect(call).toContain("--user-unit=state-syncd.service");
    expect(call).toContain("--priority=4");
    const since = Number(/--since=@(\d+)/.exec(call)?.[1]);
    expect(Math.abs(since - (Date.now() - 48 * 60_000) / 1_000)).toBeLessThan(30);
  });

  it("hold no other daemon's: a state directory that was chosen has its own", async () => {
    const env = { XDG_STATE_HOME: directory.at("chosen") };
    mkdirSync(directory.at("chosen", "state-syncd"), { recursive: true });
    const none = new Logs([], { env });
    expect(await none.end()).toBe(1);
    expect(none.err).toContain("there is no log at");
    expect(journalctl.calls()).toEqual([]);
    // As a daemon leaves it that has logged to the journal.
    writeFileSync(directory.at("chosen", "state-syncd", "journal"), "");
    const marked = new Logs(["--json", "-n", "1"], { env });
    expect(await marked.end()).toBe(0);
    expect(namesOf(marked.out)).toEqual(["journal-5"]);
  });
});

describe("a journalctl that", () => {
  beforeEach(() => inFile(10, "file-10"));
  const TOLD = /^The journal cannot be read \((.*)\); what follows is from the log file alone\.\n$/;

  it("is missing is nothing to talk about", async () => {
    const logs = new Logs(["--json"], { env: { PATH: directory.at("empty") } });
    expect(await logs.end()).toBe(0);
    expect(namesOf(logs.out)).toEqual(["file-10"]);
    expect(logs.err).toBe("");
  });

  it.each([
    [
      "has no permission",
      'echo "No journal files were opened due to insufficient permissions." >&2; echo more >&2; exit 1',
      "journalctl: No journal files were opened due to insufficient permissions.",
    ],
    ["fails without a word", "exit 3", "journalctl: exit code 3"],
    ["is killed", "kill -TERM $$", "journalctl: SIGTERM"],
    ["prints garbage", "echo '-- No entries --'", "journalctl prints what is no journal"],
    ["prints without an end", "exec yes", "journalctl prints what is no journal"],
    ["prints one line without an end", "exec cat /dev/zero", "journalctl prints what is no journal"],
    ["hangs", "exec sleep 1000", "journalctl has not answered for 5 s"],
    [
      "hangs and cannot be asked to end",
      "trap '' TERM INT; while :; do sleep 1; done",
      "journalctl has not answered for 5 s",
    ],
  ])("%s keeps nobody from the files, and is told in one line", async (_case, script, told) => {
    journalctl.does(script);
    const logs = new Logs(["--json"]);
    expect(await logs.end()).toBe(0);
    expect(namesOf(logs.out)).toEqual(["file-10"]);
    expect(TOLD.exec(logs.err)?.[1]).toBe(told);
    await eventually("its end", () => journalctl.running().length === 0);
  });

  it("fails half-way is told, and what it gave is shown", async () => {
    journalctl.does(`echo '${inJournal(5, "journal-5")}'; echo 'Bad message' >&2; exit 1`);
    const logs = new Logs(["--json"]);
    expect(await logs.end()).toBe(0);
    expect(namesOf(logs.out)).toEqual(["file-10", "journal-5"]);
    expect(TOLD.exec(logs.err)?.[1]).toBe("journalctl: Bad message");
  });
});

describe("logs -f of both", () => {
  const follow = (): string => `exec tail -n +1 -f '${directory.at("added")}'`;
  beforeEach(() => {
    writeFileSync(directory.at("added"), "");
    inFile(20, "file-20");
    journalctl.holds([inJournal(30, "journal-30"), inJournal(15, "journal-15")], follow());
  });

  const seen = async (logs: Logs, names: readonly string[]): Promise<void> => {
    await eventually(
      `${names.join()} in ${logs.out}${logs.err}`,
      () => namesOf(logs.out).join() === names.join(),
    );
  };

  it("goes on with what comes to either, after the newest of both", async () => {
    const logs = new Logs(["-f", "--json", "-n", "2"]);
    await seen(logs, ["file-20", "journal-15"]);
    appendFileSync(directory.at("added"), `${inJournal(0, "journal-0")}\n`);
    await seen(logs, ["file-20", "journal-15", "journal-0"]);
    inFile(0, "file-0");
    await seen(logs, ["file-20", "journal-15", "journal-0", "file-0"]);
    expect(journalctl.calls()[1]).toContain(`--after-cursor=at-${minutesAgo(15).getTime()}`);
    expect(logs.err).toBe("");
  });

  it("follows from now on where the journal is empty", async () => {
    journalctl.holds([], follow());
    const logs = new Logs(["-f", "--json"]);
    await seen(logs, ["file-20"]);
    appendFileSync(directory.at("added"), `${inJournal(0, "journal-0")}\n`);
    await seen(logs, ["file-20", "journal-0"]);
    expect(journalctl.calls()[1]).toMatch(/--since=@\d+$/);
  });

  it.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)("leaves no journalctl behind at %s", async (signal) => {
    journalctl.holds([inJournal(15, "journal-15")]);
    const logs = new Logs(["-f", "--json"]);
    await seen(logs, ["file-20", "journal-15"]);
    await eventually("a journalctl that follows", () => journalctl.running().length === 1);
    logs.signal(signal);
    expect(await logs.end()).toBe(0);
    await eventually("its end", () => journalctl.running().length === 0);
    expect(logs.err).toBe("");
  });

  it("leaves no journalctl behind where its reader leaves (| head)", async () => {
    const logs = new Logs(["-f", "--json"], { pipe: "head -n 1" });
    // It is noticed with the next line that there is.
    await eventually("the end", () => {
      inFile(0, "more");
      return logs.hasEnded;
    });
    expect(await logs.end()).toBe(0);
    expect(namesOf(logs.out)).toEqual(["journal-30"]);
    await eventually("its end", () => journalctl.running().length === 0);
    expect(logs.err).toBe("");
  });

  it("ends at once at ^C while journalctl hangs at the start", async () => {
    journalctl.does("exec sleep 1000");
    const logs = new Logs(["-f", "--json"]);
    await eventually("a journalctl", () => journalctl.running().length === 1);
    const before = Date.now();
    logs.signal("SIGINT");
    expect(await logs.end()).toBe(0);
    expect(Date.now() - before).toBeLessThan(4_000);
    await eventually("its end", () => journalctl.running().length === 0);
  });

  it("goes on with the files where journalctl ends, and says so once", async () => {
    journalctl.holds([inJournal(15, "journal-15")], "exit 0");
    const logs = new Logs(["-f", "--json"]);
    await eventually("the word", () => logs.err !== "");
    inFile(0, "file-0");
    await seen(logs, ["file-20", "journal-15", "file-0"]);
    expect(logs.err).toMatch(/^The journal cannot be read \(journalctl has ended\); .*\n$/);
  });
});

describe("logs that have nothing to show", () => {
  const config = (text: string): void => {
    mkdirSync(directory.at(".config", "state-syncd"), { recursive: true });
    writeFileSync(directory.at(".config", "state-syncd", "config.yaml"), text);
  };
  beforeEach(() => {
    journalctl.holds([inJournal(90, "gone")]);
    inFile(60, "alpha");
    mkdirSync(directory.at("repos", "beta"), { recursive: true });
    config(`version: 1\nrepos:\n  beta: { path: ${directory.at("repos", "beta")} }\n`);
  });

  it.each<[string, readonly string[], number, string | RegExp]>([
    [
      "of a repo that nobody knows",
      ["--repo", "nope"],
      2,
      /^state-syncd: Unknown repo: nope\. No line of the log is about it\. Registered are: beta\n/,
    ],
    ["of a registered repo", ["--repo", "beta"], 0, "No line of the log about beta matches.\n"],
    [
      "of a repo that was removed, of late",
      ["--repo", "gone", "--since", "5m"],
      0,
      "No line of the log about gone matches.\n",
    ],
    ["of a level", ["--level", "error"], 0, "No line of the log matches.\n"],
    ["of late", ["--since", "1m"], 0, "No line of the log matches.\n"],
    ["for it is not wanted", ["-n", "0"], 0, ""],
  ])("%s say so", async (_case, args, code, told) => {
    const logs = new Logs(args);
    expect(await logs.end()).toBe(code);
    expect(logs.out).toBe("");
    if (typeof told === "string") expect(logs.err).toBe(told);
    else expect(logs.err).toMatch(told);
  });

  it("of a repo that nobody knows say so where none is registered, and where that is not known", async () => {
    config("version: 1\nrepos: {}\n");
    const none = new Logs(["--repo", "nope"]);
    expect([await none.end(), none.err.split("\n")[0]]).toEqual([
      2,
      "state-syncd: Unknown repo: nope. No line of the log is about it. Registered are: none",
    ]);
    config("version: [\n");
    const unknown = new Logs(["--repo", "nope"]);
    expect(await unknown.end()).toBe(0);
    expect(unknown.err).toMatch(
      /^No line of the log about nope matches\. Which repos are registered is not known: .*\n$/,
    );
    const known = new Logs(["--repo", "alpha", "--json"]);
    expect(await known.end()).toBe(0);
    expect(namesOf(known.out)).toEqual(["alpha"]);
    expect(known.err).toBe("");
  });

  it("wait for a repo that nobody knows where they follow, and say so", async () => {
    const logs = new Logs(["-f", "--json", "--repo", "soon"]);
    await eventually("the word", () =>
      logs.err.startsWith("Unknown repo: soon. No line of the log is about it."),
    );
    inFile(0, "soon");
    await eventually("the line", () => namesOf(logs.out).join() === "soon");
    logs.signal("SIGINT");
    expect(await logs.end()).toBe(0);
  });

  it("but a log without lines say that it is empty", async () => {
    rmSync(logFile);
    writeFileSync(logFile, "");
    journalctl.holds([]);
    const logs = new Logs([]);
    expect(await logs.end()).toBe(0);
    expect(logs.err).toBe("The log is empty.\n");
  });
});
