import { mkdir, open, stat, writeFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { beforeEach, describe, expect, it } from "vitest";
import type { Repo } from "../../src/core/registry.ts";
import { openCache, type OpenedCache } from "../../src/store/cache-file.ts";
import { replaceFile } from "../../src/store/replace.ts";
import { cachePath, writable } from "../../src/store/write-scope.ts";
import { Displaced } from "../../src/sync/displaced.ts";
import { eventually } from "../support/eventually.ts";
import { pathsIn, repoIn, useTempDirectory } from "../support/temp-dir.ts";

const directory = useTempDirectory();
let repo: Repo;
let told: number;
let displaced: Displaced;
beforeEach(async () => {
  repo = repoIn(directory.path, "repo");
  await mkdir(directory.at("repo", ".aibrain"), { recursive: true });
  await writeFile(cachePath(repo), "first\n");
  told = 0;
  displaced = new Displaced(() => (told += 1));
});

/** Replaces the cache, and gives what was displaced by it. */
async function displace(text: string): Promise<OpenedCache> {
  const opened = await openCache(repo);
  const path = writable(
    cachePath(repo),
    { registry: { repos: [repo] }, paths: pathsIn(directory.path) },
    opened.file,
  );
  expect(await replaceFile(path, [Buffer.from(text)], { basedOn: opened.identity })).toBeDefined();
  return opened;
}

function texts(): string[] {
  return displaced.edits.map((edit) => `${edit.era} ${edit.bytes.toString()}`);
}

describe("a displaced file", () => {
  it("that is written into tells what it holds then, once", async () => {
    const editor = await open(cachePath(repo), "a");
    expect(displaced.watch(await displace("second\n"), 7)).toBe(true);
    await editor.write("late\n");
    await editor.close();
    await eventually("the edit", () => told === 1);
    expect(texts()).toEqual(["7 first\nlate\n"]);
    displaced.forget(displaced.edits);
    expect(texts()).toEqual([]);
    await displaced.close();
  });

  it("that nobody writes into tells nothing, though it was read and its name was taken", async () => {
    displaced.watch(await displace("second\n"), 0);
    displaced.watch(await displace("third\n"), 0);
    await delay(350);
    await displaced.close();
    expect([told, texts()]).toEqual([0, []]);
  });

  it("that was emptied tells nothing: nothing was written", async () => {
    const editor = await open(cachePath(repo), "r+");
    displaced.watch(await displace("second\n"), 0);
    await editor.truncate(0);
    await editor.close();
    await displaced.close();
    expect(texts()).toEqual([]);
  });

  it("is looked at a last time at the end", async () => {
    const editor = await open(cachePath(repo), "a");
    const opened = await displace("second\n");
    displaced.watch(opened, 0);
    await editor.write("late\n");
    await editor.close();
    await displaced.close();
    expect(texts()).toEqual(["0 first\nlate\n"]);
    await expect(opened.handle?.stat()).rejects.toMatchObject({ code: "EBADF" });
  });

  it("stays its caller's in a storm of them, and where there was no file", async () => {
    const all: OpenedCache[] = [];
    for (let index = 0; index < 40; index += 1) all.push(await displace(`text ${index}\n`));
    const taken = all.map((opened) => displaced.watch(opened, 0));
    expect(taken.filter(Boolean).length).toBeLessThan(40);
    for (const [index, opened] of all.entries()) if (taken[index] === false) await opened.handle?.close();
    await displaced.close();
    const missing = { ...(await openCache(repo)), handle: undefined };
    expect(displaced.watch(missing, 0)).toBe(false);
    expect((await stat(cachePath(repo))).isFile()).toBe(true);
  });
});
