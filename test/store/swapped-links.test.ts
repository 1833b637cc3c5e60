import { mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { FaultError } from "../../src/errors.ts";
import { makeCacheDirectory, openCache } from "../../src/store/cache-file.ts";
import { closeQuietly } from "../../src/store/close.ts";
import { replaceFile } from "../../src/store/replace.ts";
import { readStateFile } from "../../src/store/state-file.ts";
import { cachePath, writable } from "../../src/store/write-scope.ts";
import { eventually } from "../support/eventually.ts";
import { endPrograms, pathsIn, Program, repoIn, useTempDirectory } from "../support/temp-dir.ts";

const directory = useTempDirectory();
afterEach(endPrograms);

const ROUNDS = 1_500;

/**
 * Puts a link in the place of a directory and the directory back, for ever, as fast as it can: the
 * hostile program that waits for the moment between a check and a use.
 */
const SWAPPER = `
  const { renameSync, symlinkSync } = require("node:fs");
  const [place, outside] = process.argv.slice(1);
  symlinkSync(outside, place + ".link");
  process.stdin.on("end", () => process.exit(0)).resume();
  const turn = () => {
    for (let round = 0; round < 50; round += 1) {
      renameSync(place, place + ".real");
      renameSync(place + ".link", place);
      renameSync(place, place + ".link");
      renameSync(place + ".real", place);
    }
    setImmediate(turn);
  };
  console.log("swapping");
  turn();
`;

async function swap(place: string, outside: string): Promise<Program> {
  const swapper = new Program(process.execPath, ["-e", SWAPPER, place, outside]);
  await eventually("the links to be swapped", () => swapper.lines.includes("swapping"));
  return swapper;
}

describe("a directory that is exchanged for a link out of the repo between check and use", () => {
  it("brings no byte from outside into a snapshot", async () => {
    const repo = repoIn(directory.path, "a", { stateFile: "docs/STATE.md" });
    await mkdir(join(repo.path, "docs"), { recursive: true });
    await writeFile(join(repo.path, "docs", "STATE.md"), "inside\n");
    const outside = await directory.make("outside");
    await writeFile(join(outside, "STATE.md"), "outside\n");
    const swapper = await swap(join(repo.path, "docs"), outside);
    const seen = new Map<string, number>();
    for (let round = 0; round < ROUNDS; round += 1) {
      const read = await readStateFile(repo, { maxBytes: 1_000, registry: { repos: [repo] } });
      const what = read.ok ? read.bytes.toString() : read.fault.code;
      seen.set(what, (seen.get(what) ?? 0) + 1);
    }
    await swapper.kill();
    expect(seen.has("outside\n"), JSON.stringify([...seen])).toBe(false);
    expect(seen.get("inside\n") ?? 0, JSON.stringify([...seen])).toBeGreaterThan(0);
    expect(seen.get("STATE_FILE_OUTSIDE") ?? 0, JSON.stringify([...seen])).toBeGreaterThan(0);
  });

  it("lets no file of ours, not even a temporary one, come to be outside", async () => {
    const repo = repoIn(directory.path, "a");
    const outside = await directory.make("outside");
    await writeFile(join(outside, "global-state-cache.md"), "somebody else's\n");
    await mkdir(repo.path);
    await writeFile(join(repo.path, "README.md"), "a\n");
    await makeCacheDirectory(repo);
    const place = join(repo.path, ".aibrain");
    const before = (await stat(outside, { bigint: true })).mtimeNs;
    const swapper = await swap(place, outside);
    const seen = new Map<string, number>();
    const scope = { registry: { repos: [repo] }, paths: pathsIn(directory.path) };
    for (let round = 0; round < ROUNDS; round += 1) {
      const what = await turn(`round ${round}\n`);
      seen.set(what, (seen.get(what) ?? 0) + 1);
    }
    await swapper.kill();

    const told = JSON.stringify([...seen]);
    expect((await stat(outside, { bigint: true })).mtimeNs, told).toBe(before);
    expect(await readdir(outside)).toEqual(["global-state-cache.md"]);
    expect(await readFile(join(outside, "global-state-cache.md"), "utf8")).toBe("somebody else's\n");
    expect(seen.get("replaced") ?? 0, told).toBeGreaterThan(0);

    /** What a lane does, in small. */
    async function turn(text: string): Promise<string> {
      try {
        const opened = await openCache(repo);
        try {
          expect(opened.bytes?.toString() ?? "").not.toBe("somebody else's\n");
          const target = writable(cachePath(repo), scope, opened.file);
          const based = { basedOn: opened.identity, inside: opened.root };
          const replaced = await replaceFile(target, [Buffer.from(text)], based);
          return replaced === undefined ? "raced" : "replaced";
        } finally {
          await closeQuietly(opened.handle);
        }
      } catch (error) {
        if (error instanceof FaultError) return error.fault.code;
        if (error instanceof Error && "code" in error) return String(error.code);
        throw error;
      }
    }
  });

  it("a link that was there all along is refused by its name", async () => {
    const repo = repoIn(directory.path, "a");
    const outside = await directory.make("outside");
    await mkdir(repo.path);
    await symlink(outside, join(repo.path, ".aibrain"));
    await expect(openCache(repo)).rejects.toMatchObject({ fault: { code: "CACHE_OUTSIDE" } });
  });
});
