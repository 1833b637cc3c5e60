import type { Registry, Repo } from "../core/registry.ts";
import type { GuardOptions } from "../guard/guarded.ts";
import type { WriteScope } from "../store/write-scope.ts";
import type { Report } from "./report.ts";
import type { Sources } from "./sources.ts";

/** What a lane has to know of the world at the moment of its turn. */
export interface LaneWorld {
  readonly registry: () => Registry;
  readonly scope: () => WriteScope & { readonly paths: { readonly copiesDirectory: string } };
  readonly sources: Sources;
  /** What the texts in a repo's cache have to pass. */
  readonly guardOf: (repo: Repo) => GuardOptions;
  /** How long a turn waits for the guard to look through what stands in the cache, in milliseconds. */
  readonly guardPatienceMs: () => number;
  /** A cache that somebody else changed this recently is left alone until it rests, in milliseconds. */
  readonly settleMs: () => number;
  /** ... but never longer than this. */
  readonly maxSettleMs: () => number;
  /** How often a cache is looked at whatever happens, in milliseconds. */
  readonly rescanMs: () => number;
  /** Makes the lane due again after a while, in milliseconds. */
  readonly dueAfter: (repo: string, delayMs: number) => void;
  readonly report: Report;
  readonly now: () => Date;
}
