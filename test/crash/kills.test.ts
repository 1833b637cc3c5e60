import { rm } from "node:fs/promises";
import { afterEach, describe, expect, it } from "vitest";
import { seeded } from "../support/random.ts";
import { Workspace } from "../support/workspace.ts";
import { Auditor } from "./auditor.ts";
import { Killer } from "./killer.ts";
import { Storm } from "./storm.ts";
import { endVictims } from "./victim.ts";

const soak = process.env["SOAK"] !== undefined;
const KILLS = soak ? 1_000 : 30;
/** A busy machine may do with fewer. */
const LONG_ENOUGH_MS = soak ? Number.POSITIVE_INFINITY : 20_000;
/** After so many kills the storm pauses, and everything has to come to rest. */
const KILLS_A_ROUND = soak ? 40 : 10;
const REPOS = ["a", "b", "c", "d", "e", "f", "g", "h"];

let workspace: Workspace;
let storm: Storm | undefined;
afterEach(async () => {
  await storm?.calm();
  await endVictims(workspace);
  await workspace.dispose();
});

describe("a storm of saves and kills", () => {
  it(
    `kill -9 at up to ${KILLS} moments: each finds every cache whole; then nothing is lost, and no litter`,
    { timeout: soak ? 3_600_000 : 180_000 },
    async () => {
      const seed = Number(process.env["SEED"] ?? Date.now() % 1_000_000);
      workspace = await Workspace.create({
        repos: Object.fromEntries(REPOS.map((name) => [name, {}])),
        debounce: { wait: "100ms", maxWait: "200ms" },
      });
      storm = new Storm(workspace, REPOS, seed);
      const killer = new Killer(workspace, storm, seeded(seed + REPOS.length));
      const auditor = new Auditor(workspace, storm);

      const began = performance.now();
      let kills = 0;
      try {
        while (kills < KILLS && performance.now() - began < LONG_ENOUGH_MS) {
          await storm.start();
          for (const end = kills + KILLS_A_ROUND; kills < end;) {
            if (await killer.kill()) kills += 1;
            await auditor.auditTheDead();
          }
          await comeToRest(storm, auditor);
        }
      } catch (error) {
        throw new Error(`seed ${seed}, kill ${kills}: ${String(error)}`, { cause: error });
      }

      // Kills that all land in idle moments prove nothing.
      const { landed } = killer;
      const story = `seed ${seed}: ${JSON.stringify(landed)}; ${storm.notes.length} notes, ${auditor.unseen.size} never seen`;
      if (soak) process.stdout.write(`${story}\n`);
      expect(auditor.unseen.size, story).toBeLessThanOrEqual(storm.notes.length / 10);
      expect(landed["daemon starting"], story).toBeGreaterThan(0);
      expect(landed["daemon writing"], story).toBeGreaterThan(kills / 20);
    },
  );
});

async function comeToRest(storm: Storm, auditor: Auditor): Promise<void> {
  await storm.calm();
  await rm(workspace.paths.logFile, { force: true });
  const daemon = await workspace.startDaemon();
  await workspace.healthy();
  await auditor.auditTheRested();
  await daemon.kill();
  await auditor.auditTheDead();
}
