import { mkdir, realpath, rename, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import type { Registry, Repo } from "../../src/core/registry.ts";
import { locateRepo } from "../../src/store/around.ts";
import { FaultError } from "../../src/errors.ts";
import { selectRepos } from "../../src/sync/select.ts";
import { Git } from "../support/git.ts";
import { repoIn, useTempDirectory } from "../support/temp-dir.ts";

const directory = useTempDirectory();

const git = (where: string, ...args: readonly string[]): string =>
  new Git(where, directory.path).run(...args);

/** A repository with a commit, and a directory of a monorepo in it. */
async function make(name: string): Promise<string> {
  const path = await directory.make(name);
  git(path, "init", "-q", "-b", "main");
  await mkdir(join(path, "packages", "app", "src"), { recursive: true });
  await writeFile(join(path, "packages", "app", "src", "file"), "one");
  git(path, "add", ".");
  git(path, "commit", "-qm", "one");
  return path;
}

const worktree = (of: string, path: string, branch: string): string =>
  git(of, "worktree", "add", "-q", "-b", branch, path);

function registry(...repos: readonly Repo[]): Registry {
  return { repos };
}

const registered = (name: string, path = directory.at(name)): Repo => ({
  ...repoIn(directory.path, name),
  path,
});

async function located(at: string, ...repos: readonly Repo[]): Promise<string> {
  const found = await locateRepo(registry(...repos), at);
  if (found === undefined) return "nothing";
  if (found.worktree === undefined) return found.repo.name;
  const [top, place] = [found.worktree, found.place ?? "?"].map((path) =>
    path.replace(`${directory.path}/`, ""),
  );
  return top === place
    ? `${found.repo.name}, worktree ${top}`
    : `${found.repo.name}, worktree ${top} ${place}`;
}

let main: string;
beforeEach(async () => {
  main = await make("karematch");
});

describe("the repo around a directory", () => {
  it("is itself, from its top, from below, through a link, without git as well", async () => {
    const repo = registered("karematch");
    for (const at of [main, join(main, "packages"), join(main, ".git")])
      expect(await located(at, repo)).toBe("karematch");
    await symlink(main, directory.at("link"));
    expect(await located(directory.at("link", "packages"), repo)).toBe("karematch");
    await directory.make("plain", "below");
    expect(await located(directory.at("plain", "below"), repo, registered("plain"))).toBe("plain");
    expect(await located(directory.path, repo)).toBe("nothing");
    expect(await located(directory.at("gone"), repo)).toBe("nothing");
  });

  it("is that of a worktree beside it that is not registered", async () => {
    worktree(main, directory.at("karematch-x"), "feature/x");
    const repo = registered("karematch");
    for (const at of ["karematch-x", "karematch-x/packages/app"])
      expect(await located(directory.at(at), repo)).toBe("karematch, worktree karematch-x");
    await symlink(directory.at("karematch-x"), directory.at("link"));
    expect(await located(directory.at("link"), repo)).toBe("karematch, worktree karematch-x");
    expect(
      await located(directory.at("karematch-x"), repo, registered("own", directory.at("karematch-x"))),
    ).toBe("own");
    // The main tree too, where only a worktree is registered.
    expect(await located(main, registered("own", directory.at("karematch-x")))).toBe(
      "own, worktree karematch",
    );
  });

  it("is never the repo's own for a worktree inside the repo's directory", async () => {
    worktree(main, join(main, ".worktrees", "x"), "feature/x");
    const inside = join(main, ".worktrees", "x", "packages");
    const repo = registered("karematch");
    expect(await located(inside, repo)).toBe("karematch, worktree karematch/.worktrees/x");
    expect(await located(inside, repo, registered("own", join(main, ".worktrees", "x")))).toBe("own");
  });

  it("keeps the offset below the top: each directory of a monorepo is a repo of its own", async () => {
    worktree(main, directory.at("mono-x"), "x");
    const app = registered("app", join(main, "packages", "app"));
    const all = registered("all", join(main, "packages"));
    const at = directory.at("mono-x/packages/app/src");
    expect(await located(at, app)).toBe("app, worktree mono-x mono-x/packages/app");
    expect(await located(at, all, app)).toBe("app, worktree mono-x mono-x/packages/app");
    expect(await located(directory.at("mono-x/packages"), app, all)).toBe(
      "all, worktree mono-x mono-x/packages",
    );
    expect(await located(directory.at("mono-x"), app, all)).toBe("nothing");
    // Half of it registered: that half is itself, the other is the worktree of what is known elsewhere.
    const half = registered("half", directory.at("mono-x/packages/app"));
    expect(await located(at, all, app, half)).toBe("half");
    expect(await located(directory.at("mono-x/packages"), half, app, all)).toBe(
      "all, worktree mono-x mono-x/packages",
    );
  });

  it("of several registered trees is the main one, else the first", async () => {
    for (const name of ["x", "y", "z"]) worktree(main, directory.at(name), name);
    const [x, y] = ["x", "y"].map((name) => registered(name));
    if (x === undefined || y === undefined) throw new Error("two");
    expect(await located(directory.at("z"), x, y, registered("karematch"))).toBe("karematch, worktree z");
    expect(await located(directory.at("z"), y, x)).toBe("y, worktree z");
  });

  it("of a bare repository with worktrees only is the registered one of them, and the bare one's own directory is none", async () => {
    git(directory.path, "clone", "-q", "--bare", main, "km/.bare");
    await writeFile(directory.at("km", ".git"), "gitdir: ./.bare\n");
    worktree(directory.at("km", ".bare"), directory.at("km", "trunk"), "trunk");
    worktree(directory.at("km", ".bare"), directory.at("km", ".bare", "inside"), "inside");
    const trunk = registered("trunk", directory.at("km", "trunk"));
    expect(await located(directory.at("km", "trunk"), trunk)).toBe("trunk");
    expect(await located(directory.at("km", ".bare", "inside"), trunk)).toBe(
      "trunk, worktree km/.bare/inside",
    );
    expect(await located(directory.at("km"), trunk)).toBe("nothing");
    expect(await located(directory.at("km", ".bare"), trunk)).toBe("nothing");
  });

  it("takes a submodule, and a clone, for no worktree", async () => {
    const other = await make("library");
    git(main, "submodule", "add", "-q", other, "vendor/library");
    git(directory.path, "clone", "-q", main, "clone");
    const repo = registered("karematch");
    expect(await located(join(main, "vendor", "library"), repo)).toBe("karematch");
    expect(await located(join(main, "vendor", "library"), registered("library"))).toBe("nothing");
    expect(await located(directory.at("clone"), repo)).toBe("nothing");
    worktree(join(main, "vendor", "library"), directory.at("library-x"), "x");
    expect(
      await located(directory.at("library-x"), repo, registered("sub", join(main, "vendor", "library"))),
    ).toBe("sub, worktree library-x");
  });

  it("takes another repository's worktree inside a registered directory for a part of that directory", async () => {
    await make("other");
    worktree(directory.at("other"), join(main, "other-x"), "x");
    expect(await located(join(main, "other-x"), registered("karematch"))).toBe("karematch");
  });

  it("knows a worktree whose main tree was moved, and one that was moved with it", async () => {
    worktree(main, directory.at("beside"), "beside");
    worktree(main, join(main, ".worktrees", "inside"), "inside");
    const moved = directory.at("moved");
    await rename(main, moved);
    const repo = registered("karematch", moved);
    expect(await located(directory.at("beside", "packages"), repo)).toBe("karematch, worktree beside");
    expect(await located(join(moved, ".worktrees", "inside"), repo)).toBe(
      "karematch, worktree moved/.worktrees/inside",
    );
    await make("stranger");
    expect(await located(directory.at("beside"), registered("stranger"))).toBe("nothing");
    git(moved, "worktree", "repair", directory.at("beside"));
    expect(await located(directory.at("beside", "packages"), repo)).toBe("karematch, worktree beside");
  });

  it("is found where git writes relative paths", async () => {
    worktree(main, directory.at("karematch-x"), "x");
    await writeFile(directory.at("karematch-x", ".git"), "gitdir: ../karematch/.git/worktrees/karematch-x\n");
    expect(await located(directory.at("karematch-x"), registered("karematch"))).toBe(
      "karematch, worktree karematch-x",
    );
  });
});

describe("in a worktree that is not registered", () => {
  const fault = async (at: string, repos: readonly Repo[]): Promise<FaultError["fault"] | undefined> => {
    try {
      await selectRepos({ repos }, { around: at }, "sync");
      return undefined;
    } catch (error) {
      if (error instanceof FaultError) return error.fault;
      throw error;
    }
  };

  it("a pull is for the repo, and a sync pushes nothing and says what would", async () => {
    const at = directory.at("karematch-x");
    worktree(main, at, "feature/x");
    const repo = registered("karematch");
    expect(await selectRepos({ repos: [repo] }, { around: at }, "pull")).toEqual([repo]);
    expect(await fault(at, [repo])).toMatchObject({
      code: "REPO_UNKNOWN",
      message: `${at} is a worktree of karematch, and is not registered itself`,
      remedy:
        "`state-syncd sync karematch` pushes the state of karematch itself; `state-syncd repos add .` registers this one as karematch@feature-x.",
    });
    expect((await fault(join(at, "packages"), [repo]))?.remedy).toContain(
      `\`state-syncd repos add '${await realpath(at)}'\` registers this one as karematch@feature-x`,
    );
    expect(await fault(main, [repo])).toBeUndefined();
  });

  it("the name is free, and a detached tree has its directory's", async () => {
    const at = directory.at("try out");
    git(main, "worktree", "add", "-q", "--detach", at);
    const repo = registered("karematch");
    expect((await fault(at, [repo]))?.remedy).toContain("as karematch@try-out.");
    expect((await fault(at, [repo, registered("karematch@try-out")]))?.remedy).toContain(
      "as karematch@try-out-2.",
    );
  });
});
