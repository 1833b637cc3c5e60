import { mkdir, readdir, writeFile } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { isTemporaryOf, removeTemporaries, temporaryFor } from "../../src/store/temporary.ts";
import { eventually } from "../support/eventually.ts";
import { bundleProgram, endPrograms, litterUnder, Program, useTempDirectory } from "../support/temp-dir.ts";

const directory = useTempDirectory();
afterEach(endPrograms);

describe("a temporary's name", () => {
  it("lies beside its target, hidden, never the same twice, and is recognised", () => {
    const names = new Set(
      Array.from({ length: 1_000 }, () => temporaryFor("/repo/.aibrain/global-state-cache.md")),
    );
    expect(names.size).toBe(1_000);
    for (const name of names) {
      expect(dirname(name)).toBe("/repo/.aibrain");
      expect(basename(name)).toMatch(/^\./);
      expect(isTemporaryOf(basename(name), "global-state-cache.md")).toBe(true);
      expect(isTemporaryOf(basename(name), "state-cache.md")).toBe(false);
    }
  });

  it.each([
    "cache.md",
    ".cache.md",
    ".cache.md.swp",
    ".cache.md.12-0123456789ab",
    ".cache.md.12-0123456789ab.state-syncd-tmp~",
    ".cache.md.12-0123456789AB.state-syncd-tmp",
    ".cache.md.12-0123456789abc.state-syncd-tmp",
    ".cache.md.x-0123456789ab.state-syncd-tmp",
    ".cache.md.state-syncd-tmp",
    "cache.md.12-0123456789ab.state-syncd-tmp",
    ".other.md.12-0123456789ab.state-syncd-tmp",
    "x.cache.md.12-0123456789ab.state-syncd-tmp",
    ".cache.md.12-0123456789ab.state-syncd-tmp\n",
  ])("is not taken for what somebody else named: %j", (name) => {
    expect(isTemporaryOf(name, "cache.md")).toBe(false);
  });
});

const WRITER = `
  import { identityAt } from "./src/store/identity.ts";
  import { replaceFile } from "./src/store/replace.ts";
  import { writable } from "./src/store/write-scope.ts";
  const [home = ""] = process.argv.slice(2);
  const paths = { stateDirectory: home, runDirectory: home };
  const file = writable(home + "/cache.md", { registry: { repos: [] }, paths });
  const text = Buffer.alloc(20_000_000, "x");
  for (let round = 0; ; round += 1) {
    await replaceFile(file, [text], { basedOn: await identityAt(file) });
    if (round === 0) console.log("writing");
  }
`;

describe("the sweep", () => {
  it("removes what a writer that was killed in the middle left, and nothing else", async () => {
    const home = await directory.make("own");
    const script = await bundleProgram(directory.path, "writer", WRITER);
    for (let round = 0; round < 20 && (await litterUnder(home)).length < 2; round += 1) {
      const writer = new Program(process.execPath, [script, home]);
      await eventually(
        "a write in hand",
        async () => writer.lines.length > 0 && (await litterUnder(home)).length > 0,
      );
      await writer.kill();
    }
    expect((await litterUnder(home)).length).toBeGreaterThanOrEqual(1);
    const others = ["notes.md", ".cache.md.swp", ".other.md.1-0123456789ab.state-syncd-tmp"];
    for (const name of others) await writeFile(`${home}/${name}`, "theirs");
    const found = await litterUnder(home);
    const removed = await removeTemporaries(`${home}/cache.md`);
    expect(removed.length).toBe(found.length - 1);
    expect((await readdir(home)).sort()).toEqual([...others, "cache.md"].sort());
  });

  it("says nothing where the directory is not there, or is none", async () => {
    await writeFile(directory.at("file"), "");
    expect(await removeTemporaries(directory.at("gone", "cache.md"))).toEqual([]);
    expect(await removeTemporaries(directory.at("file", "cache.md"))).toEqual([]);
  });

  it("leaves a directory of such a name alone", async () => {
    await mkdir(temporaryFor(directory.at("cache.md")));
    expect(await removeTemporaries(directory.at("cache.md"))).toEqual([]);
    expect(await readdir(directory.path)).toHaveLength(1);
  });
});
