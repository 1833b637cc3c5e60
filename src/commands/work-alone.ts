import { within } from "../concurrently.ts";
import { loadConfig } from "../config/load.ts";
import { loadPauses } from "../daemon/pauses.ts";
import { probeDisks, silentDisks } from "../store/disks.ts";
import { sweepStateDirectory } from "../store/sweep.ts";
import { Reconciler } from "../sync/reconciler.ts";
import { silent } from "../sync/report.ts";
import { selectRepos } from "../sync/select.ts";
import type { CommandContext } from "./context.ts";
import type { EdgesDone, Work } from "./hand-over.ts";
import { acquireLock, WAIT_MS } from "./writer-lock.ts";

/** Work that is done here is over by then, whatever some disk does. */
const MOST_MS = 60_000;
/** Letting go of what a dead disk holds. */
const CLOSE_MS = 1_000;

/**
 * Does work that is a daemon's where one runs.
 *
 * @returns undefined where the lock is a daemon's.
 * @throws FaultError DISK_SILENT, LOCK_BUSY, or a CONFIG_ code.
 */
export async function workAlone(context: CommandContext, work: Work): Promise<EdgesDone | undefined> {
  const here = workNow(context, work).then((result) => ({ result }));
  const ended = await within(WAIT_MS + MOST_MS, here);
  if (ended === undefined) throw silentDisks("not everything could be done", WAIT_MS + MOST_MS);
  return ended.result;
}

async function workNow(context: CommandContext, work: Work): Promise<EdgesDone | undefined> {
  const { paths } = context;
  const config = await loadConfig(paths.config);
  await probeDisks(config.registry.repos);
  const lock = await acquireLock(paths, config);
  if (lock === undefined) return undefined;
  const now = (): Date => new Date();
  const reconciler = new Reconciler({ config, paths, report: silent, resident: false, now });
  try {
    await sweepStateDirectory(paths);
    const isPaused = await loadPauses(paths.pauseFile);
    for (const { name } of config.registry.repos) reconciler.setPaused(name, isPaused(name));
    const result = await within(MOST_MS, work.local(reconciler, selectRepos));
    if (result === undefined) throw silentDisks("not everything could be done", MOST_MS);
    return result;
  } finally {
    // What hangs may yet come back and write: then the lock is ours until this process has ended.
    const closing = reconciler.close().then(() => true);
    if ((await within(CLOSE_MS, closing)) === true) await within(CLOSE_MS, lock.release());
  }
}
