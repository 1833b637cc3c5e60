import type { DaemonState, EdgeStatus } from "../core/health.ts";
import { type Registry, type Repo, targetsOf } from "../core/registry.ts";
import type { FaultCode } from "../errors.ts";
import { locateRepo } from "../store/around.ts";
import { stateFilePath } from "../store/state-file.ts";
import { cachePath } from "../store/write-scope.ts";
import type { DaemonStatus, StatusReport } from "./report.ts";

/**
 * What one repo may know of itself and of its peers, in facts and without a word of their states. Of
 * whom it does not read, it holds nothing.
 */
export interface Outlook {
  readonly repo: string;
  /** Absolute. */
  readonly path: string;
  readonly cache: string;
  readonly stateFile: string;
  /** The top of the worktree that was asked about, where it is one of the repo's and not registered itself. */
  readonly worktree: string | null;
  readonly daemon: DaemonState;
  /** How many repos receive this one's state. */
  readonly readers: number;
  /** When its own state file changed last, ISO 8601; null where there is none. */
  readonly changedAt: string | null;
  readonly isPaused: boolean;
  readonly peers: readonly PeerOutlook[];
}

export interface PeerOutlook {
  readonly repo: string;
  readonly status: EdgeStatus;
  readonly lagMs: number;
  readonly trouble: FaultCode | null;
  /** Of what may travel of its state file, as the guard lets it through; null where that cannot be said. */
  readonly sha256: string | null;
}

/**
 * What may be known in a directory.
 *
 * @param look makes a report with the repo as `into` of `inspect`.
 * @returns undefined where the directory is in no repo that has a part in this.
 */
export async function outlookAt(
  directory: string,
  registry: Registry,
  look: (repo: Repo) => Promise<StatusReport>,
): Promise<Outlook | undefined> {
  const place = await locateRepo(registry, directory);
  if (place === undefined || place.repo.role === "passive") return undefined;
  const { repo, worktree } = place;
  const report = await look(repo);
  const own = report.repos.find(({ name }) => name === repo.name);
  return {
    repo: repo.name,
    path: repo.path,
    cache: cachePath(repo),
    stateFile: stateFilePath(repo),
    worktree: worktree ?? null,
    daemon: daemonState(report.daemon),
    readers: targetsOf(registry, repo).length,
    changedAt: own?.stateFile.changedAt ?? null,
    isPaused: own?.paused === true,
    peers: report.edges.map(({ from, status, lagMs, error }) => ({
      repo: from,
      status,
      lagMs,
      trouble: error?.code ?? null,
      sha256: report.repos.find((each) => each.name === from)?.stateFile.sha256 ?? null,
    })),
  };
}

/** Of one that does not answer nobody knows when it started. */
function daemonState({ running, startedAt }: DaemonStatus): DaemonState {
  if (!running) return "off";
  return startedAt === null ? "silent" : "runs";
}
