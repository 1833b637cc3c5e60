import { readdir, readFile } from "node:fs/promises";
import { systemCode } from "../errors.ts";
import { type Check, fine, type Finding, warning } from "./finding.ts";

/** One of the directory that the state file is in, and one of `.aibrain`, as `npm run bench -- --only handles` counts them. */
const WATCHES_A_REPO = 2;
/** The config, the canary, and room. */
const WATCHES_BESIDE = 16;

export interface InotifyFacts {
  readonly mostWatches: number;
  /** By all of the user's processes. */
  readonly usedWatches: number;
  readonly mostInstances: number;
  readonly usedInstances: number;
}

/** Whether the system lets the daemon watch all that it has to: the limits are the user's, and editors eat them. */
export const checkInotify: Check = async ({ platform, config, report }) => {
  if (platform !== "linux" || config === undefined) return [];
  const facts = await lookAtInotify();
  if (facts === undefined) return [];
  const repos = config.registry.repos.filter(({ role }) => role === "execution").length;
  // A daemon that runs has its own already.
  const needed = report?.daemon.running === true ? 0 : repos * WATCHES_A_REPO + WATCHES_BESIDE;
  return [judgeInotify(facts, needed)];
};

/** @param needed watches that are still to be had. */
export function judgeInotify(facts: InotifyFacts, needed: number): Finding {
  const { mostWatches, usedWatches, mostInstances, usedInstances } = facts;
  const free = mostWatches - usedWatches;
  if (free < needed || free <= 0) {
    const remedy = `\`sudo sysctl fs.inotify.max_user_watches=${Math.max(524_288, mostWatches * 2)}\`, and the same in /etc/sysctl.d to keep it.`;
    return warning(
      "inotify",
      `${usedWatches} of ${mostWatches} file watches are taken, ${needed} more are needed: without them files are polled`,
      remedy,
    );
  }
  if (mostInstances - usedInstances < (needed > 0 ? 2 : 0) || usedInstances >= mostInstances) {
    const remedy = `\`sudo sysctl fs.inotify.max_user_instances=${Math.max(512, mostInstances * 2)}\`, and the same in /etc/sysctl.d to keep it.`;
    return warning("inotify", `${usedInstances} of ${mostInstances} inotify instances are taken`, remedy);
  }
  return fine("inotify", `${usedWatches} of ${mostWatches} watches taken`);
}

async function lookAtInotify(): Promise<InotifyFacts | undefined> {
  const mostWatches = Number(await text("/proc/sys/fs/inotify/max_user_watches"));
  const mostInstances = Number(await text("/proc/sys/fs/inotify/max_user_instances"));
  if (!(mostWatches > 0) || !(mostInstances > 0)) return undefined;
  let usedWatches = 0;
  let usedInstances = 0;
  for (const pid of (await names("/proc")).filter((name) => /^\d+$/.test(name))) {
    for (const descriptor of await names(`/proc/${pid}/fdinfo`)) {
      // Other users' processes cannot be looked into, and do not count.
      const watches = (await text(`/proc/${pid}/fdinfo/${descriptor}`))?.match(/^inotify wd:/gm)?.length ?? 0;
      usedWatches += watches;
      usedInstances += watches > 0 ? 1 : 0;
    }
  }
  return { mostWatches, usedWatches, mostInstances, usedInstances };
}

async function names(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return [];
  }
}

async function text(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return undefined;
  }
}
