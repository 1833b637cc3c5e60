/** What a person wants to know of an edge, in the order of how good the news is. */
export type EdgeStatus =
  /** The peer's cache holds exactly what the state file holds now. */
  | "fresh"
  /** It holds an older state. */
  | "stale"
  /** It holds none. */
  | "missing"
  /** It holds a section whose text is not what its delimiters certify. */
  | "damaged"
  /** The state file waits for something (empty, half-written, in conflict, gone); the last good state stays. */
  | "held"
  /** The state file is refused as it is. */
  | "blocked"
  /** The file or the cache cannot be read or written. */
  | "failed";

/** How the daemon is, to who wants to be told of changes: `silent` holds its lock and does not answer. */
export type DaemonState = "runs" | "silent" | "off";

/** What stands in a cache for one peer. */
export type SectionState =
  | { readonly kind: "section"; readonly sha256: string }
  | { readonly kind: "damaged" | "absent" };

/** What is wrong with a state file, by what it means for its edges. */
export type SourceTrouble = "held" | "blocked" | "failed";

export interface EdgeFacts {
  /** Digest of what the state file holds now; undefined where it cannot be read. */
  readonly sourceSha256: string | undefined;
  readonly sourceTrouble: SourceTrouble | undefined;
  /** True where the cache cannot be read, or the last attempt to write it failed. */
  readonly cacheFails: boolean;
  readonly section: SectionState;
}

export function edgeStatus(facts: EdgeFacts): EdgeStatus {
  const { section, sourceSha256 } = facts;
  // Whatever troubles there are: what matters is that the peer holds what the file says.
  if (section.kind === "section" && section.sha256 === sourceSha256) return "fresh";
  if (facts.cacheFails) return "failed";
  if (facts.sourceTrouble !== undefined) return facts.sourceTrouble;
  if (section.kind === "absent") return "missing";
  return section.kind === "damaged" ? "damaged" : "stale";
}

/** What a state file's fault means for its edges. */
export function sourceTrouble(code: string): SourceTrouble {
  switch (code) {
    case "STATE_FILE_EMPTY":
    case "STATE_FILE_UNSETTLED":
    case "STATE_FILE_CONFLICT":
    case "STATE_FILE_MISSING":
    case "STATE_FILE_GIT_BUSY":
    case "STATE_FILE_GIT_MIDWAY":
    case "STATE_FILE_IN_GUARD":
    case "PAUSED":
      return "held";
    case "STATE_FILE_NOT_REGULAR":
    case "STATE_FILE_OUTSIDE":
    case "STATE_FILE_TOO_LARGE":
    case "STATE_FILE_NOT_UTF8":
    case "STATE_FILE_SECRET":
    case "STATE_FILE_UNGUARDED":
      return "blocked";
    default:
      return "failed";
  }
}

export type OverallStatus = "healthy" | "degraded" | "down";

export function overallStatus(
  daemonRuns: boolean,
  edges: readonly { readonly status: EdgeStatus }[],
  problems: number,
): OverallStatus {
  if (!daemonRuns) return "down";
  return problems === 0 && edges.every((edge) => edge.status === "fresh") ? "healthy" : "degraded";
}
