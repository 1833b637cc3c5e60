import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { findEnclosingRepo, scanForRepos } from "../../src/config/scan.ts";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "config-scan-"));
});
afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

async function make(...paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    const full = join(root, path);
    await mkdir(path.endsWith("/") ? full : dirname(full), { recursive: true });
    if (!path.endsWith("/")) await writeFile(full, "");
  }
}

async function found(depth?: number): Promise<string[]> {
  const { repos } = await scanForRepos(root, depth === undefined ? {} : { depth });
  return repos.map(
    ({ name, path, stateFile, role }) => `${name} ${relative(root, path)} ${stateFile ?? "-"} ${role}`,
  );
}

describe("scanForRepos", () => {
  it("finds repos under git and those with a state file, and says what they share", async () => {
    await make(
      "A_One/.git/",
      "A_One/STATE.md",
      "A_One/docs/STATE.md",
      "b/docs/STATE.md",
      "c/.git/",
      "d/STATE.md",
      "worktree/.git",
      "e/README.md",
      "f/STATE.md/",
    );
    expect(await found()).toEqual([
      "a_one A_One STATE.md execution",
      "b b docs/STATE.md execution",
      "c c - passive",
      "d d STATE.md execution",
      "worktree worktree - passive",
    ]);
  });

  it("looks three deep unless told, and not into repos, node_modules, hidden directories and links", async () => {
    await make(
      "x/y/three/.git/",
      "x/y/z/four/.git/",
      "repo/.git/",
      "repo/inner/.git/",
      "node_modules/m/.git/",
      ".hidden/h/.git/",
    );
    await symlink(join(root, "x", "y"), join(root, "link"));
    await symlink("..", join(root, "x", "loop"));
    expect(await found()).toEqual(["repo repo - passive", "three x/y/three - passive"]);
    expect(await found(1)).toEqual(["repo repo - passive"]);
    expect(await found(4)).toHaveLength(3);
  });

  it("gives no name twice", async () => {
    await make(
      "a/App/.git/",
      "b/app/.git/",
      "b/a_p_p/.git/",
      "c/app!/.git/",
      "x/b/app/.git/",
      "d!/app/.git/",
      "d/app/.git/",
    );
    expect(await found()).toEqual([
      "app a/App - passive",
      "a_p_p b/a_p_p - passive",
      "b-app b/app - passive",
      "c-app c/app! - passive",
      "d-app d!/app - passive",
      "app-2 d/app - passive",
      "app-3 x/b/app - passive",
    ]);
  });

  it("counts the directory itself only where there is nothing in it", async () => {
    await make(".git/", "STATE.md", "a/.git/");
    expect(await found()).toEqual(["a a - passive"]);
    await rm(join(root, "a"), { recursive: true });
    expect((await found())[0]).toMatch(/ {2}STATE\.md execution$/);
  });

  it("takes no docs directory for a repo because it holds the state file of the one above", async () => {
    await make("docs/STATE.md");
    const { repos } = await scanForRepos(root);
    expect(repos).toMatchObject([{ path: root, stateFile: "docs/STATE.md" }]);
    expect(await findEnclosingRepo(join(root, "docs"))).toBe(root);
  });

  it("goes on past what it cannot read, and says so", async () => {
    await make("a/.git/", "b/");
    const missing = join(root, "gone");
    expect(await scanForRepos(missing)).toEqual({
      directory: missing,
      repos: [],
      unreadable: [missing],
      complete: true,
    });
  });

  it("stops at its bound, and says so", async () => {
    await make("a/", "b/", "c/.git/");
    expect(await scanForRepos(root, { mostDirectories: 3 })).toMatchObject({ repos: [], complete: false });
    expect(await scanForRepos(root, { mostDirectories: 4 })).toMatchObject({
      repos: [{ name: "c" }],
      complete: true,
    });
  });
});
