import { Shared, within } from "../concurrently.ts";
import { ask, ASK_TIMEOUT_MS } from "../control/client.ts";
import { fault, type Fault, FaultError } from "../errors.ts";
import { probeDisks, silentDisks } from "../store/disks.ts";
import type { RepoFacts } from "../status/inspect.ts";
import type { StatusReport } from "../status/report.ts";
import { realpathOrSame } from "../store/real-path.ts";
import { lockHolder } from "../store/lock-holder.ts";
import { VERSION } from "../version.ts";
import type { CommandContext } from "./context.ts";
import { withoutDaemon } from "./without-daemon.ts";

/**
 * The state of things now: the running daemon looks, or this process does where none answers.
 * Either way files are read and digests compared.
 *
 * @throws FaultError a CONFIG_ code, or DAEMON_OTHER_CONFIG.
 */
export async function currentStatus(context: CommandContext): Promise<StatusReport> {
  const { paths } = context;
  try {
    const answer = await ask(paths, { method: "GET", path: "/status", timeoutMs: ASK_TIMEOUT_MS });
    if (isReport(answer)) return await withOwnChecks(answer, context);
  } catch (error) {
    if (!(error instanceof FaultError) || error.fault.code !== "DAEMON_UNRESPONSIVE") throw error;
    return await lookHere(context, error.fault);
  }
  return await lookHere(context, await silentDaemon(context));
}

/** A daemon that holds the lock but has no socket: it is starting, or its socket was removed. */
async function silentDaemon({ paths }: CommandContext): Promise<Fault | undefined> {
  const { runningDaemon } = await import("../store/lock.ts");
  const holder = await runningDaemon(paths);
  if (holder === undefined) return undefined;
  return fault(
    "DAEMON_UNRESPONSIVE",
    `the daemon (pid ${holder.pid}) does not listen on ${holder.socket ?? paths.socket}`,
  );
}

async function withOwnChecks(report: StatusReport, context: CommandContext): Promise<StatusReport> {
  const { daemon } = report;
  const [asked, theirs] = await Promise.all([context.paths.config, daemon.config].map(realpathOrSame));
  if (context.paths.configChosen && asked !== theirs) {
    throw new FaultError(
      "DAEMON_OTHER_CONFIG",
      `the daemon runs with ${daemon.config}, not with ${context.paths.config}`,
    );
  }
  if (daemon.version === VERSION) return report;
  const message = `the daemon runs version ${daemon.version}, installed is ${VERSION}`;
  return {
    ...report,
    status: "degraded",
    problems: [...report.problems, fault("DAEMON_OTHER_VERSION", message)],
  };
}

/** Of this process: who looks again and again does not ask a dead disk each time. */
const looks = new Shared<RepoFacts>();

/** Where dead disks hold every thread, what else is to be read cannot be. */
const MOST_MS = 30_000;

async function lookHere(context: CommandContext, unresponsive: Fault | undefined): Promise<StatusReport> {
  const report = await within(MOST_MS, look(context, unresponsive));
  if (report !== undefined) return report;
  throw silentDisks("not everything could be looked at", MOST_MS);
}

async function look(context: CommandContext, unresponsive: Fault | undefined): Promise<StatusReport> {
  const [{ loadConfig }, { inspect }, { loadPauses }] = await Promise.all([
    import("../config/load.ts"),
    import("../status/inspect.ts"),
    import("../daemon/pauses.ts"),
  ]);
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

function isReport(value: unknown): value is StatusReport {
  return (
    typeof value === "object" &&
    value !== null &&
    "edges" in value &&
    "daemon" in value &&
    "problems" in value
  );
}
