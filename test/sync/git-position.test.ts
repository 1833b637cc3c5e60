import { once } from "node:events";
import { copyFile, mkdir, rename, writeFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { beforeEach, describe, expect, it } from "vitest";
import type { Repo } from "../../src/core/registry.ts";
import type { Snapshot } from "../../src/core/snapshot.ts";
import { statIfThere } from "../../src/store/identity.ts";
import { Sources } from "../../src/sync/sources.ts";
import { eventually } from "../support/eventually.ts";
import { Git } from "../support/git.ts";
import { repoIn, useTempDirectory } from "../support/temp-dir.ts";

const directory = useTempDirectory();
let repo: Repo;
let file: string;
let index: string;
let head: string;
let sources: Sources;
let git: Git;

/** A repo on the branch `main` with another branch `other`, at rest. */
beforeEach(async () => {
  repo = repoIn(directory.path, "repo");
  file = directory.at("repo", "STATE.md");
  index = directory.at("repo", ".git", "index");
  head = directory.at("repo", ".git", "HEAD");
  sources = new Sources();
  await mkdir(repo.path);
  git = new Git(repo.path, directory.path);
  git.run("init", "-q", "-b", "main");
  await writeFile(file, "on main\n");
  git.run("add", ".");
  git.run("commit", "-qm", "main");
  git.run("checkout", "-qb", "other");
  await writeFile(file, "on other\n");
  git.run("commit", "-qam", "other");
  git.run("checkout", "-q", "main");
});

function observe(): Promise<string> {
  const guard = { patterns: {}, allow: [] };
  return sources.observe(repo, {
    maxBytes: 1_000,
    registry: { repos: [repo] },
    guard,
    found: "event",
    asked: false,
    now: new Date(),
  });
}

/** What the peers would be told now. */
function told(): Pick<Snapshot, "branch" | "commit"> & { readonly text: string | undefined } {
  const { body, branch, commit } = sources.get("repo")?.snapshot ?? {};
  return { text: body?.toString(), ...(branch && { branch }), ...(commit && { commit }) };
}

function commitOf(revision: string): string {
  return git.run("rev-parse", revision).slice(0, 7);
}

/** What git does last to an index: another file is renamed into its place. */
async function replaceIndex(): Promise<void> {
  await copyFile(index, `${index}.lock`);
  await rename(`${index}.lock`, index);
}

async function indexIsOld(): Promise<void> {
  await eventually("the index to have been at rest for a while", async () => {
    const stats = await statIfThere(index);
    return stats !== undefined && Date.now() - Number(stats.ctimeMs) > 1_000;
  });
}

describe("the branch of a section is the one whose file it is", () => {
  it("where a checkout has written tree and index, and HEAD not yet", async () => {
    await observe();
    await writeFile(file, "on other\n");
    await writeFile(`${head}.new`, "ref: refs/heads/other\n");
    await replaceIndex();
    const look = observe();
    await delay(50);
    await rename(`${head}.new`, head);
    expect(await look).toBe("changed");
    expect(told()).toEqual({ text: "on other\n", branch: "other", commit: commitOf("other") });
  });

  it("in a worktree, whose index and HEAD are elsewhere", async () => {
    const tree = repoIn(directory.path, "repo-tree", { name: "repo" });
    git.run("worktree", "add", "-q", "-b", "side", tree.path);
    repo = tree;
    index = directory.at("repo", ".git", "worktrees", "repo-tree", "index");
    head = directory.at("repo", ".git", "worktrees", "repo-tree", "HEAD");
    await observe();
    await writeFile(`${tree.path}/STATE.md`, "on other\n");
    await writeFile(`${head}.new`, "ref: refs/heads/other\n");
    await replaceIndex();
    const look = observe();
    await delay(50);
    await rename(`${head}.new`, head);
    expect(await look).toBe("changed");
    expect(told().branch).toBe("other");
  });

  it("where a hook has a reset wait between the index and HEAD, however long", async () => {
    const go = directory.at("go");
    const hook = `#!/bin/sh
      [ "$1" = prepared ] && grep -q ' HEAD$' || exit 0
      while [ ! -e ${go} ]; do sleep 0.02; done`;
    await mkdir(`${repo.path}/.git/hooks`, { recursive: true });
    await observe();
    await writeFile(`${repo.path}/.git/hooks/reference-transaction`, hook, { mode: 0o755 });
    const reset = git.start("reset", "-q", "--hard", "other");
    const ended = once(reset, "close");
    try {
      await eventually("the hook to run with HEAD locked", () => statIfThere(`${head}.lock`));
      await indexIsOld();
      expect(await observe()).toBe("held");
      expect(sources.get("repo")?.fault?.code).toBe("STATE_FILE_GIT_BUSY");
    } finally {
      await writeFile(go, "");
      await ended;
    }
    expect(await observe()).toBe("changed");
    expect(told()).toEqual({ text: "on other\n", branch: "main", commit: commitOf("other") });
  });

  it("and the text is the one that stands there when the branch is known", async () => {
    await observe();
    await writeFile(file, "on other, for a moment\n");
    await replaceIndex();
    const look = observe();
    await delay(50);
    await writeFile(file, "on other\n");
    expect(await look).toBe("changed");
    expect(told().text).toBe("on other\n");
  });
});

describe("a save does not wait for ever for an index", () => {
  it("that something refreshes all the time", async () => {
    await observe();
    let over = false;
    const refreshing = (async () => {
      while (!over) {
        await replaceIndex();
        await delay(20);
      }
    })();
    try {
      for (const text of ["one\n", "two\n"]) {
        await writeFile(file, text);
        await eventually("a look that finds no lock at that moment", async () => {
          await observe();
          return told().text === text;
        });
      }
    } finally {
      over = true;
      await refreshing;
    }
  });
});
