import type { EdgeStatus } from "../health.ts";
import { ago, span } from "../span.ts";
import { withoutTags } from "./frame.ts";

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
  readonly bytes: number;
  readonly branch: string | undefined;
  readonly commit: string | undefined;
}

/** What is here of a peer, compared with what its state file says, in a few words. */
export function standing({ status, lagMs, trouble }: Peer): string {
  const why = trouble === undefined ? "" : ` (${trouble})`;
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
      return `the last good state: its file has to wait${why}`;
    case "blocked":
      return `an earlier state: its file is refused${why}`;
    case "failed":
      return `perhaps older: it could not be brought up to date${why}`;
  }
}

/** `main @ 1a2b3c4`, as far as it is known. */
export function position({ branch, commit }: Report): string {
  return commit === undefined ? "-" : withoutTags(`${branch ?? "detached"} @ ${commit}`);
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
        : [ago(report.changedAt, now), position(report).replaceAll("|", "\\|"), size(report.bytes)];
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
