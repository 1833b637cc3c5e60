import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { endures, goOn, HURT, threeRepos } from "../support/fault.ts";
import { canMount, fill, Mounts } from "../support/mounts.ts";
import { UnrulyDisk } from "../support/unruly-disk.ts";
import type { Daemon, Workspace } from "../support/workspace.ts";

let workspace: Workspace;

describe.skipIf(!canMount())("a full disk (needs to mount)", () => {
  let mounts: Mounts;
  beforeEach(async () => {
    mounts = new Mounts();
    workspace = await threeRepos();
  });
  afterEach(async () => {
    mounts.end();
    await workspace.dispose();
  });

  /** What fitted, or what was there before. */
  const OLDER = /^(state of x|\d+: it stands)\n$/;
  const broken = [`x>${HURT}`, `y>${HURT}`];
  const files = async (directory: string): Promise<void> => {
    await mkdir(directory);
    // The last of them find no room any more.
    for (let file = 0; file < 30; file += 1)
      await writeFile(join(directory, `${file}`), "").catch(() => undefined);
  };

  const kinds: readonly (readonly [string, string, (repo: string) => unknown, string])[] = [
    ["to the last byte", "size=256k", (repo) => fill(repo), "filler"],
    ["but for a part of what is to be written", "size=256k", (repo) => fill(repo, 8_192), "filler"],
    ["of files, with room for text", "size=1m,nr_inodes=20", (repo) => files(join(repo, "many")), "many"],
  ];
  it.each(kinds)("a repo's, %s: the old cache stays as it was", async (name, options, cause, filler) => {
    const repo = workspace.repo(HURT);
    mounts.tmpfs(repo, options);
    await writeFile(join(repo, "README.md"), "");
    await workspace.save(HURT, "on a small disk\n");
    await workspace.startDaemon();
    await workspace.healthy();
    await endures(workspace, {
      name: `full disk, ${name}`,
      code: "CACHE_DISK_FULL",
      broken,
      cause: () => cause(repo),
      meanwhile: async () => expect(await workspace.received(HURT, "x")).toMatch(OLDER),
      mend: () => rm(join(repo, filler), { recursive: true }),
    });
  });

  it("the daemon's own: its work goes on, and the log tells what it lacks", async () => {
    const own = workspace.paths.stateDirectory;
    await mkdir(own, { recursive: true });
    mounts.tmpfs(own, "size=256k");
    await workspace.startDaemon();
    await workspace.healthy();
    await endures(workspace, {
      name: "full disk, the daemon's own",
      code: "LOG_UNWRITABLE",
      about: "the daemon",
      broken: [],
      cause: async () => {
        fill(own);
        // The last block that the log has may take a few lines more.
        for (let round = 0; round < 5; round += 1) await goOn(workspace, `round ${round}\n`);
      },
      mend: () => rm(join(own, "filler")),
    });
    // A line may have been cut short by the disk; it has not swallowed this one.
    expect(await readFile(workspace.paths.logFile, "utf8")).toMatch(/^\{.*"event":"log\.gap".*\}$/m);
  });
});

describe("a disk that reports errors late", () => {
  let disk: UnrulyDisk;
  let daemon: Daemon;
  beforeEach(async () => {
    workspace = await threeRepos();
    disk = new UnrulyDisk(workspace);
    daemon = await workspace.startDaemon({ env: disk.env });
    await workspace.healthy();
  });
  afterEach(() => workspace.dispose());

  it("an error from closing a file that was only read ends nothing", async () => {
    await disk.misbehave({ closeFails: { under: `${workspace.root}/repos`, code: "EIO" } });
    for (const text of ["one\n", "two\n"]) {
      await workspace.save("x", text);
      await workspace.arrives("x", ["y", HURT], text);
    }
    await workspace.healthy();
    const { code, stderr } = await workspace.run(["sync", "y"], { env: disk.env });
    expect([code, stderr]).toEqual([0, ""]);
    // Closing also happens some time after a cache was replaced; a stop waits for all of it.
    expect(await daemon.stop()).toBe(0);
  });

  it("a file system that cannot fsync a directory is no failure", async () => {
    await disk.misbehave({ directorySyncFails: { under: `${workspace.root}/repos`, code: "EINVAL" } });
    await workspace.save("x", "one\n");
    await workspace.arrives("x", ["y", HURT], "one\n");
    const { code, stdout, stderr } = await workspace.run(["sync", "x"]);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toBe(
      [HURT, "y"].map((peer) => `[state_sync] Synced x STATE.md -> ${workspace.cacheFile(peer)}\n`).join(""),
    );
    expect((await workspace.log()).some((line) => line["event"] === "cache.failed")).toBe(false);
  });
});
