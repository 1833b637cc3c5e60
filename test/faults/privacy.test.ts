import { realpathSync } from "node:fs";
import { mkdir, rename, symlink } from "node:fs/promises";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import type { Fault } from "../../src/errors.ts";
import { eventually } from "../support/eventually.ts";
import { stays } from "../support/stays.ts";
import { UnrulyDisk } from "../support/unruly-disk.ts";
import { Workspace } from "../support/workspace.ts";

let workspace: Workspace;
let disk: UnrulyDisk;
afterEach(() => workspace.dispose());

/** Two repos in Documents, to which a link leads, and a daemon that believes that it is on macOS. */
async function onMac(rescan: string): Promise<void> {
  workspace = await Workspace.create({ repos: { x: {}, y: {} }, rescan });
  for (const name of ["x", "y"]) await workspace.save(name, `state of ${name}\n`);
  const documents = join(workspace.root, "home", "Documents");
  await mkdir(join(workspace.root, "home"));
  await rename(join(workspace.root, "repos"), documents);
  await symlink(documents, join(workspace.root, "repos"));
  disk = new UnrulyDisk(workspace);
  const preload = resolve("test", "support", "darwin-preload.mjs");
  const { NODE_OPTIONS } = disk.env;
  await workspace.startDaemon({
    env: { ...disk.env, NODE_OPTIONS: `${NODE_OPTIONS} --import=${preload}` },
  });
  await workspace.healthy();
}

/** A directory of y's by the path that is written in the config and by the real one. */
function inY(...names: readonly string[]): readonly string[] {
  return [join(workspace.root, "home", "Documents", "y", ...names), join(workspace.repo("y"), ...names)];
}

async function problem(code: string): Promise<Fault | undefined> {
  return (await workspace.status()).problems.find((each) => each.code === code);
}

describe("macOS keeps the daemon out of a repo, as it does with agents of launchd", () => {
  it("told with what to grant to which binary, and tried again by no timer", async () => {
    await onMac("1h");
    const counts = inY(".aibrain");
    await disk.misbehave({ counts });
    // What the start has caused is over then.
    await eventually("y's cache to be left alone", async () => {
      const before = (await disk.counted()).length;
      await delay(1_000);
      return (await disk.counted()).length === before;
    });
    await disk.misbehave({ refuses: { under: counts, code: "EPERM" }, counts });
    await workspace.save("x", "news\n");
    const { remedy, message } = await eventually("it to be told", () => problem("CACHE_PRIVACY"));
    expect(message).toContain("EPERM");
    expect(remedy).toContain(`Add ${realpathSync(process.execPath)} under System Settings`);
    expect(remedy).toContain("Full Disk Access");
    expect(remedy).not.toContain("chmod");

    // In this time others would have been tried three times more.
    const before = (await disk.counted()).length;
    await stays("it to be left alone", async () => (await disk.counted()).length === before, 2_500);
    const failed = (await workspace.log()).filter((line) => line["event"] === "cache.failed");
    expect(failed).toMatchObject([{ code: "CACHE_PRIVACY", retryInMs: 3_600_000 }]);
    await disk.behave();
    expect((await workspace.run(["sync", "--all"])).code).toBe(0);
    await workspace.healthy();
  });

  it("the rescan tries it, both ways, and it is over when access is granted", async () => {
    await onMac("1s");
    await disk.misbehave({ refuses: { under: inY(), code: "EPERM" } });
    await workspace.save("y", "of y\n");
    await workspace.save("x", "of x\n");
    for (const code of ["CACHE_PRIVACY", "STATE_FILE_PRIVACY"]) {
      const { remedy } = await eventually(`${code} to be told`, () => problem(code));
      expect(remedy).toContain("Full Disk Access");
    }
    await disk.behave();
    await workspace.arrives("x", ["y"], "of x\n");
    await workspace.arrives("y", ["x"], "of y\n");
    await workspace.healthy();
  });

  it("where the mode of a file may be it as well, both are told, and it is tried as ever", async () => {
    await onMac("1h");
    const counts = inY();
    await disk.misbehave({ refuses: { under: counts, code: "EACCES" }, counts });
    await workspace.save("x", "news\n");
    const { remedy } = await eventually("it to be told", () => problem("CACHE_PERMISSION"));
    expect(remedy).toMatch(/chmod .*If that is not it, macOS protects the place.*Full Disk Access/);
    await disk.behave();
    await workspace.arrives("x", ["y"], "news\n");
    const failed = (await workspace.log()).filter((line) => line["event"] === "cache.failed");
    expect(failed).toMatchObject([{ code: "CACHE_PERMISSION" }]);
    expect(failed[0]?.["retryInMs"]).toBeLessThan(1_000);
  });
});
