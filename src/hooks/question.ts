import type { DaemonState, EdgeStatus } from "../core/health.ts";

/** What a hook asks whoever knows: the running daemon over its socket, or this process where none runs. */
export interface Question {
  /**
   * `start`: tell everything. `news`: tell what changed since the session was told. `place`: only
   * find out where the directory belongs. `print`: as `start`, with the facts, and for nobody's memory.
   */
  readonly kind: "start" | "news" | "place" | "print";
  /** Where the agent works, absolute. */
  readonly directory: string;
  /** Whose memory it is about; nothing is remembered without. */
  readonly sessionId?: string | undefined;
  readonly budgets: Budgets;
}

/** The longest that a text may become, in UTF-16 units: of what changed, and of everything. */
export interface Budgets {
  readonly news: number;
  readonly all: number;
}

export interface Answer {
  /** For the agent; null where there is nothing to say. */
  readonly text: string | null;
  /**
   * The file that holds what the session has been told when it has heard the text: to be put in the
   * place of the old one by then, and not before, see `confirmTold`. An answer may not arrive.
   */
  readonly told?: string;
  /** What went wrong, and cost no word. */
  readonly remark?: string;
  /** With `print`; null where the directory is in no repo that has a part in this. */
  readonly facts?: Facts | null;
}

/** The same as the text, for programs. Times are ISO 8601, lengths of time milliseconds. */
export interface Facts {
  readonly repo: string;
  readonly cache: string;
  readonly worktree: string | null;
  readonly daemon: DaemonState;
  readonly peers: readonly PeerFacts[];
}

export interface PeerFacts {
  readonly repo: string;
  readonly status: EdgeStatus;
  readonly lagMs: number;
  readonly trouble: string | null;
  /** Null where nothing of it is here, or may be shown. */
  readonly state: {
    readonly sha256: string;
    readonly changedAt: string;
    readonly ageMs: number;
    readonly bytes: number;
    readonly branch: string | null;
    readonly commit: string | null;
    readonly digest: string;
    readonly isWhole: boolean;
  } | null;
}
