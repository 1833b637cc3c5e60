import type { EdgeOutcome } from "../core/cache/merge.ts";
import type { Repo } from "../core/registry.ts";
import { type Fault, fault } from "../errors.ts";
import { cachePath } from "../store/write-scope.ts";
import type { TurnResult } from "./lane.ts";

/** What became of one edge in a sync that somebody asked for. */
export interface EdgeResult {
  readonly from: string;
  readonly to: string;
  /** The cache, absolute. */
  readonly cache: string;
  /** The same under the repo's path as the config has it, for people. */
  readonly writtenCache: string;
  readonly outcome: EdgeOutcome | "failed";
  readonly fault: Fault | undefined;
}

interface EdgeFacts {
  /** How the cache's turn ended, if it had one. */
  readonly turn: TurnResult | undefined;
  /** Which of the two repos is paused, if one is. */
  readonly paused: Repo | undefined;
  readonly sourceFault: Fault | undefined;
}

export function edgeResult(from: Repo, to: Repo, { turn, paused, sourceFault }: EdgeFacts): EdgeResult {
  const writtenCache = cachePath({ path: to.writtenPath });
  const edge = { from: from.name, to: to.name, cache: cachePath(to), writtenCache };
  if (paused !== undefined) {
    const why = fault("PAUSED", `${paused.name} is paused`, { repo: paused.name });
    return { ...edge, outcome: "failed", fault: why };
  }
  if (turn?.fault !== undefined) return { ...edge, outcome: "failed", fault: turn.fault };
  return { ...edge, outcome: turn?.outcomes.get(from.name) ?? "kept", fault: sourceFault };
}
