import { setTimeout as delay } from "node:timers/promises";
import { within } from "../concurrently.ts";
import { ask, WORK_TIMEOUT_MS } from "../control/client.ts";
import type { Config } from "../config/load.ts";
import { FaultError } from "../errors.ts";
import type { Paths } from "../paths.ts";
import type { WriterLock } from "../store/lock.ts";
import { lockHolder } from "../store/lock-holder.ts";
import { probeDisks, silentDisks } from "../store/disks.ts";
import type { EdgeResult, Reconciler } from "../sync/reconciler.ts";
import type { CommandContext } from "./context.ts";

/** A command before this one, or a daemon that is just starting, gets this long. */
const WAIT_MS = 30_000;

/** Work that is done here is over by then, whatever some disk does. */
const MOST_MS = 60_000;
/** Letting go of what a dead disk holds. */
const CLOSE_MS = 1_000;

export interface Work {
  readonly path: "/sync" | "/pull";
  readonly body: object;
  /** The same work, done here: for when no daemon runs. */
  readonly local: (reconciler: Reconciler) => Promise<EdgesDone>;
}

export interface EdgesDone {
  /** The cache that was pulled into. */
  readonly cache?: string;
  /** The config by which it was. */
  readonly config?: string;
  readonly edges: readonly EdgeResult[];
}

/**
 * Has the daemon do the work, or does it here where none runs: one process writes at a time.
 *
 * @throws FaultError what the daemon said, DAEMON_UNRESPONSIVE, LOCK_BUSY, or a CONFIG_ code.
 */
export async function handOver(context: CommandContext, work: Work): Promise<EdgesDone> {
  const { paths } = context;
  const config = paths.configChosen ? { config: paths.config } : {};
  const request = {
    method: "POST",
    path: work.path,
    body: { ...config, ...work.body },
    timeoutMs: WORK_TIMEOUT_MS,
  } as const;
  return await elsewhereOrHere(paths, {
    ask: async () => {
      const answer = await ask(paths, request);
      if (answer === undefined) return undefined;
      const result = done(answer);
      // Asked at the very end of a daemon, which takes nothing more: it is asked again, or done here.
      return result.edges.some(({ fault }) => fault?.code === "DAEMON_NOT_RUNNING") ? undefined : result;
    },
    here: async () => {
      const here = workHere(context, work).then((result) => ({ result }));
      const ended = await within(WAIT_MS + MOST_MS, here);
      if (ended === undefined) throw silentDisks("not everything could be done", WAIT_MS + MOST_MS);
      return ended.result;
    },
  });
}

/**
 * Has the daemon do something, or does it here where none runs.
 *
 * @param ways `ask`: undefined where no daemon answers. `here`: undefined where the lock is a daemon's.
 * @throws FaultError DAEMON_UNRESPONSIVE or LOCK_BUSY, and what either way throws.
 */
export async function elsewhereOrHere<T>(
  paths: Paths,
  ways: { readonly ask: () => Promise<T | undefined>; readonly here: () => Promise<T | undefined> },
): Promise<T> {
  const deadline = performance.now() + WAIT_MS;
  do {
    const result = (await ways.ask()) ?? (await ways.here());
    if (result !== undefined) return result;
    // Somebody holds the lock but nobody listens: a daemon on its way up or down.
    await delay(50);
  } while (performance.now() < deadline);
  const holder = await lockHolder(paths);
  if (holder === undefined) throw new FaultError("LOCK_BUSY", `${paths.lockFile} is held`);
  const message = `process ${holder.pid} (${holder.role}) has held the lock for ${WAIT_MS / 1_000} s`;
  throw new FaultError(holder.role === "daemon" ? "DAEMON_UNRESPONSIVE" : "LOCK_BUSY", message);
}

/** Does something short as the only process that writes; undefined where a daemon is, or comes up. */
export async function withWriterLock<T>(
  { paths }: CommandContext,
  config: Pick<Config, "file">,
  work: () => Promise<T>,
): Promise<T | undefined> {
  const lock = await acquireLock(paths, config);
  if (lock === undefined) return undefined;
  try {
    return await work();
  } finally {
    await lock.release();
  }
}

async function acquireLock(paths: Paths, config: Pick<Config, "file">): Promise<WriterLock | undefined> {
  const { WriterLock: Lock } = await import("../store/lock.ts");
  const self = { pid: process.pid, role: "command", config: config.file } as const;
  const isDaemon = async (): Promise<boolean> => (await lockHolder(paths))?.role === "daemon";
  return await Lock.acquire(paths, self, WAIT_MS, isDaemon);
}

async function workHere(context: CommandContext, work: Work): Promise<EdgesDone | undefined> {
  // Only needed without a daemon, and a good part of the start-up time.
  const [{ sweepStateDirectory }, { Reconciler: OneOff }, { loadConfig }, { silent }, { loadPauses }] =
    await Promise.all([
      import("../store/sweep.ts"),
      import("../sync/reconciler.ts"),
      import("../config/load.ts"),
      import("../sync/report.ts"),
      import("../daemon/pauses.ts"),
    ]);
  const { paths } = context;
  const config = await loadConfig(paths.config);
  await probeDisks(config.registry.repos);
  const lock = await acquireLock(paths, config);
  if (lock === undefined) return undefined;
  const now = (): Date => new Date();
  const reconciler = new OneOff({ config, paths, report: silent, resident: false, now });
  try {
    await sweepStateDirectory(paths);
    const isPaused = await loadPauses(paths.pauseFile);
    for (const { name } of config.registry.repos) reconciler.setPaused(name, isPaused(name));
    const result = await within(MOST_MS, work.local(reconciler));
    if (result === undefined) throw silentDisks("not everything could be done", MOST_MS);
    return result;
  } finally {
    // What hangs may yet come back and write: then the lock is ours until this process has ended.
    const closing = reconciler.close().then(() => true);
    if ((await within(CLOSE_MS, closing)) === true) await within(CLOSE_MS, lock.release());
  }
}

function done(answer: unknown): EdgesDone {
  if (isEdgesDone(answer)) return answer;
  throw new FaultError("DAEMON_OTHER_VERSION", "the daemon's answer is not understood");
}

function isEdgesDone(value: unknown): value is EdgesDone {
  return typeof value === "object" && value !== null && "edges" in value && Array.isArray(value.edges);
}
