import { ask, ASK_TIMEOUT_MS } from "../control/client.ts";
import { fault, type Fault, FaultError } from "../errors.ts";
import type { StatusReport } from "../status/report.ts";
import { VERSION } from "../version.ts";
import type { CommandContext } from "./context.ts";

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
  return await lookHere(context);
}

/** It takes the config and the guard, which are slow to load. */
async function lookHere(context: CommandContext, unresponsive?: Fault): Promise<StatusReport> {
  const { lookAlone } = await import("./status-alone.ts");
  return await lookAlone(context, unresponsive);
}

async function withOwnChecks(report: StatusReport, context: CommandContext): Promise<StatusReport> {
  const { daemon } = report;
  if (context.paths.configChosen) await requireConfig(context.paths.config, daemon.config);
  if (daemon.version === VERSION) return report;
  const message = `the daemon runs version ${daemon.version}, installed is ${VERSION}`;
  return {
    ...report,
    status: "degraded",
    problems: [...report.problems, fault("DAEMON_OTHER_VERSION", message)],
  };
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

async function requireConfig(config: string, ofDaemon: string): Promise<void> {
  const { realpathOrSame } = await import("../store/real-path.ts");
  const [asked, theirs] = await Promise.all([config, ofDaemon].map(realpathOrSame));
  if (asked === theirs) return;
  throw new FaultError("DAEMON_OTHER_CONFIG", `the daemon runs with ${ofDaemon}, not with ${config}`);
}
