import ms from "ms";
import { EXIT, type ExitCode, FaultError } from "../errors.ts";
import type { EdgeReport, RepoStatus, StatusReport } from "../status/report.ts";
import { describeGuard } from "../status/text.ts";
import { type CommandContext, print, printFacts } from "./context.ts";
import { currentStatus } from "./current-status.ts";

/** `explain`: the way of one repo's state, step by step, and where it stopped. */
export async function explain(name: string, context: CommandContext): Promise<ExitCode> {
  const report = await currentStatus(context);
  const repo = report.repos.find((candidate) => candidate.name === name);
  if (repo === undefined) {
    const known = report.repos.map((candidate) => candidate.name).join(", ") || "none";
    throw new FaultError("REPO_UNKNOWN", `Unknown repo: ${name}. Registered are: ${known}`, { repo: name });
  }
  if (repo.role === "passive")
    throw new FaultError("REPO_PASSIVE", `${name} is a passive repo`, { repo: name });
  const steps = chain(repo, report, Date.now());
  const edges = report.edges.filter((edge) => edge.from === name);
  if (context.json) printFacts(context, { repo: name, steps, edges });
  else for (const step of steps) printStep(step, context);
  return steps.every((step) => step.ok) ? EXIT.ok : EXIT.failed;
}

interface Step {
  readonly ok: boolean;
  readonly what: string;
  readonly why?: string;
  readonly remedy?: string;
}

function printStep(step: Step, context: CommandContext): void {
  print(context, `${step.ok ? "ok  " : "STOP"}  ${step.what}`);
  for (const line of [step.why, step.remedy]) if (line !== undefined) print(context, `      ${line}`);
}

function chain(repo: RepoStatus, report: StatusReport, now: number): Step[] {
  const outgoing = report.edges.filter((edge) => edge.from === repo.name);
  return [
    fileStep(repo, report, now),
    guardStep(repo),
    daemonStep(report),
    watchStep(repo, report),
    queueStep(report),
  ]
    .filter((step) => step !== undefined)
    .concat(outgoing.map((edge) => edgeStep(edge, report, now)))
    .concat(outgoing.length === 0 ? [{ ok: true, what: "no peer receives this repo's state" }] : []);
}

function fileStep(repo: RepoStatus, report: StatusReport, now: number): Step {
  const trouble = report.problems.find(
    (problem) => problem.repo === repo.name && !problem.code.startsWith("CACHE_"),
  );
  if (trouble !== undefined)
    return { ok: false, what: `${trouble.code}: ${trouble.message}`, remedy: trouble.remedy };
  const { sha256, bytes, changedAt } = repo.stateFile;
  const when =
    changedAt === null ? "" : `, changed ${changedAt} (${ms(Math.max(0, now - Date.parse(changedAt)))} ago)`;
  return {
    ok: true,
    what: `the state file in ${repo.path} holds ${bytes} B, sha256 ${sha256?.slice(0, 12) ?? "?"}${when}`,
  };
}

/** What the peers get otherwise than it is written. */
function guardStep({ guard }: RepoStatus): Step | undefined {
  const found = describeGuard(guard);
  return found === undefined ? undefined : { ok: true, what: `the guard finds ${found}` };
}

function daemonStep(report: StatusReport): Step {
  const trouble = report.problems.find((problem) => problem.code.startsWith("DAEMON_"));
  if (trouble !== undefined) return { ok: false, what: trouble.message, remedy: trouble.remedy };
  return { ok: true, what: `the daemon runs (pid ${report.daemon.pid ?? "?"})` };
}

function watchStep(repo: RepoStatus, report: StatusReport): Step | undefined {
  if (!report.daemon.running) return undefined;
  if (repo.watch === "events") return { ok: true, what: "the file is watched by events" };
  if (repo.watch === "polling")
    return { ok: true, what: "the file is polled: the system has no watches left" };
  return {
    ok: false,
    what: "the file is not watched",
    remedy: "The rescan finds its changes; see `state-syncd logs --level warn`.",
  };
}

function queueStep(report: StatusReport): Step | undefined {
  if (!report.daemon.running) return undefined;
  const { depth, oldestMs } = report.queue;
  if (depth === 0) return { ok: true, what: "no cache waits for its turn" };
  return {
    ok: oldestMs < 10_000,
    what: `${depth} caches wait for their turn, the oldest for ${ms(Math.round(oldestMs))}`,
  };
}

function edgeStep(edge: EdgeReport, report: StatusReport, now: number): Step {
  const synced =
    edge.syncedAt === null
      ? "never synced"
      : `synced ${ms(Math.max(0, now - Date.parse(edge.syncedAt)))} ago`;
  const what = `${edge.to} is ${edge.status}, ${synced}: ${edge.cache}`;
  if (edge.status === "fresh") return { ok: true, what };
  const remedy = edge.error?.remedy ?? defaultRemedy(report);
  const why = edge.error === null ? {} : { why: `${edge.error.code}: ${edge.error.message}` };
  return { ok: false, what, ...why, remedy };
}

function defaultRemedy(report: StatusReport): string {
  return report.daemon.running
    ? "It should arrive by itself; see `state-syncd logs`."
    : "Run `state-syncd sync`, or start the daemon.";
}
