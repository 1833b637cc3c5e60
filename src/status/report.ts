import type { EdgeStatus, OverallStatus } from "../core/health.ts";
import type { Fault } from "../errors.ts";
import type { WatchMode } from "../watch/watched-file.ts";
import type { Finding } from "../guard/guarded.ts";

/** What `status --json` prints and `GET /status` answers. Times are ISO 8601, durations milliseconds. */
export interface StatusReport {
  readonly status: OverallStatus;
  readonly daemon: DaemonStatus;
  readonly repos: readonly RepoStatus[];
  readonly edges: readonly EdgeReport[];
  readonly queue: { readonly depth: number; readonly oldestMs: number };
  /** From a save to the moment that a peer's cache held it, since the daemon's start. */
  readonly latency: { readonly p50Ms: number; readonly p99Ms: number; readonly count: number };
  readonly problems: readonly Fault[];
  /** Copies of caches that were kept before text in them was replaced. */
  readonly copies: readonly { readonly repo: string; readonly reason: string; readonly path: string }[];
}

export interface DaemonStatus {
  readonly running: boolean;
  readonly pid: number | null;
  readonly version: string;
  readonly startedAt: string | null;
  readonly config: string;
  /** When a save of the daemon's own last came through from end to end; null where none has. */
  readonly provenAt: string | null;
  readonly provenLagMs: number | null;
}

export interface RepoStatus {
  readonly name: string;
  readonly path: string;
  readonly role: "execution" | "passive";
  readonly stateFile: {
    readonly exists: boolean;
    /** Of what the peers are to hold: the file's, unless the guard changed something in it. */
    readonly sha256: string | null;
    readonly bytes: number;
    readonly changedAt: string | null;
  };
  /** What the guard found in the file: secrets by rule and line, and how many hidden characters. */
  readonly guard: {
    readonly secrets: readonly Finding[];
    /** How many there are in all; the list has the first thousand. */
    readonly secretCount: number;
    readonly hidden: number;
  };
  /** `off`: nobody watches, since no daemon runs or the repo is passive. */
  readonly watch: WatchMode | "off";
  readonly paused: boolean;
}

export interface EdgeReport {
  readonly from: string;
  readonly to: string;
  readonly cache: string;
  readonly status: EdgeStatus;
  /** When the section that stands there now was written. */
  readonly syncedAt: string | null;
  /** How long the peer has been behind: 0 where it is fresh. */
  readonly lagMs: number;
  readonly error: Fault | null;
}

/** What only a running daemon can add to a report. */
export interface Runtime {
  readonly daemon: DaemonStatus;
  readonly watchOf: (repo: string) => WatchMode | "off";
  readonly isPaused: (repo: string) => boolean;
  /** Why a cache's last turn failed. */
  readonly cacheFault: (repo: string) => Fault | undefined;
  readonly queue: StatusReport["queue"];
  readonly latency: StatusReport["latency"];
  readonly problems: readonly Fault[];
}
