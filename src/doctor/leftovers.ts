import { stat, unlink } from "node:fs/promises";
import { cachesOf } from "../core/registry.ts";
import { FaultError, systemCode } from "../errors.ts";
import { WriterLock } from "../store/lock.ts";
import { temporariesOf } from "../store/temporary.ts";
import { cachePath } from "../store/write-scope.ts";
import { type Check, warning, type World } from "./finding.ts";

/** A turn is over in milliseconds; what is this old was left by a process that was killed. */
const OLD_MS = 60_000;
const LOCK_WAIT_MS = 2_000;

/** Temporaries that a killed process has left beside caches and in the state directory. */
export const checkLeftovers: Check = async (world) => {
  const { config, paths, now } = world;
  const targets = [
    ...(config === undefined ? [] : cachesOf(config.registry).map(cachePath)),
    paths.pauseFile,
  ];
  const old: string[] = [];
  for (const target of targets) {
    for (const path of await temporariesOf(target)) if (await isOlder(path, now - OLD_MS)) old.push(path);
  }
  if (old.length === 0) return [];
  const message = `${old.length} temporary files were left by a process that was killed, ${old[0] ?? ""} for one`;
  return [
    warning("leftovers", message, "The daemon's next start removes them.", {
      describe: "remove them",
      apply: () => remove(old, world),
    }),
  ];
};

/** @throws FaultError LOCK_BUSY where somebody writes: one of them may be work in progress then. */
async function remove(files: readonly string[], { paths }: World): Promise<void> {
  const self = { pid: process.pid, role: "command", config: paths.config } as const;
  const lock = await WriterLock.acquire(paths, self, LOCK_WAIT_MS, () => Promise.resolve(false));
  if (lock === undefined) {
    throw new FaultError("LOCK_BUSY", "a daemon or a command is at work", {
      remedy: "Restart the daemon: its start removes them.",
    });
  }
  try {
    for (const path of files) await unlink(path);
  } finally {
    await lock.release();
  }
}

async function isOlder(path: string, thanMs: number): Promise<boolean> {
  try {
    return (await stat(path)).mtimeMs < thanMs;
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return false;
  }
}
