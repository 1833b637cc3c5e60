import type { EdgeStatus } from "../health.ts";
import { ago, span } from "../span.ts";

/** What one repo knows of another at one moment. */
export interface Peer {
  readonly repo: string;
  readonly status: EdgeStatus;
  /** The code of the fault that keeps its state from coming, where there is one. */
  readonly trouble: string | undefined;
  /** How long its state file has said something else than what is here; 0 where it does not. Milliseconds. */
  readonly lagMs: number;
  /** What is here of it, as the guard lets it through; undefined where nothing is, or nothing may be shown. */
  readonly report: Report | undefined;
}

/** A state as it stands in a cache. */
export interface Report {
  /** Hex digest of the text, by which two are told apart. */
  readonly sha256: string;
  /** ISO 8601. */
  readonly changedAt: string;
  readonly text: string;
  /** Of a very large state the text is only what it begins with. */
  readonly isBeginning: boolean;
  /** Of all of it. */
  readonly bytes: number;
  readonly branch: string | undefined;
  readonly commit: string | undefined;
}

/** What is the matter with a state file, for who knows nothing of fault codes. */
const TROUBLES: ReadonlyMap<string, string> = new Map([
  ["STATE_FILE_EMPTY", "its file is empty"],
  ["STATE_FILE_MISSING", "it has no such file at this moment"],
  ["STATE_FILE_CONFLICT", "its file holds a merge conflict"],
  ["STATE_FILE_UNSETTLED", "its file is being written"],
  ["STATE_FILE_GIT_BUSY", "git is at work there"],
  ["STATE_FILE_GIT_MIDWAY", "git is in the middle of something there"],
  ["STATE_FILE_IN_GUARD", "its file is being checked for secrets"],
  ["STATE_FILE_SECRET", "its file holds a secret"],
  ["REPO_MISSING", "its directory is away"],
  ["PAUSED", "paused"],
]);

/** What is here of a peer, compared with what its state file says, in a few words. */
export function standing({ status, lagMs, trouble, report }: Peer): string {
  const why = trouble === undefined ? "" : ` (${TROUBLES.get(trouble) ?? trouble})`;
  // A text that a rule fails on, or a cache that is not this repo's own.
  if (report === undefined) return status === "fresh" ? "nothing that may be shown" : `nothing${why}`;
  switch (status) {
    case "fresh":
      return "up to date";
    case "stale":
      return `older: its file changed again ${span(lagMs)} ago${why}`;
    case "missing":
      return `nothing yet${why}`;
    case "damaged":
      return `altered here, to be replaced${why}`;
    case "held":
      return `the last good state${why}`;
    case "blocked":
      return `an earlier state: its file is not passed on${why}`;
    case "failed":
      return `perhaps older: it could not be brought up to date${why}`;
  }
}

/** A branch's name stands outside of every frame, and git lets it be nearly anything. */
const PLAIN_BRANCH = /^[\w./@+-]{1,60}$/;

/** `main @ 1a2b3c4`, as far as it is known. */
export function position({ branch, commit }: Report): string {
  if (commit === undefined) return "-";
  return `${branch === undefined ? "detached" : PLAIN_BRANCH.test(branch) ? branch : "(an odd name)"} @ ${commit}`;
}

/** `36,920 B`. */
export function size(bytes: number): string {
  return `${bytes.toString().replaceAll(/\B(?=(\d{3})+$)/g, ",")} B`;
}

/** A table of how old everything is, by the clock of this moment, in milliseconds since the epoch. */
export function freshness(peers: readonly Peer[], now: number): string {
  const rows = peers.map((peer) => {
    const { repo, report } = peer;
    const cells =
      report === undefined
        ? ["-", "-", "-"]
        : [ago(report.changedAt, now), position(report), size(report.bytes)];
    return `| ${[repo, ...cells, standing(peer)].join(" | ")} |`;
  });
  return ["| repo | state changed | branch | size | what is here |", "|---|---|---|---|---|", ...rows].join(
    "\n",
  );
}

/** Those whose states changed last, in the order of all. */
export function mostRecent<P extends Peer>(peers: readonly P[], most: number): P[] {
  const latest = peers.toSorted((one, other) => changedAt(other) - changedAt(one));
  const chosen = new Set(latest.slice(0, Math.max(0, most)));
  return peers.filter((peer) => chosen.has(peer));
}

function changedAt({ report }: Peer): number {
  return report === undefined ? -Infinity : Date.parse(report.changedAt);
}
