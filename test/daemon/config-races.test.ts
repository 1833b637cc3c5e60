import { mkdir, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sha256 } from "../../src/core/snapshot.ts";
import { placeConfig } from "../support/config-file.ts";
import { eventually } from "../support/eventually.ts";
import { stays } from "../support/stays.ts";
import { UnrulyDisk } from "../support/unruly-disk.ts";
import { Workspace } from "../support/workspace.ts";

let workspace: Workspace;
beforeEach(async () => {
  workspace = await Workspace.create({ repos: { x: {}, y: {}, z: {} }, rescan: "1h" });
  for (const name of ["x", "y", "z"]) await workspace.save(name, `state of ${name}\n`);
});
afterEach(() => workspace.dispose());

async function inForce(): Promise<string> {
  return (await workspace.status()).repos.map((repo) => repo.name).join();
}

describe("a config that changes under the daemon", () => {
  it("peers that a repo gains by its groups get its later saves too", async () => {
    await placeConfig(workspace, { x: { groups: ["a"] }, y: { groups: ["b"] }, z: { groups: ["a"] } });
    await workspace.startDaemon();
    await workspace.arrives("x", ["z"], "state of x\n");
    await placeConfig(workspace, { x: { groups: ["b"] }, y: { groups: ["b"] }, z: { groups: ["a"] } });
    await workspace.arrives("x", ["y"], "state of x\n");
    for (const text of ["second\n", "third\n"]) {
      await workspace.save("x", text);
      await workspace.arrives("x", ["y"], text, 10_000);
    }
    expect(await workspace.cache("z")).not.toMatch(/second|third/);
    await workspace.healthy();
  });

  it("of two readings of the config that overlap, the newer file stays in force", async () => {
    const disk = new UnrulyDisk(workspace);
    const daemon = await workspace.startDaemon({ env: disk.env });
    await workspace.healthy();
    // With the config alone being read: the first reading is held after it has taken the old text.
    await disk.misbehave({ hangs: workspace.repo("z") });
    daemon.send("SIGHUP");
    await disk.holds();
    await placeConfig(workspace, { x: {}, y: {} }, { rescan: "1h" });
    await workspace.save("x", "meanwhile\n");
    await workspace.arrives("x", ["y"], "meanwhile\n");
    await disk.behave();
    await eventually("the config on disk to be in force", async () => (await inForce()) === "x,y");
    await stays("the config on disk is in force", async () => (await inForce()) === "x,y", 1_500);
    await workspace.save("x", "afterwards\n");
    await workspace.arrives("x", ["y"], "afterwards\n");
    expect(await workspace.received("x", "z")).toBeUndefined();
  });

  it("a limit that is raised lets a refused file through, without a new save", async () => {
    await workspace.save("x", `${"a".repeat(70_000)}\n`);
    const repos = { x: {}, y: {}, z: {} };
    await placeConfig(workspace, repos, { rescan: "1s", maxBytes: 65_536 });
    await workspace.startDaemon({ args: ["--log-level", "trace"] });
    await eventually("the file to be refused", async () =>
      (await workspace.status()).problems.some(({ code }) => code === "STATE_FILE_TOO_LARGE"),
    );
    // A file that is newly watched is looked at once more by itself; not so one that has been for a while.
    await eventually(
      "two rescans",
      async () => (await workspace.log()).filter((line) => line["event"] === "rescan.done").length >= 2,
    );
    expect(await workspace.received("y", "x")).toBeUndefined();
    await placeConfig(workspace, repos, { rescan: "1s", maxBytes: 1_048_576 });
    await workspace.arrives("x", ["y", "z"], `${"a".repeat(70_000)}\n`, 10_000);
    await workspace.healthy();
  });

  it("a repo that is added and moved at once: nothing of the first directory is pushed afterwards", async () => {
    const moved = `${workspace.root}/repos/moved`;
    await mkdir(moved);
    await workspace.save("x", "the old directory\n");
    await writeFile(`${moved}/STATE.md`, "the new directory\n");
    await placeConfig(workspace, { y: {}, z: {} }, { rescan: "1h" });
    await workspace.startDaemon();
    await workspace.healthy();
    const followed = async (change: "added" | "moved"): Promise<number | undefined> => {
      const at = (await workspace.log()).findIndex(
        (line) => line["event"] === "config.changed" && String(line[change]) === "x",
      );
      return at === -1 ? undefined : at;
    };
    await placeConfig(workspace, { x: {}, y: {}, z: {} }, { rescan: "1h" });
    await eventually("the repo to be added", () => followed("added"));
    await placeConfig(workspace, { x: { path: moved }, y: {}, z: {} }, { rescan: "1h" });
    const at = await eventually("the repo to be moved", () => followed("moved"));
    await workspace.arrives("x", ["y", "z"], "the new directory\n", 10_000);
    const isNew = async (): Promise<boolean> =>
      (await workspace.received("y", "x")) === "the new directory\n";
    await stays("y holds the new directory's state", isNew, 2_000);
    const old = sha256(Buffer.from("the old directory\n"));
    const later = (await workspace.log()).slice(at);
    expect(later.filter((line) => line["event"] === "state.changed" && line["sha256"] === old)).toEqual([]);
  });

  it("SIGHUP during the start does not end the daemon", async () => {
    const disk = new UnrulyDisk(workspace);
    await disk.misbehave({ hangs: workspace.repo("z") });
    const daemon = workspace.spawnDaemon({ env: disk.env });
    await disk.holds();
    daemon.send("SIGHUP");
    await eventually(
      "the daemon to start",
      async () => (await workspace.log()).some((line) => line["event"] === "daemon.started") || daemon.ended,
    );
    daemon.send("SIGHUP");
    await disk.behave();
    await eventually(
      "the daemon to be ready",
      async () => (await workspace.log()).some((line) => line["event"] === "daemon.ready") || daemon.ended,
    );
    expect(daemon.ended).toBe(false);
    await workspace.healthy();
  });
});
