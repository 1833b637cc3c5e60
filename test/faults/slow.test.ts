import { performance } from "node:perf_hooks";
import { afterAll, describe, it } from "vitest";
import { ask } from "../../src/control/client.ts";
import { eventually } from "../support/eventually.ts";
import { UnrulyDisk } from "../support/unruly-disk.ts";
import { Workspace } from "../support/workspace.ts";

const workspaces: Workspace[] = [];
afterAll(async () => {
  await Promise.all(workspaces.map((workspace) => workspace.dispose()));
});

/** What the daemon gives itself to finish, in milliseconds, and what a busy machine adds. */
const GRACE_MS = 10_000;
const SLACK_MS = 5_000;

async function prepare(): Promise<{ workspace: Workspace; disk: UnrulyDisk; hang: () => Promise<void> }> {
  // The one that hangs comes first, so that everything in order would wait for it.
  const workspace = await Workspace.create({ repos: { hung: {}, x: {}, y: {} }, rescan: "1s" });
  workspaces.push(workspace);
  for (const name of ["hung", "x", "y"]) await workspace.save(name, `state of ${name}\n`);
  const disk = new UnrulyDisk(workspace);
  return { workspace, disk, hang: () => disk.misbehave({ hangs: workspace.repo("hung") }) };
}

describe.concurrent("a repo on a disk that does not answer", () => {
  it("delays no save of the others and no answer of the daemon, and is named", async ({ expect }) => {
    const { workspace, disk, hang } = await prepare();
    const daemon = await workspace.startDaemon({ env: disk.env });
    await workspace.healthy();
    await hang();
    await workspace.save("hung", "nobody sees this\n");
    await disk.holds();
    await workspace.save("x", "goes on\n");
    await workspace.arrives("x", ["y"], "goes on\n", 10_000);
    expect(await ask(workspace.paths, { method: "GET", path: "/healthz", timeoutMs: 2_000 })).toMatchObject({
      ok: true,
    });
    const asked = performance.now();
    const ran = await workspace.run(["status", "--json"]);
    expect(performance.now() - asked).toBeLessThan(10_000);
    expect(JSON.parse(ran.stdout)).toMatchObject({
      status: "degraded",
      daemon: { running: true, pid: daemon.pid },
      problems: expect.arrayContaining([expect.objectContaining({ repo: "hung" })]),
    });
    await workspace.save("x", "and on\n");
    await workspace.arrives("x", ["y"], "and on\n", 10_000);

    await disk.behave();
    await workspace.arrives("hung", ["x", "y"], "nobody sees this\n");
    await workspace.healthy();
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

  it("does not keep the others waiting at the start", async ({ expect }) => {
    const { workspace, disk, hang } = await prepare();
    await hang();
    const daemon = workspace.spawnDaemon({ env: disk.env });
    await workspace.arrives("x", ["y"], "state of x\n", 15_000);
    await workspace.save("y", "saved\n");
    await workspace.arrives("y", ["x"], "saved\n", 15_000);
    daemon.send("SIGTERM");
    await eventually("the daemon to end", () => daemon.ended, GRACE_MS + SLACK_MS);
    expect(daemon.code).toBe(0);
  });

  it("does not keep the daemon from ending", async ({ expect }) => {
    const { workspace, disk, hang } = await prepare();
    const daemon = await workspace.startDaemon({ env: disk.env });
    await hang();
    await workspace.save("hung", "about to be read\n");
    await disk.holds();
    daemon.send("SIGTERM");
    await eventually("the daemon to end", () => daemon.ended, GRACE_MS + SLACK_MS);
    expect(daemon.code).toBe(0);
  });
});
