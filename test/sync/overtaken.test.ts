import { mkdir, open, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { useTempDirectory } from "../support/temp-dir.ts";
import { Rig } from "./rig.ts";

const directory = useTempDirectory();
let rig: Rig;
afterEach(() => rig.reconciler.close());

/** Each of its matches looks to the end of the line, so that its time grows with the square of the line. */
const SLOW = { slow: "MRN(.*[0-9]{8})?" };

/** A text that the guard looks through for a second or two. */
function slowText(tag: string): string {
  return `${tag}\n${"MRN ".repeat(2_500)}\n`;
}

async function inGuard(name: string): Promise<void> {
  await eventually(`${name} to be in the guard`, () => rig.reconciler.sources.isInGuard(name));
}

describe("while the guard looks through a save", () => {
  it("a new rule comes: the save goes out by it all the same", async () => {
    rig = await Rig.create(directory.path, { a: {}, b: {} }, { guard: { patterns: SLOW, allow: [] } });
    await rig.change("a", "v1\n");
    await rig.reconciler.queue.idle();
    await rig.save("a", slowText("v2"));
    const look = rig.reconciler.observe("a", "event");
    await inGuard("a");
    await rig.guard({ patterns: { ...SLOW, other: "ZZZ[0-9]{8}" }, allow: [] });
    await look;
    await eventually("b to hold it", async () => (await rig.held("b"))["a"]?.startsWith("v2"));
  });

  it("its name is given to a directory of another group: nothing of the old one comes there", async () => {
    const before = { a: { groups: ["clinic"] }, c: { groups: ["clinic"] }, b: { groups: ["open"] } };
    rig = await Rig.create(directory.path, before, { guard: { patterns: SLOW, allow: [] } });
    await mkdir(directory.at("other"));
    await writeFile(directory.at("other", "STATE.md"), "of the new directory\n");
    await rig.save("a", slowText("of the clinic"));
    const first = rig.reconciler.observe("a", "event");
    await inGuard("a");
    await rig.save("a", "of the clinic too\n");
    const second = rig.reconciler.observe("a", "event");
    rig.adopt({ ...before, a: { groups: ["open"], path: directory.at("other") } });
    const third = rig.reconciler.observe("a", "start");
    await Promise.all([first, second, third]);
    await rig.reconciler.queue.idle();
    expect(await rig.cache("b")).not.toContain("clinic");
    expect((await rig.held("b"))["a"]).toBe("of the new directory\n");
  });

  it.each(["sync", "pull"] as const)("a %s waits for it, and nobody is forgotten", async (what) => {
    rig = await Rig.create(directory.path, { a: {}, b: {}, c: {} }, { guard: { patterns: SLOW, allow: [] } });
    await rig.change("a", "v1\n");
    for (const peer of ["b", "c"]) await rig.change(peer, "v1\n");
    await rig.reconciler.queue.idle();
    await rig.save("a", slowText("v2"));
    const asked = what === "sync" ? rig.sync("a") : rig.reconciler.pull(rig.repo("b"));
    const noticed = rig.reconciler.observe("a", "event");
    const edges = await asked;
    await noticed;
    await rig.reconciler.queue.idle();
    expect(edges.map(({ fault }) => fault)).toEqual(edges.map(() => undefined));
    for (const peer of ["b", "c"]) expect((await rig.held(peer))["a"]).toMatch(/^v2/);
  });
});

describe("while a look is under way", () => {
  it("its repo is paused: what it saw waits until the pause ends", async () => {
    rig = await Rig.create(directory.path, { a: {}, b: {} }, { guard: { patterns: SLOW, allow: [] } });
    await rig.change("a", "old\n");
    await rig.reconciler.queue.idle();
    await rig.save("a", slowText("new"));
    const look = rig.reconciler.observe("a", "event");
    await inGuard("a");
    rig.reconciler.setPaused("a", true);
    await look;
    rig.reconciler.due("b");
    await rig.reconciler.queue.idle();
    expect((await rig.held("b"))["a"]).toBe("old\n");
    rig.reconciler.setPaused("a", false);
    await rig.reconciler.observe("a", "request");
    await rig.reconciler.queue.idle();
    expect((await rig.held("b"))["a"]).toMatch(/^new/);
  });

  it("what it read becomes another repo's, of another group: a peer that joins gets nothing of it", async () => {
    rig = await Rig.create(directory.path, {
      a: { stateFile: "sub/STATE.md" },
      b: {},
      n: { publish: false },
    });
    await mkdir(directory.at("a", "sub"));
    await rig.change("a", "of sub alone\n");
    await rig.reconciler.queue.idle();
    expect(await rig.cache("n")).toContain("of sub alone");
    await rm(dirname(rig.cacheFile("n")), { recursive: true });
    const sub = { path: directory.at("a", "sub"), groups: ["secret"] };
    rig.adopt({ a: { stateFile: "sub/STATE.md" }, b: {}, n: {}, sub });
    await rig.reconciler.observe("a", "start");
    rig.reconciler.due("n");
    await rig.reconciler.queue.idle();
    expect(rig.reconciler.sources.get("a")?.fault?.code).toBe("STATE_FILE_OUTSIDE");
    expect(await rig.cache("n")).not.toContain("of sub alone");
  });
});

describe("while the guard looks through what stands in a cache", () => {
  it("a peer leaves the group: the turn writes nothing of it any more", async () => {
    const guard = { patterns: SLOW, allow: [] };
    rig = await Rig.create(directory.path, { a: {}, b: {}, z: {} }, { guard });
    await rig.change("b", "b\n");
    await rig.change("a", "v1\n");
    await rig.change("z", slowText("z"));
    await rig.reconciler.queue.idle();
    await rm(rig.stateFile("z"));
    await rig.restart({ guard: { patterns: { ...SLOW, other: "ZZZ[0-9]{8}" }, allow: [] } });
    // Its turn at b's cache begins, and waits a moment for the guard to look at z's section.
    await rig.change("a", "private news\n");
    rig.adopt({ a: { groups: ["other"] }, b: {}, z: {} });
    await rig.reconciler.queue.idle();
    expect(await rig.cache("b")).not.toContain("private");
    expect(
      rig.events("section.written").filter(({ cache, repo }) => cache === "b" && repo === "a"),
    ).toHaveLength(1);
  });

  it("the config changes once more: what a new rule finds goes all the same", async () => {
    rig = await Rig.create(directory.path, { a: { subscribe: false }, b: {} });
    await rig.change("a", "the record MRN-12345678\n");
    await rig.reconciler.queue.idle();
    await rm(rig.stateFile("a"));
    await rig.reconciler.observe("a", "event");
    await rig.reconciler.queue.idle();
    const cleaning = rig.guard({ patterns: { record: "MRN-[0-9]{8}" }, allow: [] });
    // The same rules in another config, again and again while the turn that cleans is under way.
    for (let edit = 0; edit < 40; edit += 1) {
      rig.adopt({ a: { subscribe: false }, b: {} });
      await delay(5);
    }
    await cleaning;
    await eventually(
      "b to be clean",
      async () => (await rig.held("b"))["a"] === "the record [REDACTED:record]\n",
    );
  });
});

describe("a late edit of a cache", () => {
  it("whose turn fails is merged by the next that does not", async () => {
    rig = await Rig.create(directory.path, { a: {}, b: {} });
    await rig.change("a", "one\n");
    await rig.reconciler.queue.idle();
    const editor = await open(rig.cacheFile("b"), "a");
    await rig.change("a", "two\n");
    await rig.reconciler.queue.idle();
    const place = dirname(rig.cacheFile("b"));
    await rename(place, `${place}.aside`);
    await writeFile(place, "");
    await editor.write("my own note\n");
    await editor.close();
    await eventually("the turn to fail", () => rig.events("cache.failed").length > 0);
    await rm(place);
    await rename(`${place}.aside`, place);
    await eventually("the note to be there", async () => (await rig.cache("b")).includes("my own note"));
    expect(await rig.held("b")).toEqual({ a: "two\n" });
  });
});
