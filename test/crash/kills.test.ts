import { rm } from "node:fs/promises";
import { afterEach, describe, expect, it } from "vitest";
import { seeded } from "../support/random.ts";
import { Workspace } from "../support/workspace.ts";
import { Auditor } from "./auditor.ts";
import { Killer } from "./killer.ts";
import { Storm } from "./storm.ts";

const soak = process.env["SOAK"] !== undefined;
const KILLS = soak ? 1_000 : 40;
/** After so many kills the storm pauses, and everything has to come to rest. */
const KILLS_A_ROUND = soak ? 40 : 10;
const REPOS = ["a", "b", "c", "d", "e", "f", "g", "h"];

let workspace: Workspace;
let storm: Storm | undefined;
afterEach(async () => {
  await storm?.calm();
  await workspace.dispose();
});

describe("a storm of saves and kills", () => {
  it(
    `kill -9 at ${KILLS} moments: each finds every cache whole; then nothing is lost, and no litter`,
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

      for (let kills = 0; kills < KILLS; kills += 1) {
        try {
          if (kills % KILLS_A_ROUND === 0) await storm.start();
          await killer.kill();
          await auditor.auditTheDead();
          if ((kills + 1) % KILLS_A_ROUND === 0) await comeToRest(storm, auditor);
        } catch (error) {
          throw new Error(`seed ${seed}, kill ${kills + 1}: ${String(error)}`, { cause: error });
        }
      }

      // Kills that all land in idle moments prove nothing.
      const { landed } = killer;
      const story = `seed ${seed}: ${JSON.stringify(landed)}; ${storm.notes.length} notes, ${auditor.unseen.size} never seen`;
      process.stdout.write(`${story}\n`);
      expect(landed["daemon starting"], story).toBeGreaterThan(0);
      expect(landed["daemon writing"], story).toBeGreaterThan(KILLS / 20);
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
