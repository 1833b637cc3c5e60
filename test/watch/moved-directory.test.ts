import { cp, mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Report } from "../../src/sync/report.ts";
import { FileWatch } from "../../src/watch/file-watch.ts";
import { Watching } from "../../src/watch/watching.ts";
import { eventually } from "../support/eventually.ts";
import { useTempDirectory } from "../support/temp-dir.ts";
import { Rig } from "../sync/rig.ts";

const temp = useTempDirectory();
let rig: Rig;
let files: FileWatch;
let watching: Watching;
beforeEach(async () => {
  rig = await Rig.create(temp.path, { a: { stateFile: "docs/STATE.md" }, b: { publish: false } });
  await mkdir(join(rig.repo("a").path, "docs"));
  await rig.save("a", "first\n");
  await rig.reconciler.reconcileAll("start");
  await rig.reconciler.queue.idle();
  const report: Report = () => undefined;
  files = new FileWatch(report);
  watching = new Watching(rig.reconciler, files, report);
  watching.apply(rig.reconciler.registry);
  await files.ready();
  await watching.rescan();
});
afterEach(async () => {
  watching.close();
  files.close();
  await rig.reconciler.close();
});

/** Another directory with the same things in it takes the place of one. */
async function exchange(directory: string): Promise<void> {
  await cp(directory, `${directory}.new`, { recursive: true });
  await rename(directory, `${directory}.old`);
  await rename(`${directory}.new`, directory);
}

describe("another directory comes in the place of one that is watched, and is known to all but the watch", () => {
  it("a state file: its next save is heard, and not found by a rescan", async () => {
    await exchange(rig.repo("a").path);
    await rig.save("a", "second\n");
    // Who syncs has the new file read. The watch is still on the old one.
    await rig.sync("a");
    expect(await rig.cache("b")).toContain("second");
    await watching.rescan();
    await rig.save("a", "third\n");
    await eventually("the save to arrive by its event", async () => (await rig.cache("b")).includes("third"));
  });

  it("a state file of a repo that is paused: its first save afterwards is heard", async () => {
    rig.reconciler.setPaused("a", true);
    await exchange(rig.repo("a").path);
    await watching.rescan();
    rig.reconciler.setPaused("a", false);
    await rig.save("a", "second\n");
    await eventually("the save to arrive by its event", async () =>
      (await rig.cache("b")).includes("second"),
    );
  });

  it("a cache: what others do to it next is heard, and not found by a rescan", async () => {
    await exchange(rig.repo("b").path);
    // A turn writes into the new one.
    await rig.change("a", "second\n");
    await rig.reconciler.queue.idle();
    expect(await rig.cache("b")).toContain("second");
    await watching.rescan();
    await writeFile(rig.cacheFile("b"), "");
    await eventually("the cache to be healed", async () => (await rig.cache("b")).includes("second"));
  });
});
