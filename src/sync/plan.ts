import type { ParsedCache } from "../core/cache/document.ts";
import { merge, type MergeResult, parseToMerge } from "../core/cache/merge.ts";
import { namesOf, peersOf, type Registry, type Repo } from "../core/registry.ts";
import type { GuardOptions } from "../guard/guarded.ts";
import { RulesInForce } from "./rules-in-force.ts";
import type { Sources } from "./sources.ts";
import { ALL_FIT, lookThrough } from "./standing.ts";

export interface PlanOptions {
  readonly registry: Registry;
  readonly sources: Sources;
  /** What every text in this cache has to pass. */
  readonly guard: GuardOptions;
  /** Everything that stands there has passed it. */
  readonly passed: boolean;
  /** What stands there, where that is known without the bytes. */
  readonly left?: ParsedCache | undefined;
  /** How long the guard may take with what stands there, in milliseconds. */
  readonly patienceMs: number;
  /** Peers whose `Last Synced` is renewed although nothing changed. */
  readonly refresh: ReadonlySet<string>;
  readonly now: Date;
}

export interface Plan {
  readonly result: MergeResult;
  /** The cache as it stands, taken apart. */
  readonly before: ParsedCache;
  /** True where everything in the result has passed the guard; else it is to be made again before long. */
  readonly settled: boolean;
  /** Why some peers' standing texts were left as they are, see {@link Standing}. */
  readonly failures: ReadonlyMap<string, string>;
}

/**
 * What a cache should hold by what is known now.
 *
 * @param bytes what it holds; undefined where there is no cache, or where `left` tells.
 */
export async function plan(
  bytes: Buffer | undefined,
  target: Repo,
  { registry, sources, guard, passed, left, patienceMs, refresh, now }: PlanOptions,
): Promise<Plan> {
  const peers = peersOf(registry, target);
  const known = {
    registered: namesOf(registry),
    snapshots: sources.snapshotsOf(peers, guard),
    unguarded: sources.unguardedOf(peers),
  };
  const before = left ?? parseToMerge(bytes, known);
  const rules = RulesInForce.of(guard);
  const { unfit, settled, failures } = passed
    ? ALL_FIT
    : await lookThrough(before.parts, { replaced: known.snapshots, rules, patienceMs });
  const names = peers.map((peer) => peer.name);
  const request = { ...known, peers: names, unfit, refresh, fence: target.fence, now: now.toISOString() };
  return { result: merge(bytes, request, before), before, settled, failures };
}
