import { existsSync } from "node:fs";
import { mkdir, readFile, rename, rm, rmdir, stat, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readStartRecord } from "../../src/store/start-record.ts";
import { temporaryFor } from "../../src/store/temporary.ts";
import { eventually } from "../support/eventually.ts";
import { stays } from "../support/stays.ts";
import { LaunchdRig, TARGET } from "./launchd-rig.ts";

const GIVEN_UP = "the daemon has ended 5 times within 5 minutes, and is left off";

let rig: LaunchdRig;
beforeEach(async () => {
  rig = await LaunchdRig.create({ throttleMs: 50 });
});
afterEach(() => rig.end());

const record = (): string => rig.workspace.paths.startsFile;

async function leftAlone(runs: number): Promise<void> {
  await stays("it to be left alone", async () => (await rig.runs()) === runs, 800);
}

describe("launchd, which would start it again for ever", () => {
  it("every start fails: after five it is left off with exit code 0, and says what happened and what to do", async () => {
    const { lockFile } = rig.workspace.paths;
    await mkdir(lockFile, { recursive: true });
    await rig.install();
    const { failure } = await rig.becomes({ activity: "failed" });
    await rig.becomes({ activity: "failed", failure: GIVEN_UP });
    expect([GIVEN_UP, "last exit code = 1"]).toContain(failure);
    await leftAlone(6);
    const said = await rig.said();
    expect(said.split(`cannot open ${lockFile}`)).toHaveLength(6);
    expect(said).toContain(`state-syncd: ${GIVEN_UP}\n  See \`state-syncd logs\``);
    expect(said).toContain("state-syncd service start");

    // Whoever starts it by hand past the commands is told the same.
    await rig.launchd.ctl("kickstart", TARGET);
    await rig.becomes({ activity: "failed", failure: GIVEN_UP });
    await rmdir(lockFile);
    expect(await rig.do(rig.manager.control("start"))).toEqual([
      "remove ROOT/state/state-syncd/starts.json",
      `run launchctl kickstart ${TARGET}`,
    ]);
    await rig.ready();
    expect(await rig.manager.state()).toMatchObject({ activity: "running", failure: "" });
  });

  it("killed again and again: the same", async () => {
    let pid = await rig.running();
    for (let kill = 1; kill < 5; kill += 1) {
      await rig.launchd.ctl("kill", "SIGKILL", TARGET);
      pid = await rig.ready(pid);
    }
    await rig.launchd.ctl("kill", "SIGKILL", TARGET);
    await rig.becomes({ activity: "failed", failure: GIVEN_UP });
    await leftAlone(6);
  });

  it.each([
    ["missing", undefined, /config/],
    ["wrong", "version: 1\nrepos: 12\n", /repos/],
  ])("the config is %s: left off at once, for only its user can mend it", async (_how, text, told) => {
    const { config } = rig.workspace.paths;
    const good = await readFile(config, "utf8");
    if (text === undefined) await rm(config);
    else await writeFile(config, text);
    await rig.install();
    const { failure } = await rig.becomes({ activity: "failed" });
    expect(failure).toMatch(told);
    expect(await rig.said()).toContain(failure.split("\n")[0]);
    expect(await rig.said()).toContain("Then: `state-syncd service start`.");
    await leftAlone(1);
    await writeFile(config, good);
    await rig.do(rig.manager.control("start"));
    await rig.ready();
    expect((await readStartRecord(record())).givenUp).toBe("");
  });

  it("starts cannot be counted, for the state directory cannot be had: the first that fails is the last", async () => {
    const { stateDirectory } = rig.workspace.paths;
    await mkdir(dirname(stateDirectory), { recursive: true });
    await writeFile(stateDirectory, "in the way");
    await rig.install();
    await rig.becomes({ activity: "stopped" });
    await leftAlone(1);
    expect(await rig.said()).toContain(stateDirectory);
  });

  it("an end that is well, many times: none counts", async () => {
    let pid = await rig.running();
    for (let end = 0; end < 7; end += 1) {
      await rig.launchd.ctl("kill", "SIGTERM", TARGET);
      await rig.becomes({ activity: "stopped" });
      expect(existsSync(record())).toBe(false);
      await rig.launchd.ctl("kickstart", TARGET);
      pid = await rig.ready(pid);
    }
  });

  it("a record that was spoilt or half-written keeps it from nothing, and nothing is left lying about", async () => {
    await mkdir(dirname(record()), { recursive: true });
    await writeFile(record(), '{"starts":[');
    const temporary = temporaryFor(record());
    await writeFile(temporary, "{");
    await rig.running();
    expect((await readStartRecord(record())).starts).toHaveLength(1);
    expect(existsSync(temporary)).toBe(false);
  });

  it("a daemon that nobody supervises counts nothing, and fails as ever", async () => {
    const daemon = await rig.workspace.startDaemon();
    expect(existsSync(record())).toBe(false);
    await daemon.stop();
    await rm(rig.workspace.paths.config);
    expect((await rig.workspace.run(["run"])).code).toBe(2);
  });
});

describe("the file that takes what it says before its log is open", () => {
  const LINE = `${"x".repeat(99)}\n`;

  it("has grown large: shortened in place at the next start, its end kept, and what comes follows", async () => {
    await mkdir(dirname(rig.output), { recursive: true });
    await writeFile(rig.output, `${LINE.repeat(20_000)}the last line\n`);
    const { ino } = await stat(rig.output);
    await rm(rig.workspace.paths.config);
    await rig.install();
    await rig.becomes({ activity: "failed" });
    const text = await eventually("it to be shortened", async () => {
      const said = await rig.said();
      return said.length < 70_000 && said.includes("state-syncd: ") && said;
    });
    expect((await stat(rig.output)).ino).toBe(ino);
    expect(text.startsWith(LINE)).toBe(true);
    expect(text).toMatch(/x\nthe last line\nstate-syncd: .*config/);
    expect(text).not.toContain("\0");
  });

  it("is one that somebody else chose: never cut", async () => {
    await rig.install(rig.program(), false);
    const theirs = `${rig.workspace.root}/theirs.log`;
    await writeFile(theirs, LINE.repeat(20_000));
    await rename(rig.output, `${rig.output}.away`);
    await writeFile(rig.file, (await readFile(rig.file, "utf8")).replaceAll(rig.output, theirs));
    await rig.do(rig.manager.control("start"));
    await rig.ready();
    expect((await stat(theirs)).size).toBe(2_000_000);
  });
});
