import { mkdir, readdir, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { identityAt } from "../../src/store/identity.ts";
import { noLitterUnder, useTempDirectory } from "../support/temp-dir.ts";
import { outcomes, Rig } from "./rig.ts";

const directory = useTempDirectory();
let rig: Rig;
beforeEach(async () => {
  rig = await Rig.create(directory.path, { a: {}, b: {}, c: {} });
  for (const name of ["a", "b", "c"]) await rig.save(name, `state of ${name}\n`);
});
afterEach(async () => {
  await rig.reconciler.close();
  await noLitterUnder(directory.path);
});

/** Everything that is due is done. */
async function settled(): Promise<void> {
  await rig.reconciler.queue.idle();
}

describe("sync", () => {
  it("pushes one repo to every peer and tells each edge", async () => {
    expect(outcomes(await rig.sync("a"))).toEqual(["a>b written", "a>c written"]);
    expect(await rig.held("b")).toEqual({ a: "state of a\n" });
    expect(await rig.held("c")).toEqual({ a: "state of a\n" });
    expect(await rig.cache("a")).toBe("");
  });

  it("keeps the order of the registry, whoever came first", async () => {
    await rig.sync("b");
    await rig.sync("a");
    expect((await rig.sections("c")).map((section) => section.repo)).toEqual(["a", "b"]);
  });

  it("renews Last Synced although nothing changed: the user asked", async () => {
    await rig.sync("a");
    const [before] = await rig.sections("b");
    await delay(5);
    expect(outcomes(await rig.sync("a"))).toEqual(["a>b refreshed", "a>c refreshed"]);
    const [after] = await rig.sections("b");
    expect(Date.parse(after?.syncedAt ?? "")).toBeGreaterThan(Date.parse(before?.syncedAt ?? ""));
    expect(after?.changedAt).toBe(before?.changedAt);
  });

  it("fifty at once lose nothing and leave one section of each", async () => {
    const names = ["a", "b", "c"];
    const all = await Promise.all(
      Array.from({ length: 50 }, async (_, index) => {
        const name = names[index % 3] ?? "a";
        await rig.save(name, `${name} ${index}\n`);
        return await rig.sync(name);
      }),
    );
    expect(all.flat().filter((edge) => edge.outcome === "failed")).toEqual([]);
    // What seventeen writers at once leave in a file is anything; what is saved last is what counts.
    for (const name of names) await rig.save(name, `${name} at last\n`);
    await rig.sync(...names);
    expect(await rig.held("a")).toEqual({ b: "b at last\n", c: "c at last\n" });
    expect(await rig.held("b")).toEqual({ a: "a at last\n", c: "c at last\n" });
    expect(await rig.held("c")).toEqual({ a: "a at last\n", b: "b at last\n" });
  });

  it("of an empty file goes through: whoever names it means it", async () => {
    await rig.sync("a");
    await rig.save("a", "");
    expect(outcomes(await rig.sync("a"))).toEqual(["a>b written", "a>c written"]);
    expect(await rig.held("b")).toEqual({ a: "" });
  });

  it("of a conflicted file keeps the last good state and says so", async () => {
    await rig.sync("a");
    await rig.save("a", "<<<<<<< x\n=======\n>>>>>>> y\n");
    expect((await rig.sync("a")).map((edge) => edge.fault?.code)).toEqual([
      "STATE_FILE_CONFLICT",
      "STATE_FILE_CONFLICT",
    ]);
    expect(await rig.held("b")).toEqual({ a: "state of a\n" });
  });

  it("two repos that change at the same moment both arrive", async () => {
    for (let round = 0; round < 20; round += 1) {
      await Promise.all([rig.change("a", `a ${round}\n`), rig.change("b", `b ${round}\n`)]);
      await settled();
      expect(await rig.held("c")).toEqual({ a: `a ${round}\n`, b: `b ${round}\n` });
    }
  });
});

describe("nothing changed means nothing written", () => {
  beforeEach(async () => {
    await rig.reconciler.reconcileAll("start");
    await settled();
  });

  async function caches(): Promise<unknown[]> {
    return await Promise.all(["a", "b", "c"].map((name) => identityAt(rig.cacheFile(name))));
  }

  it.each([
    ["another look at everything", () => rig.reconciler.reconcileAll("rescan")],
    [
      "a touch",
      async () => {
        await utimes(rig.stateFile("a"), new Date(), new Date(Date.now() + 60_000));
        await rig.reconciler.observe("a", "event");
        rig.reconciler.due("b");
      },
    ],
    [
      "the same bytes in another file",
      async () => {
        await writeFile(`${rig.stateFile("a")}~`, "state of a\n");
        await rename(`${rig.stateFile("a")}~`, rig.stateFile("a"));
        await rig.reconciler.reconcileAll("event");
      },
    ],
    [
      "a held file",
      async () => {
        await rig.change("a", "");
        await rig.reconciler.reconcileAll("event");
      },
    ],
    [
      "a restart",
      async () => {
        const next = rig.another();
        await next.reconcileAll("start");
        await next.close();
      },
    ],
  ])("%s", async (_, look) => {
    const before = await caches();
    expect(before).not.toContain(undefined);
    rig.reported.length = 0;
    await look();
    await settled();
    expect(await caches()).toEqual(before);
    expect(rig.events("cache.replaced")).toEqual([]);
  });
});

describe("what is held back", () => {
  it("an emptied file stays back until it is filled again", async () => {
    await rig.sync("a");
    expect(await rig.change("a", "")).toBe("held");
    await settled();
    expect(await rig.held("b")).toEqual({ a: "state of a\n" });
    expect(rig.events("state.held")).toMatchObject([{ repo: "a", code: "STATE_FILE_EMPTY" }]);
    await rig.change("a", "filled\n");
    await settled();
    expect(await rig.held("b")).toEqual({ a: "filled\n" });
    expect(rig.events("state.released")).toMatchObject([{ repo: "a" }]);
  });

  it("a deleted file leaves its last good section, over a restart too", async () => {
    await rig.sync("a");
    await rm(rig.stateFile("a"));
    await rig.reconciler.reconcileAll("event");
    await settled();
    const next = rig.another();
    await next.reconcileAll("start");
    await next.close();
    expect((await rig.held("b"))["a"]).toBe("state of a\n");
  });
});

describe("pull", () => {
  it("brings one cache up to date from every peer", async () => {
    expect(outcomes(await rig.reconciler.pull(rig.repo("c")))).toEqual(["a>c written", "b>c written"]);
    expect(await rig.held("c")).toEqual({ a: "state of a\n", b: "state of b\n" });
  });

  it("takes a peer that is gone from the newest copy in another cache", async () => {
    await rig.sync("a");
    await rig.save("a", "newer\n");
    await utimes(rig.stateFile("a"), new Date(), new Date(Date.now() + 5_000));
    rig.adopt({ a: {}, b: {} });
    await rig.sync("a");
    rig.adopt({ a: {}, b: {}, c: {} });
    await settled();
    await rm(rig.cacheFile("c"));
    await rename(rig.repo("a").path, directory.at("unmounted"));
    const next = rig.another();
    const results = await next.pull(rig.repo("c"));
    await next.close();
    expect(results.map((edge) => `${edge.from} ${edge.outcome} ${edge.fault?.code}`)).toEqual([
      "a written REPO_MISSING",
      "b written undefined",
    ]);
    expect(await rig.held("c")).toEqual({ a: "newer\n", b: "state of b\n" });
  });

  it("does not take it from a cache that may not hold it", async () => {
    // d is in no group of a; what stands in its cache in a's name did not come from a.
    const groups = { a: { groups: ["x"] }, b: { groups: ["x", "y"] }, d: { groups: ["y"] } };
    rig.adopt(groups);
    await mkdir(rig.repo("d").path);
    await writeFile(`${rig.repo("d").path}/README.md`, "");
    rig.adopt({ a: {}, b: {}, d: {} });
    await rig.sync("a");
    await rm(rig.cacheFile("b"));
    rig.reconciler.setPaused("d", true);
    rig.adopt(groups);
    await rename(rig.repo("a").path, directory.at("unmounted"));
    expect(await rig.held("d")).toEqual({ a: "state of a\n" });
    const next = rig.another();
    const results = await next.pull(rig.repo("b"));
    await next.close();
    expect(outcomes(results)).toEqual(["a>b kept REPO_MISSING", "d>b kept STATE_FILE_MISSING"]);
    expect(await rig.cache("b")).toBe("");
  });

  it("into a repo that does not subscribe writes nothing and comes to an end", async () => {
    await rig.reconciler.reconcileAll("start");
    await settled();
    const before = await identityAt(rig.cacheFile("c"));
    rig.adopt({ a: {}, b: {}, c: { subscribe: false } });
    expect(await rig.reconciler.pull(rig.repo("c"))).toEqual([]);
    expect(await identityAt(rig.cacheFile("c"))).toBe(before);
  });

  it("into a paused repo writes nothing and says that it is paused", async () => {
    rig.reconciler.setPaused("c", true);
    expect(outcomes(await rig.reconciler.pull(rig.repo("c")))).toEqual([
      "a>c failed PAUSED",
      "b>c failed PAUSED",
    ]);
    expect(await rig.cache("c")).toBe("");
  });
});

describe("who may hold what", () => {
  it("groups do not leak, a publisher is not written to, a listener is not read", async () => {
    rig.adopt({
      a: { groups: ["x"] },
      b: { groups: ["x", "y"], publish: false },
      c: { groups: ["y"], subscribe: false },
    });
    await rig.reconciler.reconcileAll("start");
    await settled();
    expect(await rig.cache("a")).toBe("");
    expect(await rig.held("b")).toEqual({ a: "state of a\n", c: "state of c\n" });
    expect(await readdir(rig.repo("c").path)).not.toContain(".aibrain");
  });

  it("a passive repo is neither read nor written", async () => {
    rig.adopt({ a: {}, b: {}, c: { role: "passive" } });
    const before = await stat(rig.stateFile("c"), { bigint: true });
    await rig.reconciler.reconcileAll("start");
    await settled();
    expect(await rig.held("a")).toEqual({ b: "state of b\n" });
    expect((await readdir(rig.repo("c").path)).sort()).toEqual(["README.md", "STATE.md"]);
    expect((await stat(rig.stateFile("c"), { bigint: true })).atimeNs).toBe(before.atimeNs);
  });

  it.each([
    ["a repo that left", { a: {}, b: {} }, { b: "state of b\n" }],
    ["a repo that left the group", { a: {}, b: {}, c: { groups: ["other"] } }, { b: "state of b\n" }],
    ["a repo that publishes no more", { a: {}, b: {}, c: { publish: false } }, { b: "state of b\n" }],
    ["a repo that became passive", { a: {}, b: {}, c: { role: "passive" } }, { b: "state of b\n" }],
  ] as const)("%s is purged from the caches it no longer may be in", async (_, options, expected) => {
    await rig.reconciler.reconcileAll("start");
    await settled();
    rig.adopt(options);
    await settled();
    expect(await rig.held("a")).toEqual(expected);
    expect(await rig.cache("a")).not.toContain("state of c");
    expect(rig.events("cache.purged")).toContainEqual({ event: "cache.purged", cache: "a", repos: ["c"] });
  });
});
