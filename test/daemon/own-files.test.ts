import { chmod, rename, rm, stat } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { eventually } from "../support/eventually.ts";
import { OrdinaryUser } from "../support/ordinary-user.ts";
import { stays } from "../support/stays.ts";
import { Workspace } from "../support/workspace.ts";
import { lockHolder } from "../../src/store/lock-holder.ts";

let workspace: Workspace;
beforeEach(async () => {
  workspace = await Workspace.create({ repos: { x: {}, y: {} }, rescan: "1s" });
  for (const name of ["x", "y"]) await workspace.save(name, `state of ${name}\n`);
});
afterEach(() => workspace.dispose());

async function isThere(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}

describe("the daemon's own files, in the hands of others", () => {
  it("the state directory is deleted: no second daemon works beside the first for long", async () => {
    const first = await workspace.startDaemon();
    await workspace.healthy();
    await rm(workspace.paths.stateDirectory, { recursive: true });
    const second = workspace.spawnDaemon();
    await eventually("one of the two to end", () => first.ended || second.ended, 15_000);
    await stays("one of the two to live", () => first.ended !== second.ended, 2_500);
    const survivor = first.ended ? second : first;
    await eventually(
      "the other to answer",
      async () => (await workspace.status()).daemon.pid === survivor.pid,
    );
    const { code, stdout } = await workspace.run(["status"]);
    expect([0, 1]).toContain(code);
    expect(stdout).toContain(`daemon ${survivor.pid} `);
    await workspace.save("x", "goes on\n");
    await workspace.arrives("x", ["y"], "goes on\n");
    expect(await survivor.stop()).toBe(0);
  });

  it.each([
    ["the socket", () => workspace.paths.socket],
    ["the run directory", () => workspace.paths.runDirectory],
  ])("%s is deleted: never told as if no daemon ran, and it comes back", async (_what, path) => {
    const daemon = await workspace.startDaemon();
    await workspace.healthy();
    await rm(path(), { recursive: true });
    const { code, stdout } = await workspace.run(["status"]);
    expect(code).not.toBe(3);
    expect(stdout).not.toContain("DAEMON_NOT_RUNNING");
    // Asked by a process of its own: a connection from before would be answered still.
    await eventually("the daemon to be reached", async () => {
      const ran = await workspace.run(["status"]);
      return ran.code === 0 && ran.stdout.includes(`daemon ${daemon.pid} `);
    });
    expect(await daemon.stop()).toBe(0);
    expect(await isThere(workspace.paths.socket)).toBe(false);
  });

  it("the run directory cannot be written at the end: it ends all the same and lets go of the lock", async () => {
    const daemon = await new OrdinaryUser(workspace).startDaemon();
    onTestFinished(() => daemon.kill());
    await chmod(workspace.paths.runDirectory, 0o555);
    daemon.send("SIGTERM");
    await eventually("the daemon to end", () => daemon.ended, 12_000);
    expect([daemon.code, daemon.stderr]).toEqual([0, ""]);
    expect(await lockHolder(workspace.paths)).toBeUndefined();
  });

  it("the log is moved away: SIGHUP makes a new one, which takes the later lines", async () => {
    const { logFile } = workspace.paths;
    const daemon = await workspace.startDaemon();
    await rename(logFile, `${logFile}.away`);
    daemon.send("SIGHUP");
    await eventually("a new log", () => isThere(logFile));
    await workspace.save("x", "after the move\n");
    await eventually("the save to be in it", async () =>
      (await workspace.log()).some((line) => line["event"] === "section.written" && line["repo"] === "x"),
    );
  });

  it("the log is deleted: a rescan later there is a new one", async () => {
    await workspace.startDaemon();
    await rm(workspace.paths.logFile);
    await eventually("a new log", () => isThere(workspace.paths.logFile), 15_000);
    await workspace.save("x", "after the deletion\n");
    await eventually("the save to be in it", async () =>
      (await workspace.log()).some((line) => line["event"] === "section.written" && line["repo"] === "x"),
    );
    expect((await workspace.run(["logs"])).code).toBe(0);
  });
});
