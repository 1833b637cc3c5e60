// From the save of one state file to the moment that the last peer's cache is complete.
import { setTimeout as delay } from "node:timers/promises";
import { withContenders } from "./support/contenders.mjs";
import { quantile } from "./support/statistics.mjs";

const LIMIT_MS = 60_000;
/** More than the debounce's `wait`: each save is the first after a quiet spell. */
const PAUSE_MS = 150;

export const title = "latency: from a save to the last peer's cache complete";
export const columns = [
  ["repos", "repos"],
  ["way", "saved"],
  ["contender", ""],
  ["p50", "p50 ms", 1],
  ["p95", "p95 ms", 1],
  ["ratio", "x floor", 2],
];

export async function measure({
  scratch,
  quick,
  rounds = quick ? 8 : 20,
  sizes = [3, 10, 50],
  peers,
  progress,
}) {
  const rows = [];
  for (const repos of sizes) {
    const kinds = ["state-syncd", "floor", "floor --no-fsync", ...peers];
    await withContenders(scratch, kinds, repos, async (contenders) => {
      for (const way of ["rename", "in place"]) {
        progress(`${repos} repos, ${way}`);
        const times = await inTurn(contenders, way, rounds);
        const floor = quantile(times.get("floor").list, 0.5);
        for (const { kind, contender } of contenders) {
          const { list, wrong } = times.get(kind);
          const p50 = quantile(list, 0.5);
          const row = { repos, way, kind, contender: contender.name, p50, p95: quantile(list, 0.95), wrong };
          rows.push({ ...row, ratio: p50 / floor });
        }
      }
    });
  }
  return rows;
}

async function inTurn(contenders, way, rounds) {
  const times = new Map(contenders.map(({ kind }) => [kind, { list: [], wrong: 0 }]));
  // The first round warms what is cold.
  for (let round = -1; round < rounds; round += 1) {
    for (const { kind, scene, observing } of contenders) {
      const saver = scene.repos[(round + 1) % scene.repos.length];
      const save = scene.saving([saver], way);
      await delay(PAUSE_MS);
      const began = save();
      const { complete, lastAt } = await observing.converged([saver], LIMIT_MS);
      if (!complete) times.get(kind).wrong += 1;
      else if (round >= 0) times.get(kind).list.push((lastAt - began) / 1e6);
      await observing.drop();
    }
  }
  return times;
}
