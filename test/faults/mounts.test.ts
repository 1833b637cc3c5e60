import { cp, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { endures, HURT, threeRepos } from "../support/fault.ts";
import { canMount, Mounts } from "../support/mounts.ts";
import type { Workspace } from "../support/workspace.ts";

let workspace: Workspace;
let mounts: Mounts;
/** Where the hurt repo is mounted, and a place that keeps what is on it. */
let repo: string;
let kept: string;

const broken = [`x>${HURT}`, `y>${HURT}`];

describe.skipIf(!canMount())("a repo on a disk of its own (needs to mount)", () => {
  beforeEach(async () => {
    mounts = new Mounts();
    workspace = await threeRepos();
    repo = workspace.repo(HURT);
    kept = join(workspace.root, "kept");
    // The mount point is empty; what it held is on the disk.
    await cp(repo, kept, { recursive: true });
    await rm(repo, { recursive: true });
    await cp(kept, repo, { recursive: true, filter: (path) => path === kept });
    mounts.tmpfs(repo);
    await cp(kept, repo, { recursive: true });
  });
  afterEach(async () => {
    mounts.end();
    await workspace.dispose();
  });

  async function start(): Promise<void> {
    await workspace.startDaemon();
    await workspace.healthy();
  }

  /** Nothing may be made on a mount point. */
  async function emptyMountPoint(): Promise<void> {
    expect(await readdir(repo)).toEqual([]);
  }

  it("mounted read-only", async () => {
    await start();
    await endures(workspace, {
      name: "mounted read-only",
      code: "CACHE_READ_ONLY",
      broken,
      cause: () => mounts.remount(repo, "ro"),
      mend: () => mounts.remount(repo, "rw"),
    });
  });

  it("unmounted, and the same disk mounted again", async () => {
    const place = join(workspace.root, "kept");
    mounts.bind(repo, place);
    await start();
    await endures(workspace, {
      name: "unmounted, the same mounted again",
      code: "REPO_MISSING",
      broken: [...broken, `${HURT}>x`, `${HURT}>y`],
      cause: () => mounts.unmount(repo),
      meanwhile: emptyMountPoint,
      mend: () => mounts.bind(place, repo),
    });
  });

  it("unmounted, and another disk mounted with the same files restored", async () => {
    await start();
    await rm(kept, { recursive: true });
    await cp(repo, kept, { recursive: true });
    await endures(workspace, {
      name: "unmounted, restored on another disk",
      code: "REPO_MISSING",
      broken: [...broken, `${HURT}>x`, `${HURT}>y`],
      cause: () => mounts.unmount(repo),
      meanwhile: emptyMountPoint,
      mend: async () => {
        mounts.tmpfs(repo);
        await cp(kept, repo, { recursive: true });
      },
    });
  });

  it("hidden by another disk that was mounted over it", async () => {
    await start();
    await endures(workspace, {
      name: "hidden by an empty disk",
      code: "REPO_MISSING",
      broken: [...broken, `${HURT}>x`, `${HURT}>y`],
      cause: () => mounts.tmpfs(repo),
      meanwhile: emptyMountPoint,
      mend: () => mounts.unmount(repo),
    });
  });

  it("mounted only after the daemon has started", async () => {
    const place = join(workspace.root, "kept");
    mounts.bind(repo, place);
    mounts.unmount(repo);
    await workspace.startDaemon();
    await endures(workspace, {
      name: "mounted only after the start",
      code: "REPO_MISSING",
      broken: [...broken, `${HURT}>x`, `${HURT}>y`],
      cause: () => undefined,
      meanwhile: emptyMountPoint,
      mend: () => mounts.bind(place, repo),
    });
  });
});
