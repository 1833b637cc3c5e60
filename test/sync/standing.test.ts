import { execFileSync } from "node:child_process";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { originalWrite } from "../core/original-utility.ts";
import { textsUnder, useTempDirectory } from "../support/temp-dir.ts";
import { Rig } from "./rig.ts";

const directory = useTempDirectory();
let rig: Rig;
afterEach(() => rig.reconciler.close());

const RECORD = "MRN-00123456";
const NOTES = `# a\n\nSeen ${RECORD} today.\n`;
const CLEAN = "# a\n\nSeen [REDACTED:record] today.\n";
const RULE = { patterns: { record: "MRN-[0-9]{8}" }, allow: [] };
const TOKEN = `ghp_${"a1B2c3D4e5F6g7H8i9J0".repeat(2).slice(0, 36)}`;

async function prepare(options: Parameters<typeof Rig.create>[1] = { a: {}, b: {}, c: {} }): Promise<void> {
  // One that does not stay waits for the guard as long as it takes.
  rig = await Rig.create(directory.path, options, {}, false);
  await rig.save("a", NOTES);
  await rig.save("b", "state of b\n");
  await rig.reconciler.reconcileAll("start");
  await rig.reconciler.queue.idle();
}

describe("a rule that comes later", () => {
  beforeEach(() => prepare());

  it("counts for what the peers hold of a file that is gone", async () => {
    expect((await rig.held("b"))["a"]).toBe(NOTES);
    await rm(rig.stateFile("a"));
    await rig.guard(RULE);
    for (const peer of ["b", "c"]) expect((await rig.held(peer))["a"]).toBe(CLEAN);
    expect((await rig.sections("b"))[0]).toMatchObject({ repo: "a", secrets: 1 });
    expect(textsUnder(rig.repo("b").path).includes(RECORD)).toBe(false);
    expect(rig.events("section.cleaned")).toHaveLength(2);
    expect(JSON.stringify(rig.reported)).not.toContain(RECORD);
  });

  it("counts for it once: from then on nothing is written", async () => {
    await rm(rig.stateFile("a"));
    await rig.guard(RULE);
    const before = rig.events("cache.replaced").length;
    await rig.reconciler.reconcileAll("rescan");
    await rig.reconciler.queue.idle();
    await rig.restart();
    await rig.reconciler.reconcileAll("start");
    await rig.reconciler.queue.idle();
    expect(rig.events("cache.replaced")).toHaveLength(before);
    expect((await rig.held("c"))["a"]).toBe(CLEAN);
  });

  it("counts for what the peers hold of a file that is held back, and what it holds then is as it was", async () => {
    await rig.save("a", "<<<<<<< HEAD\nours\n=======\ntheirs\n>>>>>>> other\n");
    await rig.guard(RULE);
    expect((await rig.held("b"))["a"]).toBe(CLEAN);
    await rig.change("a", "resolved\n");
    await rig.reconciler.queue.idle();
    expect((await rig.held("b"))["a"]).toBe("resolved\n");
  });

  it("was there while no daemon ran: the next one cleans up at its start", async () => {
    await rm(rig.stateFile("a"));
    await rig.restart({ guard: RULE });
    await rig.reconciler.reconcileAll("start");
    await rig.reconciler.queue.idle();
    expect((await rig.held("c"))["a"]).toBe(CLEAN);
  });

  it("leaves what people wrote into their own repo's cache alone", async () => {
    const cache = await rig.cache("b");
    await writeFile(rig.cacheFile("b"), `${cache}\nmy own note on ${RECORD}\n`);
    await rm(rig.stateFile("a"));
    await rig.guard(RULE);
    expect(await rig.cache("b")).toContain(`my own note on ${RECORD}`);
    expect((await rig.held("b"))["a"]).toBe(CLEAN);
  });

  it("counts for a section whose delimiters do not certify it, and leaves these as they are", async () => {
    const cache = await rig.cache("b");
    await writeFile(rig.cacheFile("b"), cache.replace("Seen", "Have seen"));
    await rm(rig.stateFile("a"));
    const hex = { patterns: { record: "MRN-[0-9]{8}", digest: "[0-9a-f]{64}" }, allow: [] };
    await rig.guard(hex);
    const after = await rig.cache("b");
    expect(after).toContain("Have seen [REDACTED:record] today.");
    expect(after).not.toContain(RECORD);
    expect(after.match(/<!-- state-syncd:(?:begin|end) repo="a" /g)).toHaveLength(2);
  });

  it("takes no more than what it means out of what two peers say alike", async () => {
    await rig.save("b", NOTES);
    await rig.reconciler.observe("b", "event");
    await rig.reconciler.queue.idle();
    await rm(rig.stateFile("a"));
    await rig.guard(RULE);
    expect(await rig.held("c")).toEqual({ a: CLEAN, b: CLEAN });
  });
});

describe("onSecret: block", () => {
  it("lets the peers keep the last good state, without what a new rule found in it", async () => {
    await prepare({ a: { onSecret: "block" }, b: {}, c: {} });
    expect((await rig.held("b"))["a"]).toBe(NOTES);
    await rig.guard(RULE);
    expect((await rig.held("b"))["a"]).toBe(CLEAN);
    expect(rig.reconciler.sources.get("a")?.fault?.code).toBe("STATE_FILE_SECRET");
    await rig.change("a", `${NOTES}\nmore\n`);
    await rig.reconciler.queue.idle();
    expect((await rig.held("b"))["a"]).toBe(CLEAN);
    await rig.change("a", "nothing to hide\n");
    await rig.reconciler.queue.idle();
    expect((await rig.held("b"))["a"]).toBe("nothing to hide\n");
  });
});

describe("what the original utility had copied", () => {
  it("of a repo that cannot be read now does not stand in our delimiters unlooked at", async () => {
    rig = await Rig.create(directory.path, { a: {}, b: {} }, {}, false);
    const old = originalWrite(undefined, "a", `# a\n\ntoken ${TOKEN}\n`, "2026-01-01T00:00:00");
    await mkdir(dirname(rig.cacheFile("b")), { recursive: true });
    await writeFile(rig.cacheFile("b"), old);
    await rig.reconciler.reconcileAll("start");
    await rig.reconciler.queue.idle();
    const cache = await rig.cache("b");
    expect(cache).toContain("[REDACTED:github-token]");
    expect(cache).toContain("## A State\n");
    expect(cache).not.toContain(TOKEN);
    // Copies are for the user, in a private directory.
    expect(await rig.copies("b")).toEqual([old.toString()]);
  });
});

describe("a branch's name that a new rule finds", () => {
  it("goes from the heads of what stands, and of what is the same text as before", async () => {
    rig = await Rig.create(directory.path, { a: {}, b: {} }, {}, false);
    const git = (...args: readonly string[]): unknown =>
      execFileSync("git", ["-C", rig.repo("a").path, "-c", "user.name=a", "-c", "user.email=a@b", ...args]);
    git("init", "-q", "-b", `fix/${RECORD}`);
    git("commit", "-q", "--allow-empty", "-m", "first");
    await rig.save("a", "no secret in it\n");
    await rig.reconciler.reconcileAll("start");
    await rig.reconciler.queue.idle();
    expect(await rig.cache("b")).toContain(`fix/${RECORD} @ `);
    await rig.guard(RULE);
    expect(await rig.cache("b")).not.toContain(RECORD);
    expect(await rig.cache("b")).toContain("fix/[REDACTED:record] @ ");
    await rig.sync("a");
    expect(await rig.cache("b")).not.toContain(RECORD);
    expect(await rig.held("b")).toEqual({ a: "no secret in it\n" });
  });
});
