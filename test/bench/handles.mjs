// What a daemon takes of the system's limits: inotify watches and instances, file descriptors, memory.
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Scene } from "./support/scene.mjs";
import { peakMegabytes, residentMegabytes } from "./support/process-cost.mjs";
import { StateSyncd } from "./support/state-syncd.mjs";

/** Displaced files are kept open for a quarter of a second after the last write. */
const REST_MS = 1_500;
const STEP_MS = 5;

const columns = [
  ["repos", "repos", 0],
  ["groupSize", "a group", 0],
  ["watches", "watches", 0],
  ["instances", "instances", 0],
  ["descriptors", "descriptors", 0],
  ["most", "most in a storm", 0],
  ["rss", "MB RSS", 1],
  ["startPeak", "MB most, start", 0],
  ["stormPeak", "MB most, storm", 0],
];

export async function measure({ scratch, quick, sizes = quick ? [10] : [10, 50, 100], progress }) {
  const rows = [];
  for (const [repos, groupSize] of sizes.flatMap((count) => [
    [count, count],
    [count, Math.min(count, 10)],
  ])) {
    if (rows.some((row) => row.repos === repos && row.groupSize === groupSize)) continue;
    progress(`${repos} repos in groups of ${groupSize}`);
    const scene = new Scene(scratch, repos, groupSize);
    const daemon = new StateSyncd(scratch, scene);
    try {
      await daemon.start();
      await daemon.settled();
      await daemon.stop();
      await daemon.start();
      await delay(REST_MS);
      const startPeak = peakMegabytes(daemon.pid);
      const atRest = { ...held(daemon.pid), rss: residentMegabytes(daemon.pid) };
      const most = await mostInStorm(daemon, scene);
      rows.push({ repos, groupSize, ...atRest, startPeak, most, stormPeak: peakMegabytes(daemon.pid) });
    } finally {
      await daemon.stop();
      scene.remove();
    }
  }
  return [{ name: "handles", title: "What a daemon holds", columns, rows }];
}

/** The most descriptors at one time, from the save of every repo until all caches are complete. */
async function mostInStorm(daemon, scene) {
  let most = 0;
  let over = false;
  scene.saving(scene.repos, "rename")();
  const settled = daemon.settled().finally(() => (over = true));
  while (!over) {
    most = Math.max(most, descriptorsOf(daemon.pid).length);
    await delay(STEP_MS);
  }
  await settled;
  return most;
}

function held(pid) {
  const descriptors = descriptorsOf(pid);
  const inotify = descriptors.filter((name) => linkOf(pid, name) === "anon_inode:inotify");
  const watches = inotify.flatMap(
    (name) => readFileSync(`/proc/${pid}/fdinfo/${name}`, "utf8").match(/^inotify wd:/gm) ?? [],
  );
  return { watches: watches.length, instances: inotify.length, descriptors: descriptors.length };
}

function descriptorsOf(pid) {
  return readdirSync(`/proc/${pid}/fd`);
}

function linkOf(pid, name) {
  try {
    return readlinkSync(join(`/proc/${pid}/fd`, name));
  } catch {
    // Closed since.
    return undefined;
  }
}
