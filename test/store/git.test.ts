import { execFileSync } from "node:child_process";
import { mkdir, rm, stat, utimes, writeFile } from "node:fs/promises";
import { beforeEach, describe, expect, it } from "vitest";
import { gitPosition } from "../../src/store/git.ts";
import { gitOperation, gitRestMs } from "../../src/store/git-operation.ts";
import { Git } from "../support/git.ts";
import { useTempDirectory } from "../support/temp-dir.ts";

const directory = useTempDirectory();
let repo: string;
beforeEach(async () => {
  repo = await directory.make("repo");
});

function git(where: string, ...args: readonly string[]): string {
  return new Git(where, directory.path).run(...args);
}

async function commitIn(where: string, text: string): Promise<void> {
  await writeFile(`${where}/file`, text);
  git(where, "add", ".");
  git(where, "commit", "-qm", text);
}

/** What git itself says. */
function truth(where: string): { branch?: string; commit: string } {
  const commit = git(where, "rev-parse", "HEAD").slice(0, 7);
  const branch = git(where, "rev-parse", "--abbrev-ref", "HEAD");
  return branch === "HEAD" ? { commit } : { branch, commit };
}

describe("the position is the one that git tells", () => {
  beforeEach(async () => {
    git(repo, "init", "-q", "-b", "main");
    await commitIn(repo, "one");
  });

  it.each(["main", "feature/with/slashes", "x/refs/heads/y", "ünïcode-漢字", "a'b\"c|d"])(
    "on the branch %s",
    async (name) => {
      if (name !== "main") git(repo, "checkout", "-qb", name);
      await commitIn(repo, "two");
      expect(await gitPosition(repo)).toEqual(truth(repo));
      expect((await gitPosition(repo))?.branch).toBe(name);
      git(repo, "pack-refs", "--all");
      expect(await gitPosition(repo)).toEqual(truth(repo));
      await commitIn(repo, "a loose ref over the packed one");
      expect(await gitPosition(repo)).toEqual(truth(repo));
    },
  );

  it("among packed branches whose names end alike", async () => {
    for (const name of ["a/main", "refs/heads/main", "xmain"]) {
      git(repo, "checkout", "-qb", name);
      await commitIn(repo, name);
    }
    git(repo, "checkout", "-q", "main");
    git(repo, "tag", "-am", "annotated", "v1");
    git(repo, "pack-refs", "--all");
    expect(await gitPosition(repo)).toEqual({ branch: "main", commit: truth(repo).commit });
  });

  it("on a detached HEAD", async () => {
    await commitIn(repo, "two");
    git(repo, "checkout", "-q", "--detach", "HEAD~1");
    expect(await gitPosition(repo)).toEqual(truth(repo));
    expect(await gitPosition(repo)).not.toHaveProperty("branch");
  });

  it("in a worktree, loose and packed", async () => {
    const other = directory.at("worktree");
    git(repo, "worktree", "add", "-q", "-b", "side/branch", other);
    await commitIn(other, "two");
    expect(await gitPosition(other)).toEqual(truth(other));
    git(repo, "pack-refs", "--all");
    expect(await gitPosition(other)).toEqual({ branch: "side/branch", commit: truth(other).commit });
    expect(await gitPosition(repo)).toEqual(truth(repo));
  });

  it("in a submodule", async () => {
    const outer = await directory.make("outer");
    git(outer, "init", "-q", "-b", "trunk");
    git(outer, "submodule", "--quiet", "add", repo, "inner");
    expect(await gitPosition(`${outer}/inner`)).toEqual(truth(`${outer}/inner`));
  });

  it("with 64 hex digits to a commit", async () => {
    const wide = await directory.make("sha256");
    git(wide, "init", "-q", "-b", "main", "--object-format=sha256");
    await commitIn(wide, "one");
    expect(await gitPosition(wide)).toEqual(truth(wide));
  });
});

describe("where there is none, nothing is told", () => {
  it.each<readonly [string, () => unknown]>([
    ["no repository", () => undefined],
    ["a directory that is not there", () => rm(repo, { recursive: true })],
    ["a repository without a commit", () => git(repo, "init", "-q")],
    ["an empty .git", () => mkdir(`${repo}/.git`)],
    ["a .git that points nowhere", () => writeFile(`${repo}/.git`, "gitdir: /nowhere\n")],
    ["a .git that is something else", () => writeFile(`${repo}/.git`, "\0\u{1}\u{2}")],
    [
      "a HEAD with something else in it",
      async () => {
        await mkdir(`${repo}/.git`);
        await writeFile(`${repo}/.git/HEAD`, "ref: ../../etc/passwd\n");
      },
    ],
    ["a FIFO for a .git, which is not waited for", () => execFileSync("mkfifo", [`${repo}/.git`])],
    [
      "a FIFO for a HEAD, which is not waited for",
      async () => {
        await mkdir(`${repo}/.git`);
        execFileSync("mkfifo", [`${repo}/.git/HEAD`]);
      },
    ],
  ])(
    "%s",
    async (_, make) => {
      await make();
      expect(await gitPosition(repo)).toBeUndefined();
    },
    10_000,
  );
});

describe("what git is in the middle of", () => {
  const operation = async (): Promise<string | undefined> => (await gitOperation(repo, 0, Date.now()))?.name;
  beforeEach(async () => {
    git(repo, "init", "-q", "-b", "main");
    await commitIn(repo, "one");
  });

  it("is nothing in a tree at rest, and where there is no repository", async () => {
    expect(await operation()).toBeUndefined();
    expect(await gitOperation(directory.at("nowhere"), 0, Date.now())).toBeUndefined();
  });

  it.each(["index.lock", "HEAD.lock"])(
    "is git itself while there is an %s, and a lock that a dead git left is one for a minute only",
    async (lock) => {
      await writeFile(`${repo}/.git/${lock}`, "");
      expect(await operation()).toBe("git");
      const old = new Date(Date.now() - 61_000);
      await utimes(`${repo}/.git/${lock}`, old, old);
      expect(await operation()).toBeUndefined();
    },
  );

  it("is a rebase that stopped at a conflict, until it is aborted", async () => {
    git(repo, "checkout", "-qb", "topic");
    await commitIn(repo, "topic's");
    git(repo, "checkout", "-q", "main");
    await commitIn(repo, "main's");
    git(repo, "checkout", "-q", "topic");
    expect(() => git(repo, "rebase", "-q", "main")).toThrow(/conflict/i);
    expect(await operation()).toBe("a rebase");
    git(repo, "rebase", "--abort");
    expect(await operation()).toBeUndefined();
  });

  it("is a bisect until it is reset, in a worktree as well", async () => {
    const tree = directory.at("tree");
    git(repo, "worktree", "add", "-q", tree);
    git(tree, "bisect", "start");
    expect((await gitOperation(tree, 0, Date.now()))?.name).toBe("a bisect");
    expect(await operation(), "of the other tree").toBeUndefined();
    git(tree, "bisect", "reset");
    expect(await gitOperation(tree, 0, Date.now())).toBeUndefined();
  });
});

describe("a file during a bisect, told from what git put there by its time alone", () => {
  const isGits = async (savedAtMs: number, nowMs: number): Promise<boolean> =>
    (await gitOperation(repo, savedAtMs, nowMs)) !== undefined;
  /** When git last wrote anything, in milliseconds since the epoch. */
  let restedMs: number;
  beforeEach(async () => {
    git(repo, "init", "-q", "-b", "main");
    await commitIn(repo, "one");
    git(repo, "bisect", "start");
    restedMs = Number((await stat(`${repo}/.git/BISECT_LOG`, { bigint: true })).mtimeMs);
  });

  it("is git's until its last step, and somebody's from then on", async () => {
    expect(await isGits(restedMs - 60_000, restedMs + 60_000)).toBe(true);
    expect(await isGits(restedMs, restedMs + 60_000)).toBe(true);
    expect(await isGits(restedMs + 1, restedMs + 60_000)).toBe(false);
  });

  it("is anybody's for two seconds where the index was renewed after it, and then no more", async () => {
    git(repo, "update-index", "--force-write-index");
    const renewedMs = Number((await stat(`${repo}/.git/index`, { bigint: true })).ctimeMs);
    const long = new Date(restedMs - 10_000);
    for (const step of ["BISECT_LOG", "BISECT_START", "BISECT_NAMES", "HEAD", "logs/HEAD"])
      await utimes(`${repo}/.git/${step}`, long, long);
    expect(await isGits(restedMs - 8_500, renewedMs)).toBe(true);
    expect(await isGits(restedMs - 7_500, renewedMs)).toBe(false);
  });

  it("is anybody's for two seconds, too, where git has died with the index locked", async () => {
    const lock = `${repo}/.git/index.lock`;
    await writeFile(lock, "");
    const old = new Date(restedMs - 61_000);
    await utimes(lock, old, old);
    expect(await isGits(restedMs + 1_500, restedMs + 5_000)).toBe(true);
    expect(await isGits(restedMs + 2_500, restedMs + 5_000)).toBe(false);
  });

  it("is not held by a step from the future, which a clock that was set back leaves", async () => {
    const later = new Date(restedMs + 3_600_000);
    await utimes(`${repo}/.git/BISECT_LOG`, later, later);
    expect(await isGits(restedMs + 60_000, restedMs + 60_000)).toBe(false);
    expect(await isGits(restedMs + 3_500_000, restedMs + 60_000), "the file is from there too").toBe(true);
  });
});

describe("how long a new index has to be left alone", () => {
  it("is the rest of a moment; not at all where it is older, or from a time that will not come soon", async () => {
    git(repo, "init", "-q", "-b", "main");
    await commitIn(repo, "one");
    const renamedMs = Number((await stat(`${repo}/.git/index`, { bigint: true })).ctimeMs);
    const restAfter = (ageMs: number): Promise<number> => gitRestMs(repo, renamedMs + ageMs);
    expect(await restAfter(0)).toBe(250);
    expect(await restAfter(249)).toBe(1);
    expect(await restAfter(250)).toBe(0);
    expect(await restAfter(-3), "of a clock that is a little ahead").toBe(253);
    expect(await restAfter(-3_600_000), "of a clock that was set back").toBe(0);
  });

  it("counts from when HEAD may have been read, be the disk as slow as it may", async () => {
    git(repo, "init", "-q", "-b", "main");
    await commitIn(repo, "one");
    const renamedMs = Number((await stat(`${repo}/.git/index`, { bigint: true })).ctimeMs);
    const rest = (nowMs: number, sinceMs: number): Promise<number> =>
      gitRestMs(repo, renamedMs + nowMs, renamedMs + sinceMs);
    expect(await rest(20, -280), "renamed while the locks were looked for").toBe(230);
    expect(await rest(400, -280), "and at rest since").toBe(1);
    expect(await rest(400, 249), "at rest since").toBe(1);
    expect(await rest(400, 250), "at rest before").toBe(0);
  });

  it("is not at all where there is no repository, or none with an index", async () => {
    expect(await gitRestMs(repo, Date.now())).toBe(0);
    expect(await gitRestMs(directory.at("nowhere"), Date.now())).toBe(0);
    git(repo, "init", "-q");
    expect(await gitRestMs(repo, Date.now())).toBe(0);
  });
});
