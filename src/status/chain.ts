import { fault, type Fault, type FaultCode } from "../errors.ts";
import { cachePath } from "../store/write-scope.ts";
import type { EdgeReport, RepoStatus, StatusReport } from "./report.ts";
import { describeGuard } from "./guard-words.ts";
import { ago, span } from "../core/span.ts";

/** One step of a state's way, and whether the state gets past it. */
export interface Step {
  readonly ok: boolean;
  readonly what: string;
  readonly why?: string;
  readonly remedy?: string | undefined;
}

export interface ChainOptions {
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** `until 14:05`, or `until resumed`, for a repo that is paused. */
  readonly paused?: string | undefined;
  /** Why no peer receives the repo's state, where none does. */
  readonly alone?: string | undefined;
}

/** The way of one repo's state to its peers, step by step. */
export function chain(repo: RepoStatus, report: StatusReport, options: ChainOptions): Step[] {
  const { now, alone } = options;
  const outgoing = report.edges.filter((edge) => edge.from === repo.name);
  const nobody = `no peer receives this repo's state${alone === undefined ? "" : `: ${alone}`}`;
  return [
    pauseStep(repo, options),
    fileStep(repo, report, now),
    guardStep(repo),
    daemonStep(report),
    watchStep(repo, report),
    queueStep(repo, report),
  ]
    .filter((step) => step !== undefined)
    .concat(outgoing.map((edge) => edgeStep(edge, report, now)))
    .concat(outgoing.length === 0 ? [{ ok: true, what: nobody }] : []);
}

function pauseStep({ name, paused }: RepoStatus, options: ChainOptions): Step | undefined {
  if (!paused) return undefined;
  const { remedy } = fault("PAUSED", "", { repo: name });
  const until = options.paused === undefined ? "" : ` ${options.paused}`;
  return { ok: false, what: `${name} is paused${until}: it is neither read nor written`, remedy };
}

/** What keeps a repo's state from being read, or from being passed on. Its cache has a trouble of its own. */
function stopsState({ code }: Fault): boolean {
  return code.startsWith("STATE_FILE_") || code === "REPO_MISSING";
}

function fileStep(repo: RepoStatus, report: StatusReport, now: number): Step {
  const trouble = report.problems.find((problem) => problem.repo === repo.name && stopsState(problem));
  if (trouble !== undefined)
    return { ok: false, what: `${trouble.code}: ${trouble.message}`, remedy: trouble.remedy };
  const { sha256, bytes, changedAt } = repo.stateFile;
  const { secretCount, hidden } = repo.guard;
  const whose = secretCount + hidden === 0 ? "sha256" : "what travels of it has the sha256";
  const when = changedAt === null ? "" : `, changed ${changedAt} (${ago(changedAt, now)})`;
  return {
    ok: true,
    what: `the state file in ${repo.path} holds ${bytes} B, ${whose} ${sha256?.slice(0, 12) ?? "?"}${when}`,
  };
}

/** What the peers get otherwise than it is written. */
function guardStep({ guard }: RepoStatus): Step | undefined {
  const found = describeGuard(guard);
  return found === undefined ? undefined : { ok: true, what: `the guard finds ${found}` };
}

/** Of these the daemon's work goes on. */
const HARMLESS: ReadonlySet<FaultCode> = new Set(["DAEMON_OTHER_VERSION", "DAEMON_SLOW", "DAEMON_UNPROVEN"]);

function daemonStep(report: StatusReport): Step {
  const troubles = report.problems.filter((problem) => problem.code.startsWith("DAEMON_"));
  const [trouble] = troubles.toSorted((a, b) => Number(HARMLESS.has(a.code)) - Number(HARMLESS.has(b.code)));
  if (trouble !== undefined)
    return { ok: HARMLESS.has(trouble.code), what: trouble.message, remedy: trouble.remedy };
  return { ok: true, what: `the daemon runs (pid ${report.daemon.pid ?? "?"})` };
}

function watchStep(repo: RepoStatus, report: StatusReport): Step | undefined {
  if (!report.daemon.running || repo.paused) return undefined;
  // That it is gone has been said; there is nothing to watch.
  if (report.problems.some(({ code, repo: name }) => code === "REPO_MISSING" && name === repo.name))
    return undefined;
  if (repo.watch === "events") return { ok: true, what: "the file is watched by events" };
  const trouble = report.problems.find(
    ({ code, repo: name }) => code.startsWith("WATCH_") && name === repo.name,
  );
  // Of a repo's two files the worse one is told of, and of two that are alike the state file.
  if (trouble?.path === cachePath(repo))
    return { ok: true, what: "the file is watched; only the repo's own cache goes without events" };
  if (repo.watch === "polling")
    return { ok: true, what: trouble?.message ?? "the file is polled", remedy: trouble?.remedy };
  return {
    // Nothing is on its way that would have to be found first.
    ok: isSettled(repo, report),
    what: trouble?.message ?? "the file is not watched: only the rescan finds its changes",
    remedy: trouble?.remedy ?? "See `state-syncd logs --level warn`.",
  };
}

function queueStep(repo: RepoStatus, report: StatusReport): Step | undefined {
  if (!report.daemon.running) return undefined;
  const { depth, oldestMs } = report.queue;
  if (depth === 0) return { ok: true, what: "no cache waits for its turn" };
  return {
    // One that waits for ever need not be a peer's.
    ok: oldestMs < 10_000 || isSettled(repo, report),
    what: `${depth} caches wait for their turn, the oldest for ${span(oldestMs)}`,
  };
}

/** Every peer holds what the file says. */
function isSettled(repo: RepoStatus, report: StatusReport): boolean {
  return report.edges.every((edge) => edge.from !== repo.name || edge.status === "fresh");
}

function edgeStep(edge: EdgeReport, report: StatusReport, now: number): Step {
  const synced = edge.syncedAt === null ? "never synced" : `synced ${ago(edge.syncedAt, now)}`;
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
