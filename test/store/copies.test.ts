import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { beforeEach, describe, expect, it } from "vitest";
import type { Paths } from "../../src/paths.ts";
import { copiesOf, type CopyReason, keepCopy } from "../../src/store/copies.ts";
import { sweepStateDirectory } from "../../src/store/sweep.ts";
import { temporaryFor } from "../../src/store/temporary.ts";
import { pathsIn, useTempDirectory } from "../support/temp-dir.ts";

const directory = useTempDirectory();
let paths: Paths;
beforeEach(() => {
  paths = pathsIn(directory.path);
});

let clock = Date.parse("2026-11-22T16:40:00.000Z");

/** Keeps a copy, a little later than the one before. */
async function keep(text: string, reason: CopyReason, repo = "repo"): Promise<string> {
  clock += 7;
  return await keepCopy(repo, Buffer.from(text), reason, new Date(clock), { registry: { repos: [] }, paths });
}

async function kept(repo = "repo"): Promise<string[]> {
  const copies = await copiesOf(repo, paths.copiesDirectory);
  return await Promise.all(copies.map(async (copy) => `${copy.reason} ${await readFile(copy.path, "utf8")}`));
}

describe("a copy", () => {
  it("holds the bytes, for its owner's eyes alone", async () => {
    const path = await keep("text\r\n\0", "adopted");
    expect(await readFile(path, "latin1")).toBe("text\r\n\0");
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(`${paths.copiesDirectory}/repo`)).mode & 0o777).toBe(0o700);
  });

  it("of the same bytes for the same reason is kept once", async () => {
    const first = await keep("same", "damaged");
    await keep("other", "damaged");
    expect(await keep("same", "damaged")).toBe(first);
    expect(await keep("same", "adopted")).not.toBe(first);
    expect(await keep("same", "damaged", "another-repo")).not.toBe(first);
    expect(await kept()).toEqual(["damaged same", "damaged other", "adopted same"]);
  });

  it("has a name by which the copies sort by age", async () => {
    const paths: string[] = [];
    for (let index = 0; index < 9; index += 1) paths.push(await keep(`text ${index}`, "adopted"));
    expect([...paths].sort()).toEqual(paths);
    expect((await kept()).map((copy) => copy.slice(-1)).join("")).toBe("012345678");
  });
});

describe("how many are kept", () => {
  it("of adopted caches the first fifty stay, however many some program makes after them", async () => {
    for (let index = 0; index < 110; index += 1) await keep(`${index}`, "adopted");
    const left = (await kept()).map((copy) => copy.replace("adopted ", ""));
    const first = Array.from({ length: 50 }, (_, index) => `${index}`);
    expect(left).toEqual([...first, ...Array.from({ length: 50 }, (_, index) => `${60 + index}`)]);
  });

  it("of damaged caches the newest ten; adopted caches for good, and late edits ten times as many", async () => {
    for (let index = 0; index < 15; index += 1) {
      for (const reason of ["adopted", "late-edit", "damaged"] as const) await keep(`${index}`, reason);
    }
    const all = await kept();
    expect(all.filter((copy) => copy.startsWith("adopted"))).toHaveLength(15);
    expect(all.filter((copy) => copy.startsWith("late-edit"))).toHaveLength(15);
    expect(
      all.filter((copy) => copy.startsWith("damaged")).map((copy) => Number(copy.split(" ")[1])),
    ).toEqual([5, 6, 7, 8, 9, 10, 11, 12, 13, 14]);
  });

  it("files of others in the directory are neither counted nor removed", async () => {
    await mkdir(`${paths.copiesDirectory}/repo`, { recursive: true });
    const others = [
      "notes.md",
      "20261122T164000123Z-damaged-1a2b3c4d.md.bak",
      "20261122T164000123Z-mine-1a2b3c4d.md",
    ];
    for (const name of others) await writeFile(`${paths.copiesDirectory}/repo/${name}`, "");
    for (let index = 0; index < 12; index += 1) await keep(`${index}`, "damaged");
    expect(await kept()).toHaveLength(10);
    expect(await readdir(`${paths.copiesDirectory}/repo`)).toEqual(expect.arrayContaining(others));
  });
});

describe("what killed processes left", () => {
  it("is swept, of repos that have left the config as well, and nothing of others is", async () => {
    const copy = await keep("text", "damaged", "gone-from-the-config");
    const litter = [temporaryFor(copy), temporaryFor(paths.pauseFile)];
    const others = [temporaryFor(`${paths.copiesDirectory}/gone-from-the-config/notes.md`), `${copy}.bak`];
    for (const path of [...litter, ...others]) await writeFile(path, "half");
    expect((await sweepStateDirectory(paths)).sort()).toEqual(litter.sort());
    expect(await kept("gone-from-the-config")).toEqual(["damaged text"]);
    for (const path of others) expect(await readFile(path, "utf8")).toBe("half");
  });

  it("one copy too many goes at the next occasion, but never the one that is relied on", async () => {
    for (let index = 0; index < 10; index += 1) await keep(`${index}`, "damaged");
    await writeFile(`${paths.copiesDirectory}/repo/20991122T164000123Z-damaged-1a2b3c4d.md`, "10");
    const oldest = await keep("0", "damaged");
    expect(await readFile(oldest, "utf8")).toBe("0");
    expect((await kept()).map((copy) => copy.replace("damaged ", "")).join()).toBe("0,2,3,4,5,6,7,8,9,10");
  });
});

describe("where it cannot be kept", () => {
  it("a file stands in the directory's place: says so, so that nothing is replaced", async () => {
    await mkdir(paths.stateDirectory, { recursive: true });
    await writeFile(paths.copiesDirectory, "");
    await expect(keep("text", "damaged")).rejects.toMatchObject({
      fault: { code: "COPY_FAILED", repo: "repo" },
    });
  });

  it("a repo without copies has none", async () => {
    expect(await kept("nobody")).toEqual([]);
  });
});
