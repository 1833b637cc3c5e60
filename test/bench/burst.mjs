// A hundred saves of one file within a second, as of an agent that edits and edits: how often each
// cache is written for it, what that takes, and how soon after the last save all is right.
import { performance } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import { about, inTurn, withContenders } from "./support/contenders.mjs";
import { cpuSeconds } from "./support/process-cost.mjs";
import { median } from "./support/statistics.mjs";

const REPOS = 10;
const SAVES = 100;
const STEP_MS = 10;
const LIMIT_MS = 10_000;
const QUIET_MS = 400;
const PAUSE_MS = 500;

const columns = [
  ["contender", ""],
  ["writes", "writes a cache", 0],
  ["cpu", "CPU s", 2],
  ["ratio", "x floor", 2],
  ["ms", "ms from the last save", 0],
];

export async function measure({ scratch, quick, rounds, peers, progress }) {
  const kinds = ["state-syncd", "floor", ...peers];
  progress(`${SAVES} saves to one of ${REPOS} repos`);
  const rows = await withContenders(scratch, kinds, REPOS, async (contenders) => {
    const found = await inTurn(contenders, rounds ?? (quick ? 2 : 5), LIMIT_MS, burst);
    const of = (kind, key) => median(found.get(kind).map((one) => one[key]));
    return contenders.map((one) => {
      const [writes, cpu, ms] = ["writes", "cpu", "ms"].map((key) => of(one.kind, key));
      // What has not become right has taken its time all the same.
      return { ...about(one), writes, cpu, ratio: cpu / of("floor", "cpu"), ms };
    });
  });
  return [{ name: "burst", title: `${SAVES} saves in a second to one of ${REPOS} repos`, columns, rows }];
}

async function burst({ contender, scene, observing }) {
  const [saver] = scene.repos;
  await delay(PAUSE_MS);
  const before = cpuSeconds(contender.pid);
  const began = performance.now();
  let last;
  for (let number = 0; number < SAVES; number += 1) {
    await delay(Math.max(0, began + number * STEP_MS - performance.now()));
    last = scene.saving([saver], "rename")();
  }
  const { complete, lastAt, counts } = await observing.converged([saver], LIMIT_MS, QUIET_MS);
  const cpu = cpuSeconds(contender.pid) - before;
  await observing.drop();
  const ms = complete ? { ms: (lastAt - last) / 1e6 } : {};
  return { complete, writes: Math.max(...counts), cpu, ...ms };
}
