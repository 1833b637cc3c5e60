import { writeFile } from "node:fs/promises";
import { performance } from "node:perf_hooks";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import { ask } from "../../src/control/client.ts";
import type { StatusReport } from "../../src/status/report.ts";
import { canDie, DeadDisk } from "../support/dead-disk.ts";
import { eventually } from "../support/eventually.ts";
import { goOn, heardAgain, HURT, threeRepos } from "../support/fault.ts";
import { reportFault } from "../support/fault-report.ts";
import { UnrulyDisk } from "../support/unruly-disk.ts";
import { Workspace } from "../support/workspace.ts";

const workspaces: Workspace[] = [];
afterAll(async () => {
  await Promise.all(workspaces.map((workspace) => workspace.dispose()));
});

/** What the daemon gives itself to finish, in milliseconds, and what a busy machine adds. */
const GRACE_MS = 10_000;
const SLACK_MS = 5_000;

/** From the moment that the daemon holds its lock; a machine without anything else to do takes a third of it. */
const SERVED_MS = 5_000;

async function servedWithin(workspace: Workspace, ms: number): Promise<void> {
  await workspace.arrives("x", ["y"], "state of x\n", 20_000);
  const at = async (event: string, cache?: string): Promise<number> => {
    const said = await eventually(`the log to tell of ${event}`, async () =>
      (await workspace.log()).find((line) => line["event"] === event && line["cache"] === cache),
    );
    return Date.parse(String(said["time"]));
  };
  expect((await at("section.written", "y")) - (await at("daemon.started"))).toBeLessThan(ms);
}

async function prepare(): Promise<{ workspace: Workspace; disk: UnrulyDisk; hang: () => Promise<void> }> {
  // The one that hangs comes first, so that everything in order would wait for it.
  const workspace = await threeRepos();
  workspaces.push(workspace);
  const disk = new UnrulyDisk(workspace);
  return { workspace, disk, hang: () => disk.misbehave({ hangs: workspace.repo(HURT) }) };
}

describe.concurrent("a repo on a disk that does not answer", () => {
  it("delays no save of the others and no answer of the daemon, and is named", async () => {
    const { workspace, disk, hang } = await prepare();
    const daemon = await workspace.startDaemon({ env: disk.env });
    await workspace.healthy();
    await hang();
    await workspace.save(HURT, "nobody sees this\n");
    await disk.holds();
    await goOn(workspace, "goes on\n");
    expect(await ask(workspace.paths, { method: "GET", path: "/healthz", timeoutMs: 2_000 })).toMatchObject({
      ok: true,
    });
    const asked = performance.now();
    const ran = await workspace.run(["status", "--json"]);
    expect(performance.now() - asked).toBeLessThan(10_000);
    const report: StatusReport = JSON.parse(ran.stdout);
    expect(ran.code).toBe(1);
    expect(report).toMatchObject({ status: "degraded", daemon: { running: true, pid: daemon.pid } });
    const problems = report.problems.filter(({ repo }) => repo === HURT);
    expect(problems).not.toEqual([]);
    for (const { remedy } of problems) expect(remedy).toContain("disk");
    await goOn(workspace, "and on\n");

    await disk.behave();
    const mended = performance.now();
    await workspace.arrives(HURT, ["x", "y"], "nobody sees this\n");
    await workspace.healthy();
    reportFault({
      fault: "a disk that hangs",
      said: report.problems.map(({ code, message }) => `${code} ${message}`),
      exitCode: ran.code,
      healedInMs: Math.round(performance.now() - mended),
    });
  });

  it("that can be read and not be written to is named too, as long as it lasts", async () => {
    const { workspace, disk } = await prepare();
    await workspace.startDaemon({ env: disk.env });
    await workspace.healthy();
    await disk.misbehave({ writesHang: workspace.root });
    await workspace.save("x", "on its way\n");
    const problem = await eventually("the disk to be named", async () =>
      (await workspace.status()).problems.find(({ code, repo }) => code === "CACHE_IO" && repo === "y"),
    );
    expect(problem.message).toMatch(/has been written for \d+ s/);
    expect((await workspace.status()).edges.find(({ from, to }) => from === "x" && to === "y")?.status).toBe(
      "failed",
    );
    await disk.behave();
    await workspace.arrives("x", ["y", HURT], "on its way\n");
    await workspace.healthy();
  });

  it("is asked once, however often somebody asks how things are", async () => {
    const { workspace, disk, hang } = await prepare();
    await workspace.startDaemon({ env: disk.env });
    await workspace.healthy();
    await hang();
    await disk.holds();
    await workspace.status();
    const held = await disk.held();
    const asked = performance.now();
    for (let round = 0; round < 200; round += 1) expect((await workspace.status()).status).toBe("degraded");
    expect(performance.now() - asked).toBeLessThan(20_000);
    // A rescan and a turn may have come upon it meanwhile, each once.
    expect((await disk.held()).length - held.length).toBeLessThanOrEqual(4);
    await disk.behave();
    await workspace.healthy();
  });

  it("is told to who asked for it, and what it says later arrives even so", async () => {
    const { workspace, disk } = await prepare();
    // Without a rescan, and without events: the look that was asked for is the only one.
    await workspace.configure({ rescan: "1h" });
    await workspace.startDaemon({ env: disk.env });
    await workspace.healthy();
    await disk.misbehave({ hangs: workspace.repo(HURT), losesEvents: workspace.repo(HURT) });
    await workspace.save(HURT, "late\n");
    const { code, stderr } = await workspace.run(["sync", HURT]);
    expect(code).toBe(1);
    expect(stderr).toContain(`${workspace.repo(HURT)} does not answer`);
    expect(stderr).toContain("Look at the disk");
    await disk.misbehave({ losesEvents: workspace.repo(HURT) });
    await workspace.arrives(HURT, ["x", "y"], "late\n");
  });

  it("does not end the rescans", async () => {
    const { workspace, disk, hang } = await prepare();
    await workspace.startDaemon({ env: disk.env, args: ["--log-level", "trace"] });
    await hang();
    await disk.holds();
    const rescans = async (): Promise<number> =>
      (await workspace.log()).filter((line) => line["event"] === "rescan.done").length;
    const before = await rescans();
    await eventually("three more rescans", async () => (await rescans()) >= before + 3, 20_000);
  });

  it("does not keep the others waiting at the start", async () => {
    const { workspace, disk, hang } = await prepare();
    await hang();
    const daemon = workspace.spawnDaemon({ env: disk.env });
    await servedWithin(workspace, SERVED_MS);
    await goOn(workspace, "saved\n");
    daemon.send("SIGTERM");
    await eventually("the daemon to end", () => daemon.ended, GRACE_MS + SLACK_MS);
    expect(daemon.code).toBe(0);
  });

  it("back after the start, gives and gets what it missed by itself, and is watched", async () => {
    const { workspace, disk, hang } = await prepare();
    // Whatever arrives was told by events, or by what came late.
    await workspace.configure({ rescan: "1h" });
    await hang();
    await workspace.startDaemon({ env: disk.env });
    await goOn(workspace, "meanwhile\n");
    await disk.behave();
    await workspace.arrives(HURT, ["x", "y"], `state of ${HURT}\n`);
    await workspace.arrives("x", [HURT], "meanwhile\n");
    await workspace.healthy();
    await workspace.save(HURT, "heard\n");
    await workspace.arrives(HURT, ["x", "y"], "heard\n");
    // What others do to its cache is heard of too.
    await writeFile(workspace.cacheFile(HURT), "");
    await workspace.arrives("x", [HURT], "meanwhile\n");
  });

  it("keeps a stop waiting; what is asked for meanwhile is done when the daemon has ended", async () => {
    const { workspace, disk } = await prepare();
    const daemon = await workspace.startDaemon({ env: disk.env });
    await workspace.healthy();
    await disk.misbehave({ writesHang: workspace.repo(HURT) });
    await workspace.save("x", "on its way\n");
    await workspace.arrives("x", ["y"], "on its way\n");
    daemon.send("SIGTERM");
    await eventually("the stop to begin", async () =>
      (await workspace.log()).some((line) => line["event"] === "daemon.stopping"),
    );
    await workspace.save("y", "asked for\n");
    expect(await workspace.run(["sync", "y"])).toMatchObject({ code: 0, stderr: "" });
    expect(await workspace.received("x", "y")).toBe("asked for\n");
    expect(daemon.ended).toBe(true);
  });

  it("does not keep the daemon from ending", async () => {
    const { workspace, disk, hang } = await prepare();
    const daemon = await workspace.startDaemon({ env: disk.env });
    await hang();
    await workspace.save(HURT, "about to be read\n");
    await disk.holds();
    daemon.send("SIGTERM");
    await eventually("the daemon to end", () => daemon.ended, GRACE_MS + SLACK_MS);
    expect(daemon.code).toBe(0);
  });
});

describe.concurrent("a repo on a slow disk", () => {
  it("gets and gives its news late, and makes nobody else late", async () => {
    const { workspace, disk } = await prepare();
    await workspace.startDaemon({ env: disk.env });
    await workspace.healthy();
    await disk.misbehave({ slow: { under: workspace.repo(HURT), ms: 300 } });
    await workspace.save(HURT, "from the slow one\n");
    for (let round = 1; round <= 5; round += 1) {
      const saved = performance.now();
      await goOn(workspace, `round ${round}\n`);
      expect(performance.now() - saved).toBeLessThan(5_000);
    }
    await workspace.arrives(HURT, ["x", "y"], "from the slow one\n");
    await workspace.arrives("x", [HURT], "round 5\n");
    await disk.behave();
    await heardAgain(workspace, HURT, "x");
    expect((await workspace.log()).filter((line) => line["event"] === "cache.failed")).toEqual([]);
    await workspace.healthy();
  });
});

/** More than there are places in the queue, whatever the machine. */
const DEAD = Array.from({ length: 12 }, (_, number) => `dead-${number}`);

describe.skipIf(!canDie())("many repos on disks that are gone, in the kernel (needs to mount)", () => {
  let workspace: Workspace;
  let disks: DeadDisk[];
  beforeEach(async () => {
    const repos = Object.fromEntries([...DEAD, "x", "y"].map((name) => [name, {}]));
    workspace = await Workspace.create({ repos, rescan: "1s" });
    for (const name of Object.keys(repos)) await workspace.save(name, `state of ${name}\n`);
    disks = [];
  });
  afterEach(async () => {
    for (const disk of disks.splice(0)) disk.revive();
    await workspace.dispose();
  });

  function die(): void {
    disks = DEAD.map((name) => DeadDisk.over(workspace.repo(name)));
  }

  it("the others' saves go on, status answers as often as it is asked, and all is well when they are back", async () => {
    await workspace.startDaemon();
    await workspace.healthy();
    die();
    for (let round = 1; round <= 10; round += 1) await goOn(workspace, `round ${round}\n`);
    const asked = performance.now();
    for (let round = 0; round < 200; round += 1) {
      const { problems } = await workspace.status();
      expect(new Set(problems.map(({ repo }) => repo))).toEqual(new Set(DEAD));
    }
    expect(performance.now() - asked).toBeLessThan(30_000);
    const { code, stdout } = await workspace.run(["status", "--json"]);
    const report: StatusReport = JSON.parse(stdout);
    for (const { from, to, status } of report.edges)
      expect(status === "fresh").toBe(![from, to].some((name) => name.startsWith("dead")));
    await goOn(workspace, "and after that\n");

    for (const disk of disks.splice(0)) disk.revive();
    const mended = performance.now();
    await workspace.healthy();
    reportFault({
      fault: "twelve disks that are gone",
      said: [...new Set(report.problems.map((problem) => problem.code))],
      exitCode: code,
      healedInMs: Math.round(performance.now() - mended),
    });
    await heardAgain(workspace, "dead-0", "x");
    await goOn(workspace, "over\n");
    await workspace.arrives("x", DEAD, "over\n");
    await workspace.healthy();
  });

  it("gone already at the start: the others are served, and a stop is a stop", async () => {
    die();
    const daemon = workspace.spawnDaemon();
    await servedWithin(workspace, SERVED_MS);
    await goOn(workspace, "goes on\n");
    daemon.send("SIGTERM");
    await eventually("the daemon to end", () => daemon.ended, GRACE_MS + SLACK_MS);
    for (const disk of disks.splice(0)) disk.revive();
    await workspace.startDaemon();
    await workspace.healthy();
  });
});
