// A start with a thousand repos and nothing to do: all has been brought to everyone before.
import { setTimeout as delay } from "node:timers/promises";
import { cpuSeconds, residentMegabytes } from "./support/process-cost.mjs";
import { Scene } from "./support/scene.mjs";
import { StateSyncd } from "./support/state-syncd.mjs";
import { median } from "./support/statistics.mjs";

const GROUP_SIZE = 10;
/** What goes on behind the word that it is ready counts too. */
const AFTER_MS = 3_000;

export async function measure({
  scratch,
  quick,
  rounds = quick ? 2 : 3,
  sizes = quick ? [100] : [1_000],
  progress,
}) {
  const rows = [];
  for (const repos of sizes) {
    progress(`${repos} repos in groups of ${GROUP_SIZE}`);
    const scene = new Scene(scratch, repos, GROUP_SIZE);
    const daemon = new StateSyncd(scratch, scene);
    const starts = [];
    try {
      await daemon.start();
      await daemon.settled();
      await daemon.stop();
      for (let round = 0; round < rounds; round += 1) {
        scratch.settle();
        const ms = await daemon.start();
        const cpu = cpuSeconds(daemon.pid);
        await delay(AFTER_MS);
        starts.push({ ms, cpu, after: cpuSeconds(daemon.pid), rss: residentMegabytes(daemon.pid) });
        await daemon.stop();
      }
    } finally {
      await daemon.stop();
      scene.remove();
    }
    const of = (key) => median(starts.map((start) => start[key]));
    rows.push({ repos, ms: of("ms"), cpu: of("cpu"), after: of("after"), rss: of("rss") });
  }
  const columns = [
    ["repos", "repos", 0],
    ["ms", "ms until ready", 0],
    ["cpu", "CPU s until then", 2],
    ["after", `CPU s ${AFTER_MS / 1_000} s later`, 2],
    ["rss", "MB RSS", 0],
  ];
  return [
    { name: "ready", title: `A start with nothing to do, repos in groups of ${GROUP_SIZE}`, columns, rows },
  ];
}
