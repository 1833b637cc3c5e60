import { execFileSync } from "node:child_process";
import { mkdir, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { beforeEach, describe, expect, it } from "vitest";
import type { Repo } from "../../src/core/registry.ts";
import { FaultError } from "../../src/errors.ts";
import { makeCacheDirectory, openCache, removeCacheTemporaries } from "../../src/store/cache-file.ts";
import { identityAt } from "../../src/store/identity.ts";
import { replaceFile } from "../../src/store/replace.ts";
import { temporaryFor } from "../../src/store/temporary.ts";
import { cachePath, writable } from "../../src/store/write-scope.ts";
import { eventually } from "../support/eventually.ts";
import { pathsIn, repoIn, useTempDirectory } from "../support/temp-dir.ts";

const directory = useTempDirectory();
let repo: Repo;
let aibrain: string;
let cache: string;
beforeEach(async () => {
  repo = repoIn(directory.path, "repo");
  aibrain = directory.at("repo", ".aibrain");
  cache = cachePath(repo);
  await mkdir(repo.path);
  await writeFile(directory.at("repo", "README.md"), "");
});

/** What opening the cache gives: its text, `absent`, or the fault's code. */
async function opened(): Promise<string> {
  try {
    const found = await openCache(repo);
    await found.handle?.close();
    if (found.identity !== undefined) expect(found.identity).toBe(await identityAt(found.file));
    return found.bytes?.toString() ?? "absent";
  } catch (error) {
    if (!(error instanceof FaultError)) throw error;
    return error.fault.code;
  }
}

/** One update, as a turn does it. */
async function replace(text: string): Promise<void> {
  const found = await openCache(repo);
  await found.handle?.close();
  if (found.identity === undefined) await makeCacheDirectory(repo);
  const scope = { registry: { repos: [repo] }, paths: pathsIn(directory.path) };
  const like = found.like === undefined ? {} : { like: found.like };
  const path = writable(cache, scope, found.file);
  expect(await replaceFile(path, [Buffer.from(text)], { basedOn: found.identity, ...like })).toBeDefined();
}

describe("what stands in a cache's place", () => {
  const cases: readonly (readonly [what: string, expected: string, make: () => unknown])[] = [
    ["no .aibrain", "absent", () => undefined],
    ["an .aibrain without a cache", "absent", () => mkdir(aibrain)],
    [
      "an empty cache",
      "",
      async () => {
        await mkdir(aibrain);
        await writeFile(cache, "");
      },
    ],
    ["a file in .aibrain's place", "CACHE_NOT_DIRECTORY", () => writeFile(aibrain, "")],
    ["an .aibrain that leads nowhere", "CACHE_NOT_DIRECTORY", () => symlink("nowhere", aibrain)],
    [
      "an .aibrain that leads out of the repo",
      "CACHE_OUTSIDE",
      async () => {
        await directory.make("elsewhere");
        await symlink("../elsewhere", aibrain);
      },
    ],
    ["an .aibrain that leads to the repo itself", "CACHE_OUTSIDE", () => symlink(".", aibrain)],
    [
      "an .aibrain that leads to a neighbour whose name begins like the repo's",
      "CACHE_OUTSIDE",
      async () => {
        await directory.make("repo-2");
        await symlink("../repo-2", aibrain);
      },
    ],
    [
      "a cache that leads out of the repo",
      "CACHE_OUTSIDE",
      async () => {
        await mkdir(aibrain);
        await writeFile(directory.at("theirs.md"), "theirs");
        await symlink("../../theirs.md", cache);
      },
    ],
    [
      "a cache that leads to the state file",
      "CACHE_NOT_REGULAR",
      async () => {
        await mkdir(aibrain);
        await writeFile(directory.at("repo", "STATE.md"), "mine");
        await symlink("../STATE.md", cache);
      },
    ],
    [
      "a cache that leads nowhere",
      "CACHE_NOT_REGULAR",
      async () => {
        await mkdir(aibrain);
        await symlink("nowhere.md", cache);
      },
    ],
    [
      "a FIFO, which is not waited for",
      "CACHE_NOT_REGULAR",
      async () => {
        await mkdir(aibrain);
        execFileSync("mkfifo", [cache]);
      },
    ],
    ["a directory", "CACHE_NOT_REGULAR", () => mkdir(cache, { recursive: true })],
    ["no repo", "REPO_MISSING", () => rm(repo.path, { recursive: true })],
  ];

  it.each(cases)("%s: %s", async (_, expected, make) => {
    await make();
    expect(await opened()).toBe(expected);
  });

  it("a cache that the state file leads to: CACHE_NOT_REGULAR, also where its bytes are known", async () => {
    await replace("known");
    const known = await identityAt(cache);
    await symlink(".aibrain/global-state-cache.md", directory.at("repo", "STATE.md"));
    expect(await opened()).toBe("CACHE_NOT_REGULAR");
    await expect(openCache(repo, known)).rejects.toThrow("the repo's state file");
  });

  it("the file that is known: it is not read, and it is once it is another", async () => {
    await replace("known");
    const known = await identityAt(cache);
    const same = await openCache(repo, known);
    await same.handle?.close();
    expect([same.identity, same.bytes]).toStrictEqual([known, undefined]);
    await writeFile(cache, "other");
    const other = await openCache(repo, known);
    await other.handle?.close();
    expect(other.bytes?.toString()).toBe("other");
  });

  it("a socket: CACHE_NOT_REGULAR", async () => {
    await mkdir(aibrain);
    const server = createServer().listen(cache);
    try {
      await eventually("the socket", () => stat(cache));
      expect(await opened()).toBe("CACHE_NOT_REGULAR");
    } finally {
      server.close();
    }
  });
});

describe("links that stay in the repo", () => {
  it("a cache that is one is replaced where it leads, and stays a link", async () => {
    await mkdir(aibrain);
    await directory.make("repo", "docs");
    await writeFile(directory.at("repo", "docs", "peers.md"), "old");
    await symlink("../docs/peers.md", cache);
    expect(await opened()).toBe("old");
    await replace("new");
    expect(await readFile(directory.at("repo", "docs", "peers.md"), "utf8")).toBe("new");
    expect(await readdir(aibrain, { withFileTypes: true })).toMatchObject([
      { name: "global-state-cache.md" },
    ]);
    expect((await readdir(aibrain, { withFileTypes: true }))[0]?.isSymbolicLink()).toBe(true);
    expect(await readdir(directory.at("repo", "docs"))).toEqual(["peers.md"]);
  });

  it("an .aibrain that is one is written through", async () => {
    await directory.make("repo", "brain");
    await symlink("brain", aibrain);
    await replace("new");
    expect(await readdir(directory.at("repo", "brain"))).toEqual(["global-state-cache.md"]);
  });

  it("what an interrupted write left beside the file that a link leads to is swept", async () => {
    await mkdir(aibrain);
    await directory.make("repo", "docs");
    await writeFile(directory.at("repo", "docs", "peers.md"), "");
    await symlink("../docs/peers.md", cache);
    const litter = [temporaryFor(directory.at("repo", "docs", "peers.md")), temporaryFor(cache)];
    for (const path of litter) await writeFile(path, "half");
    expect((await removeCacheTemporaries(repo)).sort()).toEqual(litter.sort());
    expect(await readdir(directory.at("repo", "docs"))).toEqual(["peers.md"]);
  });

  it("nothing is swept where a link leads out of the repo", async () => {
    await directory.make("elsewhere");
    await symlink("../elsewhere", aibrain);
    await writeFile(temporaryFor(directory.at("elsewhere", "global-state-cache.md")), "theirs");
    expect(await removeCacheTemporaries(repo)).toEqual([]);
    expect(await readdir(directory.at("elsewhere"))).toHaveLength(1);
  });
});

describe("making .aibrain", () => {
  it("makes it once and is content with one that is there", async () => {
    await makeCacheDirectory(repo);
    await makeCacheDirectory(repo);
    expect((await stat(aibrain)).isDirectory()).toBe(true);
  });

  it("makes none in an empty directory: a mount point whose disk is away", async () => {
    await rm(directory.at("repo", "README.md"));
    await expect(makeCacheDirectory(repo)).rejects.toMatchObject({ fault: { code: "REPO_MISSING" } });
    expect(await readdir(repo.path)).toEqual([]);
  });

  it("makes no repo", async () => {
    await rm(repo.path, { recursive: true });
    await expect(makeCacheDirectory(repo)).rejects.toMatchObject({ fault: { code: "REPO_MISSING" } });
    expect(await readdir(directory.path)).toEqual([]);
  });
});
