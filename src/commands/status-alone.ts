import { Shared, within } from "../concurrently.ts";
import { loadConfig } from "../config/load.ts";
import { loadPauses } from "../daemon/pauses.ts";
import { fault, type Fault } from "../errors.ts";
import { inspect, type RepoFacts } from "../status/inspect.ts";
import type { StatusReport } from "../status/report.ts";
import { probeDisks, silentDisks } from "../store/disks.ts";
import { lockHolder } from "../store/lock-holder.ts";
import { runningDaemon } from "../store/lock.ts";
import type { CommandContext } from "./context.ts";
import { withoutDaemon } from "./without-daemon.ts";

/** Of this process: who looks again and again does not ask a dead disk each time. */
const looks = new Shared<RepoFacts>();

/** Where dead disks hold every thread, what else is to be read cannot be. */
const MOST_MS = 30_000;

/**
 * The state of things as this process finds it.
 *
 * @param unresponsive why the daemon that runs did not answer, where that is known.
 * @throws FaultError a CONFIG_ code, or DISK_SILENT.
 */
export async function lookAlone(context: CommandContext, unresponsive?: Fault): Promise<StatusReport> {
  const why = unresponsive ?? (await silentDaemon(context));
  const report = await within(MOST_MS, look(context, why));
  if (report !== undefined) return report;
  throw silentDisks("not everything could be looked at", MOST_MS);
}

async function look(context: CommandContext, unresponsive: Fault | undefined): Promise<StatusReport> {
  const { paths } = context;
  const config = await loadConfig(paths.config);
  await probeDisks(config.registry.repos);
  const isPaused = await loadPauses(paths.pauseFile);
  const holder = await lockHolder(paths);
  return await inspect({
    looks,
    registry: config.registry,
    maxBytes: config.maxBytes,
    guard: config.guard,
    copiesDirectory: paths.copiesDirectory,
    now: new Date(),
    runtime: withoutDaemon({
      config: config.file,
      running: unresponsive !== undefined,
      // Of one that does not answer nothing but its lock tells; the pid of a lock that is free is a stranger's.
      pid: unresponsive !== undefined && holder?.role === "daemon" ? holder.pid : null,
      isPaused,
      problem:
        unresponsive ?? fault("DAEMON_NOT_RUNNING", "no daemon runs: changes do not travel by themselves"),
    }),
  });
}

/** A daemon that holds the lock but has no socket: it is starting, or its socket was removed. */
async function silentDaemon({ paths }: CommandContext): Promise<Fault | undefined> {
  const holder = await runningDaemon(paths);
  if (holder === undefined) return undefined;
  return fault(
    "DAEMON_UNRESPONSIVE",
    `the daemon (pid ${holder.pid}) does not listen on ${holder.socket ?? paths.socket}`,
  );
}
