// From the save of one state file to the moment that the last peer's cache is complete.
import { setTimeout as delay } from "node:timers/promises";
import { about, inTurn, withContenders } from "./support/contenders.mjs";
import { quantile } from "./support/statistics.mjs";

const LIMIT_MS = 60_000;
/** With the others' turns between, far more than the debounce's `wait`: each save is the first after a quiet spell. */
const PAUSE_MS = 150;

/** A daemon runs for weeks: what it does at each save has long been compiled. */
const WARM_UPS = 8;

const title = "One save, until the last peer's cache is complete";
const columns = [
  ["repos", "repos", 0],
  ["way", "saved"],
  ["contender", ""],
  ["p50", "p50 ms", 1],
  ["p95", "p95 ms", 1],
  ["ratio", "x floor", 2],
];

export async function measure({
  scratch,
  quick,
  rounds,
  sizes = quick ? [3, 10] : [3, 10, 50],
  peers,
  progress,
}) {
  const rows = [];
  for (const repos of sizes) {
    const kinds = ["state-syncd", "floor", "floor --no-fsync", ...peers];
    await withContenders(scratch, kinds, repos, async (contenders) => {
      for (const way of ["rename", "in place"]) {
        progress(`${repos} repos, ${way}`);
        const found = await inTurn(
          contenders,
          rounds ?? (quick ? 8 : 20),
          LIMIT_MS,
          (one, number) => latency(one, way, number),
          WARM_UPS,
        );
        const floor = quantile(times(found.get("floor")), 0.5);
        for (const one of contenders) {
          const list = times(found.get(one.kind));
          const p50 = quantile(list, 0.5);
          rows.push({ repos, way, ...about(one), p50, p95: quantile(list, 0.95), ratio: p50 / floor });
        }
      }
    });
  }
  return [{ name: "latency", title, columns, rows }];
}

function times(rounds) {
  return rounds.filter(({ complete }) => complete).map(({ ms }) => ms);
}

async function latency({ scene, observing }, way, number) {
  const saver = scene.repos[number % scene.repos.length];
  const save = scene.saving([saver], way);
  await delay(PAUSE_MS);
  const began = save();
  const { complete, lastAt } = await observing.converged([saver], LIMIT_MS);
  await observing.drop();
  return { complete, ms: (lastAt - began) / 1e6 };
}
