// Every repo saved at once, as after a pull in all of them: until all caches are complete, and what that took.
import { setTimeout as delay } from "node:timers/promises";
import { statSync } from "node:fs";
import { withContenders } from "./support/contenders.mjs";
import { bytesWritten, cpuSeconds } from "./support/process-cost.mjs";
import { median } from "./support/statistics.mjs";

const LIMIT_MS = 60_000;
/** Nothing is looked at while caches are being written: a look takes time from who writes. */
const QUIET_MS = 400;
const PAUSE_MS = 1_000;

export const title = "storm: all repos saved at once, until all caches are complete";
export const columns = [
  ["repos", "repos"],
  ["contender", ""],
  ["ms", "ms", 0],
  ["ratio", "x floor", 2],
  ["megabytes", "MB written", 1],
  ["amplification", "x due", 2],
  ["cpu", "CPU s", 2],
];

export async function measure({
  scratch,
  quick,
  rounds = quick ? 2 : 5,
  sizes = [10, 50, 100],
  peers,
  progress,
}) {
  const rows = [];
  for (const repos of sizes) {
    const kinds = ["state-syncd", "floor", "floor --eager", "floor --no-fsync", ...peers];
    await withContenders(scratch, kinds, repos, async (contenders) => {
      const found = new Map(contenders.map(({ kind }) => [kind, { storms: [], wrong: 0 }]));
      for (let round = -1; round < rounds; round += 1) {
        progress(`${repos} repos, round ${Math.max(round, 0) + 1} of ${rounds}`);
        for (const one of contenders) {
          const storm = await storms(one);
          if (storm === undefined) found.get(one.kind).wrong += 1;
          else if (round >= 0) found.get(one.kind).storms.push(storm);
        }
      }
      const floor = median(found.get("floor").storms.map(({ ms }) => ms));
      for (const { kind, contender } of contenders) {
        const { storms, wrong } = found.get(kind);
        const [ms, megabytes, amplification, cpu] = ["ms", "megabytes", "amplification", "cpu"].map((key) =>
          median(storms.map((storm) => storm[key])),
        );
        rows.push({
          repos,
          kind,
          contender: contender.name,
          ms,
          ratio: ms / floor,
          megabytes,
          amplification,
          cpu,
          wrong,
        });
      }
    });
  }
  return rows;
}

async function storms({ contender, scene, observing }) {
  const save = scene.saving(scene.repos, "rename");
  await delay(PAUSE_MS);
  const before = { bytes: bytesWritten(contender.pid), cpu: cpuSeconds(contender.pid) };
  const began = save();
  const { complete, lastAt } = await observing.converged(scene.repos, LIMIT_MS, QUIET_MS);
  const bytes = bytesWritten(contender.pid) - before.bytes;
  const cpu = cpuSeconds(contender.pid) - before.cpu;
  const due = contender.targets().reduce((sum, { path }) => sum + statSync(path).size, 0);
  await observing.drop();
  if (!complete) return undefined;
  return { ms: (lastAt - began) / 1e6, megabytes: bytes / 1e6, amplification: bytes / due, cpu };
}
