// What a daemon takes that has nothing to do, what a rescan takes, and what it holds.
import { performance } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import { fineCpuSeconds, residentMegabytes, wakeUps } from "./support/process-cost.mjs";
import { Scene } from "./support/scene.mjs";
import { StateSyncd } from "./support/state-syncd.mjs";

/** After the start, until the collector has cleared up behind it: it does so some eight seconds later, up to three times. */
const REST_MS = 24_000;
/** From the beginning of the start: the first rescan, which is measured apart, comes after 54 s at the earliest. */
const END_MS = 52_000;
const LEAST_WINDOW_MS = 10_000;
const RESCAN_SECONDS = 2;
const BARE = 'import "chokidar"; setInterval(() => {}, 2 ** 30);';

export async function measure({ scratch, quick, sizes = quick ? [10, 100] : [10, 100, 1_000], progress }) {
  const cases = sizes.map((repos) => ({ repos, groupSize: repos > 100 ? 10 : repos, config: {} }));
  const rescan = { rescan: `${RESCAN_SECONDS}s` };
  // Each rescan has the daemon save a file of its own and see it arrive: with two repos that is all that it takes.
  const often = [100, 2].map((repos) => ({ repos, groupSize: repos, config: rescan }));
  const daemons = [];
  const windows = [];
  const bare = scratch.start(process.execPath, ["--input-type=module", "-e", BARE]);
  try {
    for (const one of [...cases, ...often]) {
      progress(`starting ${one.repos} repos${one.config.rescan === undefined ? "" : ", rescans often"}`);
      const scene = new Scene(scratch, one.repos, one.groupSize);
      const daemon = new StateSyncd(scratch, scene, one.config);
      daemons.push({ daemon, scene });
      const began = await startedTwice(daemon);
      // By the clock of each: its first rescan is a minute from its start.
      const figures = window(one.repos, daemon, began);
      figures.catch(() => undefined);
      windows.push(figures);
    }
    progress(`nothing, for ${END_MS / 1_000} s`);
    const found = await Promise.all(windows);
    const bareMegabytes = residentMegabytes(bare.pid);
    return [
      {
        name: "idle",
        title: "Nothing to do, between two rescans",
        columns: [
          ["repos", "repos", 0],
          ["cpu", "CPU s a minute", 4],
          ["wakeUps", "wake-ups a minute", 0],
          ["rss", "MB RSS", 1],
          ["ratio", "x Node with chokidar", 2],
        ],
        rows: found.slice(0, cases.length).map((row) => ({ ...row, ratio: row.rss / bareMegabytes })),
      },
      {
        name: "rescan",
        title: "A rescan, with the save to itself by which the daemon knows that it works",
        columns: [
          ["repos", "repos", 0],
          ["rescanMs", "CPU ms", 2],
        ],
        rows: found.slice(cases.length).map(({ repos, cpu }) => {
          const idle = found.slice(0, cases.length).find((other) => other.repos >= repos)?.cpu ?? 0;
          return { repos, rescanMs: ((cpu - idle) / 60) * RESCAN_SECONDS * 1_000 };
        }),
      },
      {
        name: "bare",
        title: "Beside it",
        columns: [
          ["what", ""],
          ["rss", "MB RSS", 1],
        ],
        rows: [{ what: "Node that imports chokidar", rss: bareMegabytes }],
      },
    ];
  } finally {
    await scratch.end(bare);
    for (const { daemon, scene } of daemons) {
      await daemon.stop();
      scene.remove();
    }
  }
}

/** The first start writes every cache. What a login brings is the second. @returns when that began. */
async function startedTwice(daemon) {
  await daemon.start();
  await daemon.settled();
  await daemon.stop();
  const began = performance.now();
  await daemon.start();
  return began;
}

async function window(repos, daemon, began) {
  await delay(REST_MS);
  const length = began + END_MS - performance.now();
  if (length < LEAST_WINDOW_MS)
    throw new Error(`${repos} repos take too long to start: no quiet minute is left`);
  const { pid } = daemon;
  const before = { cpu: fineCpuSeconds(pid), wakeUps: wakeUps(pid) };
  await delay(length);
  const minutes = length / 60_000;
  return {
    repos,
    cpu: (fineCpuSeconds(pid) - before.cpu) / minutes,
    wakeUps: (wakeUps(pid) - before.wakeUps) / minutes,
    rss: residentMegabytes(pid),
  };
}
