import { setTimeout as delay } from "node:timers/promises";
import { ask, WORK_TIMEOUT_MS } from "../control/client.ts";
import { FaultError } from "../errors.ts";
import type { Paths } from "../paths.ts";
import type { EdgeResult, Reconciler } from "../sync/reconciler.ts";
import type { selectRepos } from "../sync/select.ts";
import type { CommandContext } from "./context.ts";
import { WAIT_MS } from "./writer-lock.ts";

export interface Work {
  readonly path: "/sync" | "/pull";
  readonly body: object;
  /** The same work, done here: for when no daemon runs. Who asks a daemon need not load how repos are selected. */
  readonly local: (reconciler: Reconciler, select: typeof selectRepos) => Promise<EdgesDone>;
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
      // Only needed without a daemon, and a good part of the start-up time.
      const { workAlone } = await import("./work-alone.ts");
      return await workAlone(context, work);
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
  let deadline: number | undefined;
  do {
    const result = (await ways.ask()) ?? (await ways.here());
    if (result !== undefined) return result;
    // Somebody holds the lock but nobody listens: a daemon on its way up or down.
    deadline ??= performance.now() + WAIT_MS;
    await delay(50);
  } while (performance.now() < deadline);
  const { lockHolder } = await import("../store/lock-holder.ts");
  const holder = await lockHolder(paths);
  if (holder === undefined) throw new FaultError("LOCK_BUSY", `${paths.lockFile} is held`);
  const message = `process ${holder.pid} (${holder.role}) has held the lock for ${WAIT_MS / 1_000} s`;
  throw new FaultError(holder.role === "daemon" ? "DAEMON_UNRESPONSIVE" : "LOCK_BUSY", message);
}

function done(answer: unknown): EdgesDone {
  if (isEdgesDone(answer)) return answer;
  throw new FaultError("DAEMON_OTHER_VERSION", "the daemon's answer is not understood");
}

function isEdgesDone(value: unknown): value is EdgesDone {
  return typeof value === "object" && value !== null && "edges" in value && Array.isArray(value.edges);
}
