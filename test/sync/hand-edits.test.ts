import { appendFile, open, readFile, rm, writeFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { bundleProgram, endPrograms, noLitterUnder, Program, useTempDirectory } from "../support/temp-dir.ts";
import { Rig } from "./rig.ts";

const directory = useTempDirectory();
let rig: Rig;
beforeEach(async () => {
  rig = await Rig.create(directory.path, { a: {}, b: {} });
  await rig.save("a", "state of a\n");
  await rig.sync("a");
});
afterEach(async () => {
  await endPrograms();
  await rig.reconciler.close();
  await noLitterUnder(directory.path);
});

/** Everything that is kept of b's cache: itself, and the copies. */
async function everything(): Promise<string> {
  return [await rig.cache("b"), ...(await rig.copies("b"))].join("\n");
}

const APPEND = `
  import { appendFileSync } from "node:fs";
  const write = (line) => appendFileSync(file, line);
`;

const REWRITE = `
  import { readFileSync, writeFileSync } from "node:fs";
  const write = (line) => writeFileSync(file, readFileSync(file, "utf8") + line);
`;

const HOLD_OPEN = `
  import { closeSync, openSync, writeSync } from "node:fs";
  const write = async (line) => {
    const fd = openSync(file, "a");
    await new Promise((resolve) => setTimeout(resolve, 40));
    writeSync(fd, line);
    closeSync(fd);
    // Rarely enough for each of them to have a copy of its own.
    await new Promise((resolve) => setTimeout(resolve, 300));
  };
`;

const LOOP = `
  const [file = "", lasts = "0"] = process.argv.slice(2);
  const until = Date.now() + Number(lasts);
  for (let line = 0; Date.now() < until; line += 1) {
    await write("note " + line + ".\\n");
    console.log("note " + line + ".");
    await new Promise((resolve) => setTimeout(resolve, line % 5));
  }
`;

describe("what another program writes into a cache while turns go on is in the cache in the end, or in the copies", () => {
  it.each([
    ["it appends", APPEND],
    ["it reads, changes and writes the whole file", REWRITE],
    ["it has the file open for a while before it writes", HOLD_OPEN],
  ])("%s", async (_, how) => {
    const script = await bundleProgram(directory.path, "editor", how + LOOP);
    const editor = new Program(process.execPath, [script, rig.cacheFile("b"), "2500"]);
    let ended = false;
    void editor.end().then(() => (ended = true));
    for (let round = 0; !ended; round += 1) {
      await rig.change("a", `state of a, round ${round}\n`);
      await rig.reconciler.queue.idle();
      // As fast as a short debounce lets a source be.
      await delay(40);
    }
    expect(editor.stderr).toBe("");
    expect(editor.lines.length).toBeGreaterThan(5);
    const sought = [...editor.lines];
    await eventually(
      "every line to be kept",
      async () => {
        const text = await everything();
        const missing = sought.filter((line) => !text.includes(line));
        if (missing.length > 0)
          throw new Error(`${missing.length} of ${sought.length} are lost: ${missing.slice(0, 5).join(" ")}`);
        return true;
      },
      5_000,
    );
    await rig.sync("a");
    expect(Object.keys(await rig.held("b"))).toEqual(["a"]);
    expect((await rig.held("b"))["a"]).toMatch(/^state of a, round \d+\n$/);
  });
});

describe("a cache that was opened just before it was replaced", () => {
  it("gives what is written into it afterwards back to the cache", async () => {
    const editor = await open(rig.cacheFile("b"), "a");
    await rig.change("a", "newer\n");
    await rig.reconciler.queue.idle();
    await editor.write("a late note\n");
    await editor.close();
    await eventually("the note in the cache", async () => (await rig.cache("b")).includes("a late note\n"));
    expect(await rig.held("b")).toEqual({ a: "newer\n" });
    expect((await rig.copies("b")).some((copy) => copy.includes("a late note"))).toBe(true);
  });

  it("takes nothing away that was written into the new one meanwhile", async () => {
    const editor = await open(rig.cacheFile("b"), "a");
    await rig.change("a", "newer\n");
    await rig.reconciler.queue.idle();
    await editor.write("a late note\n");
    await editor.close();
    await appendFile(rig.cacheFile("b"), "a note in time\n");
    rig.reconciler.due("b");
    await rig.reconciler.queue.idle();
    await eventually("the late note in a copy", async () => (await everything()).includes("a late note\n"));
    await rig.reconciler.queue.idle();
    expect(await everything()).toContain("a note in time\n");
    expect(await rig.cache("b")).toContain("a note in time\n");
  });

  it("keeps what is written in the last moment before the end in a copy", async () => {
    const editor = await open(rig.cacheFile("b"), "a");
    await rig.change("a", "newer\n");
    await rig.reconciler.queue.idle();
    await editor.write("a last note\n");
    await editor.close();
    await rig.reconciler.close();
    expect((await rig.copies("b")).join()).toContain("a last note\n");
  });

  it("keeps it though no copy can be made for a while", async () => {
    const editor = await open(rig.cacheFile("b"), "a");
    await rig.change("a", "newer\n");
    await rig.reconciler.queue.idle();
    await directory.make("own-state");
    await directory.make("own-state", "state-syncd");
    await writeFile(rig.paths.copiesDirectory, "no directory");
    await editor.write("a late note\n");
    await editor.close();
    await eventually("the failure", () =>
      rig.events("cache.failed").some((each) => each["code"] === "COPY_FAILED"),
    );
    await rm(rig.paths.copiesDirectory);
    await eventually("the note", async () => (await everything()).includes("a late note\n"));
  });
});

describe("a cache that somebody is just writing", () => {
  it("is left alone until it rests", async () => {
    const old = await readFile(rig.cacheFile("b"), "utf8");
    const editor = await open(rig.cacheFile("b"), "r+");
    await editor.truncate(0);
    await rig.change("a", "newer\n");
    await delay(5);
    await editor.write(`${old}a note\n`, 0);
    await editor.close();
    await rig.reconciler.queue.idle();
    expect(await rig.cache("b")).toContain("a note\n");
    expect(await rig.held("b")).toEqual({ a: "newer\n" });
  });
});
