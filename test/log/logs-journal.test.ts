import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { beforeEach, describe, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { journalEntry } from "../support/fake-journalctl.ts";
import { inJournal, type Logs, minutesAgo, namesOf, useLogsScene } from "../support/logs-scene.ts";

const scene = useLogsScene();

describe("logs of a daemon that ran in a terminal and under systemd", () => {
  beforeEach(() => {
    for (const ago of [90, 70, 50]) scene.inFile(ago, `file-${ago}`);
    appendFileSync(scene.logFile, "foreign\n");
    scene.inFile(10, "file-10");
    scene.journalctl.holds([
      inJournal(80, "journal-80"),
      inJournal(45, "journal-45", "error"),
      journalEntry(minutesAgo(44), "    at Module.load"),
      journalEntry(minutesAgo(43), "Main process exited", "journal", 4),
      inJournal(5, "journal-5"),
    ]);
  });

  it("are one listing, by time, with what systemd said and what was printed at a crash", async () => {
    const logs = scene.start(["--json"]);
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
    const last = scene.start(["--json", "-n", "3"]);
    await last.end();
    expect(namesOf(last.out)).toEqual(["Main process exited", "file-10", "journal-5"]);
    const human = scene.start(["-n", "3"]);
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
    const logs = scene.start(["--json", ...args]);
    expect(await logs.end()).toBe(0);
    expect(namesOf(logs.out)).toEqual(expected);
    expect(logs.err).toBe("");
  });

  it("ask journalctl for no more than the filter lets through", async () => {
    await scene.start(["--level", "warn", "--since", "48m"]).end();
    const [call = ""] = scene.journalctl.calls();
    expect(call).toContain("--user-unit=state-syncd.service");
    expect(call).toContain("--priority=4");
    const since = Number(/--since=@(\d+)/.exec(call)?.[1]);
    expect(Math.abs(since - (Date.now() - 48 * 60_000) / 1_000)).toBeLessThan(30);
  });

  it("hold no other daemon's: a state directory that was chosen has its own", async () => {
    const env = { XDG_STATE_HOME: scene.directory.at("chosen") };
    mkdirSync(scene.directory.at("chosen", "state-syncd"), { recursive: true });
    const none = scene.start([], { env });
    expect(await none.end()).toBe(1);
    expect(none.err).toContain("there is no log at");
    expect(scene.journalctl.calls()).toEqual([]);
    // As a daemon leaves it that has logged to the journal.
    writeFileSync(scene.directory.at("chosen", "state-syncd", "journal"), "");
    const marked = scene.start(["--json", "-n", "1"], { env });
    expect(await marked.end()).toBe(0);
    expect(namesOf(marked.out)).toEqual(["journal-5"]);
  });
});

describe("a journalctl that", () => {
  beforeEach(() => scene.inFile(10, "file-10"));
  const TOLD = /^The journal cannot be read \((.*)\); what follows is from the log file alone\.\n$/;

  it("is missing is nothing to talk about", async () => {
    const logs = scene.start(["--json"], { env: { PATH: scene.directory.at("empty") } });
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
    scene.journalctl.does(script);
    const logs = scene.start(["--json"]);
    expect(await logs.end()).toBe(0);
    expect(namesOf(logs.out)).toEqual(["file-10"]);
    expect(TOLD.exec(logs.err)?.[1]).toBe(told);
    await eventually("its end", () => scene.journalctl.running().length === 0);
  });

  it("fails half-way is told, and what it gave is shown", async () => {
    scene.journalctl.does(`echo '${inJournal(5, "journal-5")}'; echo 'Bad message' >&2; exit 1`);
    const logs = scene.start(["--json"]);
    expect(await logs.end()).toBe(0);
    expect(namesOf(logs.out)).toEqual(["file-10", "journal-5"]);
    expect(TOLD.exec(logs.err)?.[1]).toBe("journalctl: Bad message");
  });
});

describe("logs -f of both", () => {
  const follow = (): string => `exec tail -n +1 -f '${scene.directory.at("added")}'`;
  beforeEach(() => {
    writeFileSync(scene.directory.at("added"), "");
    scene.inFile(20, "file-20");
    scene.journalctl.holds([inJournal(30, "journal-30"), inJournal(15, "journal-15")], follow());
  });

  const seen = async (logs: Logs, names: readonly string[]): Promise<void> => {
    await eventually(
      `${names.join()} in ${logs.out}${logs.err}`,
      () => namesOf(logs.out).join() === names.join(),
    );
  };

  it("goes on with what comes to either, after the newest of both", async () => {
    const logs = scene.start(["-f", "--json", "-n", "2"]);
    await seen(logs, ["file-20", "journal-15"]);
    appendFileSync(scene.directory.at("added"), `${inJournal(0, "journal-0")}\n`);
    await seen(logs, ["file-20", "journal-15", "journal-0"]);
    scene.inFile(0, "file-0");
    await seen(logs, ["file-20", "journal-15", "journal-0", "file-0"]);
    expect(scene.journalctl.calls()[1]).toContain(`--after-cursor=at-${minutesAgo(15).getTime()}`);
    expect(logs.err).toBe("");
  });

  it("follows from now on where the journal is empty", async () => {
    scene.journalctl.holds([], follow());
    const logs = scene.start(["-f", "--json"]);
    await seen(logs, ["file-20"]);
    appendFileSync(scene.directory.at("added"), `${inJournal(0, "journal-0")}\n`);
    await seen(logs, ["file-20", "journal-0"]);
    expect(scene.journalctl.calls()[1]).toMatch(/--since=@\d+$/);
  });

  it.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)("leaves no journalctl behind at %s", async (signal) => {
    scene.journalctl.holds([inJournal(15, "journal-15")]);
    const logs = scene.start(["-f", "--json"]);
    await seen(logs, ["file-20", "journal-15"]);
    await eventually("a journalctl that follows", () => scene.journalctl.running().length === 1);
    logs.signal(signal);
    expect(await logs.end()).toBe(0);
    await eventually("its end", () => scene.journalctl.running().length === 0);
    expect(logs.err).toBe("");
  });

  it("leaves no journalctl behind where its reader leaves (| head)", async () => {
    const logs = scene.start(["-f", "--json"], { pipe: "head -n 1" });
    // It is noticed with the next line that there is.
    await eventually("the end", () => {
      scene.inFile(0, "more");
      return logs.hasEnded;
    });
    expect(await logs.end()).toBe(0);
    expect(namesOf(logs.out)).toEqual(["journal-30"]);
    await eventually("its end", () => scene.journalctl.running().length === 0);
    expect(logs.err).toBe("");
  });

  it("ends at once at ^C while journalctl hangs at the start", async () => {
    scene.journalctl.does("exec sleep 1000");
    const logs = scene.start(["-f", "--json"]);
    await eventually("a journalctl", () => scene.journalctl.running().length === 1);
    const before = Date.now();
    logs.signal("SIGINT");
    expect(await logs.end()).toBe(0);
    expect(Date.now() - before).toBeLessThan(4_000);
    await eventually("its end", () => scene.journalctl.running().length === 0);
  });

  it("goes on with the files where journalctl ends, and says so once", async () => {
    scene.journalctl.holds([inJournal(15, "journal-15")], "exit 0");
    const logs = scene.start(["-f", "--json"]);
    await eventually("the word", () => logs.err !== "");
    scene.inFile(0, "file-0");
    await seen(logs, ["file-20", "journal-15", "file-0"]);
    expect(logs.err).toMatch(/^The journal cannot be read \(journalctl has ended\); .*\n$/);
  });
});
