import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rename, rm, statfs, writeFile } from "node:fs/promises";
import { performance } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ask } from "../../src/control/client.ts";
import { placeConfig } from "../support/config-file.ts";
import { eventually } from "../support/eventually.ts";
import { HURT, threeRepos } from "../support/fault.ts";
import { reportFault } from "../support/fault-report.ts";
import { stays } from "../support/stays.ts";
import { ShiftedClock } from "../support/shifted-clock.ts";
import type { Workspace } from "../support/workspace.ts";

let workspace: Workspace;
beforeEach(async () => {
  workspace = await threeRepos();
});
afterEach(() => workspace.dispose());

const HOUR_MS = 3_600_000;
const JUMP_MS = 10 * HOUR_MS;

async function events(name: string): Promise<Record<string, unknown>[]> {
  return (await workspace.log()).filter((line) => line["event"] === name);
}

/** Nothing in the status is measured by a clock that jumped. */
async function plausible(): Promise<void> {
  const { latency, edges, queue } = await workspace.status();
  for (const ms of [latency.p50Ms, latency.p99Ms, queue.oldestMs, ...edges.map((edge) => edge.lagMs)]) {
    expect(ms).toBeGreaterThanOrEqual(0);
    expect(ms).toBeLessThan(60_000);
  }
}

describe("a clock that jumps", () => {
  let clock: ShiftedClock;
  beforeEach(async () => {
    clock = new ShiftedClock(workspace);
    await workspace.startDaemon({ env: clock.env });
    await workspace.healthy();
  });

  it.each([
    ["forward", JUMP_MS],
    ["back", -JUMP_MS],
  ])("ten hours %s: every save goes on arriving at once, and no lag is absurd", async (way, shiftMs) => {
    let round = 0;
    const saves = async (): Promise<void> => {
      for (const from of ["x", HURT]) {
        const text = `${from}, ${(round += 1)}\n`;
        await clock.save(from, text);
        await workspace.arrives(from, from === "x" ? ["y", HURT] : ["x", "y"], text, 10_000);
      }
      // A turn is not over when its cache is there; what it notes last is the time.
      await eventually("the turns to be over", async () => (await workspace.status()).queue.depth === 0);
    };
    await saves();
    await clock.set(shiftMs);
    const jumped = performance.now();
    await saves();
    await workspace.healthy();
    const healedInMs = Math.round(performance.now() - jumped);
    await plausible();
    const rescans = (await events("state.changed")).filter((line) => line["found"] === "rescan");
    // And back again, as a clock does that was set wrong.
    await clock.set(0);
    await saves();
    await workspace.healthy();
    await plausible();
    expect(rescans).toEqual([]);
    expect((await events("wake.detected")).length).toBeLessThanOrEqual(1);
    expect(await events("cache.failed")).toEqual([]);
    reportFault({ fault: `clock ten hours ${way}`, said: [], exitCode: 0, healedInMs });
  });

  const pause = async (forMs: number): Promise<unknown> =>
    await ask(workspace.paths, {
      method: "POST",
      path: "/pause",
      body: { repo: "x", forMs },
      timeoutMs: 10_000,
    });
  const isPaused = async (): Promise<boolean> =>
    (await workspace.status()).repos.some((repo) => repo.name === "x" && repo.paused);

  it("a pause ends when the clock says so: forward over its end, at the next rescan", async () => {
    await pause(2 * HOUR_MS);
    await workspace.save("x", "said in the pause\n");
    await clock.set(HOUR_MS);
    await stays("x is paused", isPaused, 2_500);
    await clock.set(JUMP_MS);
    const jumped = performance.now();
    await workspace.arrives("x", ["y"], "said in the pause\n", 10_000);
    await workspace.healthy();
    const healedInMs = Math.round(performance.now() - jumped);
    reportFault({ fault: "clock over a pause's end", said: ["PAUSED"], exitCode: 1, healedInMs });
  });

  it("a pause ends when the clock says so: back, and it is not over before", async () => {
    await clock.set(JUMP_MS);
    await pause(1_000);
    await clock.set(0);
    await workspace.save("x", "said in the pause\n");
    await stays("x is paused", isPaused, 3_000);
    await clock.set(JUMP_MS + 2_000);
    await workspace.arrives("x", ["y"], "said in the pause\n", 10_000);
  });
});

describe("a state file whose time is far away", () => {
  it.each([
    ["years ago, as of a file that was restored", -10 * 365 * 24 * HOUR_MS],
    ["years ahead", 10 * 365 * 24 * HOUR_MS],
  ])("%s: it arrives as any other, and no lag is absurd", async (_what, shiftMs) => {
    await workspace.startDaemon();
    await workspace.healthy();
    const clock = new ShiftedClock(workspace);
    await clock.set(shiftMs);
    for (const text of ["one\n", "two\n"]) {
      await clock.save("x", text);
      await workspace.arrives("x", ["y", HURT], text, 10_000);
    }
    await workspace.healthy();
    await plausible();
  });
});

const TMPFS = 0x01021994;

async function isTmpfs(path: string): Promise<boolean> {
  return await statfs(path).then(
    ({ type }) => type === TMPFS,
    () => false,
  );
}

describe("a state file whose time is absurd", () => {
  let memory: string | undefined;
  beforeEach(async ({ skip }) => {
    // Other file systems cut such times to what they can hold.
    if (!(await isTmpfs("/dev/shm"))) skip("needs a tmpfs at /dev/shm");
    memory = await mkdtemp("/dev/shm/ss-");
    await placeConfig(workspace, { x: { path: memory }, y: {}, [HURT]: {} });
    await writeFile(`${memory}/STATE.md`, "state of x\n");
  });
  afterEach(async () => {
    if (memory !== undefined) await rm(memory, { recursive: true });
    memory = undefined;
  });

  it.each([
    ["later than any date", 9_000_000_000_000],
    ["later than the year 9999", 300_000_000_000],
    ["before the year 0", -100_000_000_000],
  ])("%s: it travels all the same, and its section is sound", async (_what, seconds) => {
    const file = `${memory}/STATE.md`;
    const daemon = await workspace.startDaemon();
    await workspace.healthy();
    await writeFile(`${file}.new`, "from another age\n");
    execFileSync("touch", ["-d", `@${seconds}`, `${file}.new`]);
    await rename(`${file}.new`, file);
    await workspace.arrives("x", ["y", HURT], "from another age\n");
    await workspace.save(HURT, "the others go on\n");
    await workspace.arrives(HURT, ["y"], "the others go on\n");
    await workspace.healthy();
    await plausible();
    expect(await daemon.stop()).toBe(0);
    const { code, stderr } = await workspace.run(["status"]);
    expect([code, stderr]).toEqual([3, ""]);
    await workspace.startDaemon();
    await workspace.healthy();
  });
});

describe("a machine that sleeps longer than the time between two rescans", () => {
  it("whatever was saved and configured meanwhile is there soon after it wakes, and the log tells", async () => {
    const daemon = await workspace.startDaemon();
    await workspace.healthy();
    await daemon.freeze();
    await workspace.save("x", "saved while it slept\n");
    await workspace.save(HURT, "saved while it slept\n");
    await mkdir(workspace.repo("z"));
    await writeFile(`${workspace.repo("z")}/STATE.md`, "new while it slept\n");
    await workspace.configure({ repos: { [HURT]: {}, x: {}, y: {}, z: {} } });
    // Twice the period, and a tenth for each that it may be longer by chance.
    await delay(2_500);
    daemon.send("SIGCONT");
    const woke = performance.now();
    await workspace.arrives("x", ["y", HURT, "z"], "saved while it slept\n", 10_000);
    await workspace.arrives(HURT, ["x", "y", "z"], "saved while it slept\n", 10_000);
    await workspace.arrives("z", ["x", "y", HURT], "new while it slept\n", 10_000);
    await workspace.healthy();
    const healedInMs = Math.round(performance.now() - woke);
    await eventually("the log to tell", async () => (await events("wake.detected")).length > 0);
    const slept = (await events("wake.detected")).map((line) => Number(line["sleptMs"]));
    expect(slept).toHaveLength(1);
    expect(slept[0]).toBeGreaterThan(1_000);
    reportFault({ fault: "asleep for two rescans", said: [], exitCode: 0, healedInMs });
    await workspace.save("y", "after it\n");
    await workspace.arrives("y", ["x", "z"], "after it\n", 10_000);
  });
});
