import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { setImmediate as turn, setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { useTempDirectory } from "../support/temp-dir.ts";
import { outcomes, Rig } from "./rig.ts";

const directory = useTempDirectory();
const unhandled: unknown[] = [];
const note = (reason: unknown): void => void unhandled.push(reason);
let rig: Rig;
beforeEach(async () => {
  unhandled.length = 0;
  process.on("unhandledRejection", note);
  rig = await Rig.create(directory.path, { a: {}, b: {}, c: {} });
  await rig.save("a", "state of a\n");
});
afterEach(async () => {
  await rig.reconciler.close();
  await delay(0);
  process.off("unhandledRejection", note);
  if (unhandled.length > 0)
    throw new AggregateError(unhandled, "a promise was rejected and nobody handled it");
});

describe("a fault stays where it is, is told once, and heals when its cause is gone", () => {
  const aibrain = (): string => directory.at("b", ".aibrain");
  const faults: readonly (readonly [string, string, () => Promise<unknown>, () => Promise<unknown>])[] = [
    [".aibrain is a file", "CACHE_NOT_DIRECTORY", () => writeFile(aibrain(), ""), () => rm(aibrain())],
    [
      "the repo's disk is away",
      "REPO_MISSING",
      () => rm(directory.at("b", "README.md")),
      () => writeFile(directory.at("b", "README.md"), ""),
    ],
  ];

  it.each(faults)("%s: %s", async (_, code, harm, mend) => {
    await harm();
    expect(outcomes(await rig.sync("a"))).toEqual([`a>b failed ${code}`, "a>c written"]);
    expect(rig.reconciler.lane("b").fault).toMatchObject({ code, repo: "b" });
    await rig.change("a", "newer\n");
    await rig.reconciler.queue.idle();
    expect(await rig.held("c")).toEqual({ a: "newer\n" });
    expect(rig.events("cache.failed")).toHaveLength(1);
    await mend();
    await eventually(
      "the cache to be written by itself",
      async () => (await rig.held("b"))["a"] === "newer\n",
    );
    await eventually("the fault to be over", () => rig.reconciler.lane("b").fault === undefined);
    expect(rig.events("cache.recovered")).toEqual([{ event: "cache.recovered", cache: "b" }]);
  });

  it("a one-off command tries once", async () => {
    const oneOff = await Rig.create(await directory.make("one-off"), { a: {}, b: {} }, {}, false);
    await oneOff.save("a", "x");
    await writeFile(directory.at("one-off", "b", ".aibrain"), "");
    expect(outcomes(await oneOff.sync("a"))).toEqual(["a>b failed CACHE_NOT_DIRECTORY"]);
    await rm(directory.at("one-off", "b", ".aibrain"));
    await delay(500);
    expect(await oneOff.cache("b")).toBe("");
    await oneOff.reconciler.close();
  });

  it("where no copy of an old cache can be made, it is not replaced", async () => {
    await mkdir(directory.at("b", ".aibrain"));
    const old = "# Global State Cache\n\n## A State\n\n**Last Synced**: Never\n\n*No state cached yet...*\n";
    await writeFile(rig.cacheFile("b"), old);
    await mkdir(rig.paths.stateDirectory, { recursive: true });
    await writeFile(rig.paths.copiesDirectory, "");
    expect(outcomes(await rig.sync("a"))).toEqual(["a>b failed COPY_FAILED", "a>c written"]);
    expect(await readFile(rig.cacheFile("b"), "utf8")).toBe(old);
  });
});

describe("nobody waits for a turn that will not come", () => {
  /** Something long enough in hand for a second request to have to wait. */
  async function meanwhile(change: () => unknown): Promise<string[]> {
    const first = rig.sync("a");
    const second = rig.sync("a");
    while (rig.reconciler.queue.depth === 0) await turn();
    change();
    return outcomes([...(await first), ...(await second)]);
  }

  it("a repo is paused", async () => {
    const told = await meanwhile(() => rig.reconciler.setPaused("b", true));
    expect(told).toHaveLength(4);
    expect(told).toContain("a>b failed PAUSED");
  });

  it("a repo leaves the config", async () => {
    expect((await meanwhile(() => rig.adopt({ a: {}, c: {} }))).length).toBeGreaterThan(0);
  });

  it("everything is closed", async () => {
    expect(await meanwhile(() => void rig.reconciler.close())).toHaveLength(4);
    expect(outcomes(await rig.sync("a"))).toEqual([
      "a>b failed DAEMON_NOT_RUNNING",
      "a>c failed DAEMON_NOT_RUNNING",
    ]);
  });
});

describe("a config that changes in the middle of a turn", () => {
  it.each([
    ["the repo leaves", { a: {}, c: {} }],
    ["the repo subscribes no more", { a: {}, b: { subscribe: false }, c: {} }],
    ["the repo becomes passive", { a: {}, b: { role: "passive" }, c: {} }],
  ] as const)("%s: its cache is not written any more, and nothing breaks", async (_, options) => {
    for (let round = 0; round < 40; round += 1) {
      rig.adopt({ a: {}, b: {}, c: {} });
      await rig.change("a", `round ${round}\n`);
      // At another moment of the turn each time.
      const until = performance.now() + (round % 20) / 4;
      while (performance.now() < until) await turn();
      rig.adopt(options);
      await rig.reconciler.queue.idle();
      await rig.reconciler.reconcileAll("event");
      await rig.reconciler.queue.idle();
      // What was being renamed in that moment may still come, but half of nothing stays.
      const names = await readdir(directory.at("b", ".aibrain")).catch(() => []);
      expect(names.filter((name) => name !== "global-state-cache.md")).toEqual([]);
      expect((await rig.held("c"))["a"]).toBe(`round ${round}\n`);
    }
  });
});
