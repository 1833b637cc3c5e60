import { closeSync, openSync, statSync, utimesSync, writeSync } from "node:fs";
import { afterEach, expect, it } from "vitest";
import { identityAt } from "../../src/store/identity.ts";
import { canMount, Mounts } from "../support/mounts.ts";
import { useTempDirectory } from "../support/temp-dir.ts";
import { Rig } from "./rig.ts";

const temp = useTempDirectory();
const mounts = new Mounts();
afterEach(() => mounts.end());

const LONG_AGO = 1_700_000_000;

it.runIf(canMount())(
  "what a tool writes with the time put back, in the tick in which a turn found the cache in order, is kept",
  async () => {
    mounts.ramfs(temp.path);
    const rig = await Rig.create(temp.path, { a: {}, b: {} });
    try {
      await rig.change("a", "one\n");
      await rig.reconciler.queue.idle();
      const file = rig.cacheFile("b");
      const write = (text: string, position: number): void => {
        const descriptor = openSync(file, "r+");
        writeSync(descriptor, text, position);
        closeSync(descriptor);
        utimesSync(file, LONG_AGO, LONG_AGO);
      };
      const end = statSync(file).size;
      let isSame = false;
      for (let round = 0; !isSame; round += 1) {
        write(`note ${String(round).padStart(5, "0")}\n`, end);
        await rig.reconciler.lane("b").turn();
        const seen = await identityAt(file);
        write("note meant\n", end);
        isSame = (await identityAt(file)) === seen;
      }
      await rig.change("a", "two\n");
      await rig.reconciler.queue.idle();
      expect(await rig.cache("b")).toContain("two\n");
      expect(await rig.cache("b")).toContain("note meant\n");
    } finally {
      await rig.reconciler.close();
    }
  },
);
