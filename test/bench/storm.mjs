// Every repo saved at once, as after a pull in all of them: until all caches are complete, and what that took.
import { statSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { about, inTurn, withContenders } from "./support/contenders.mjs";
import { bytesWritten, cpuSeconds, residentMegabytes } from "./support/process-cost.mjs";
import { mediansOf } from "./support/statistics.mjs";

const LIMIT_MS = 60_000;
/** Nothing is looked at while caches are being written: a look takes time from who writes. */
const QUIET_MS = 400;
const PAUSE_MS = 500;
const KEYS = ["ms", "megabytes", "amplification", "cpu", "rss"];

const title = "All repos saved at once, until all caches are complete";
const columns = [
  ["repos", "repos", 0],
  ["contender", ""],
  ["ms", "ms", 0],
  ["ratio", "x floor", 2],
  ["megabytes", "MB written", 1],
  ["amplification", "x what must be", 2],
  ["cpu", "CPU s", 2],
  ["rss", "MB RSS after", 0],
];

export async function measure({
  scratch,
  quick,
  rounds,
  sizes = quick ? [10, 50] : [10, 50, 100],
  peers,
  progress,
}) {
  const rows = [];
  for (const repos of sizes) {
    const kinds = ["state-syncd", "floor", "floor --eager", ...peers];
    progress(`${repos} repos`);
    await withContenders(scratch, kinds, repos, async (contenders) => {
      const found = await inTurn(contenders, rounds ?? (quick ? 2 : 3), LIMIT_MS, storm);
      const floor = mediansOf(found.get("floor"), KEYS).ms;
      for (const one of contenders) {
        const medians = mediansOf(found.get(one.kind), KEYS);
        rows.push({ repos, ...about(one), ...medians, ratio: medians.ms / floor });
      }
    });
  }
  return [{ name: "storm", title, columns, rows }];
}

async function storm({ contender, scene, observing }) {
  const save = scene.saving(scene.repos, "rename");
  await delay(PAUSE_MS);
  const before = { bytes: bytesWritten(contender.pid), cpu: cpuSeconds(contender.pid) };
  const began = save();
  const { complete, lastAt } = await observing.converged(scene.repos, LIMIT_MS, QUIET_MS);
  const bytes = bytesWritten(contender.pid) - before.bytes;
  const cpu = cpuSeconds(contender.pid) - before.cpu;
  const rss = residentMegabytes(contender.pid);
  const due = contender.targets().reduce((sum, { path }) => sum + statSync(path).size, 0);
  await observing.drop();
  const ms = (lastAt - began) / 1e6;
  return { complete, ms, megabytes: bytes / 1e6, amplification: bytes / due, cpu, rss };
}
