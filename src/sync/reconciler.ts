import { availableParallelism } from "node:os";
import type { Config } from "../config/load.ts";
import type { Paths } from "../config/paths.ts";
import type { EdgeOutcome } from "../core/cache/merge.ts";
import {
  cachesOf,
  diffRegistries,
  findRepo,
  peersOf,
  type Registry,
  type RegistryDiff,
  type Repo,
  sourcesOf,
  targetsOf,
} from "../core/registry.ts";
import { type Fault, fault } from "../errors.ts";
import { cachePath } from "../store/write-scope.ts";
import { CacheLane, type LaneWorld, type TurnResult } from "./lane.ts";
import { newestCopy } from "./peer-copy.ts";
import type { Report } from "./report.ts";
import { type Found, type Observation, Sources } from "./sources.ts";
import { WorkQueue } from "./work-queue.ts";

/** What became of one edge in a sync that somebody asked for. */
export interface EdgeResult {
  readonly from: string;
  readonly to: string;
  /** The cache, under the repo's path as the config has it. */
  readonly cache: string;
  readonly outcome: EdgeOutcome | "failed";
  readonly fault: Fault | undefined;
}

export interface ReconcilerOptions {
  readonly config: Config;
  readonly paths: Paths;
  readonly report: Report;
  /** Failed turns are tried again by themselves. A one-off command does without. */
  readonly retries: boolean;
  readonly now: () => Date;
}

/**
 * The product in one sentence: a state file is read, and every cache that may hold it gets a
 * turn in which it is brought to what is known. What is to be done is never remembered as a
 * list of changes, only as caches that are due.
 */
export class Reconciler {
  readonly sources = new Sources();
  readonly queue: WorkQueue;
  readonly #options: ReconcilerOptions;
  readonly #lanes = new Map<string, CacheLane>();
  readonly #paused = new Set<string>();
  #config: Config;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#config = options.config;
    this.queue = new WorkQueue({
      // Turns wait for the disk most of the time; more lanes than this only make each one slower.
      concurrency: Math.max(4, availableParallelism() * 2),
      work: (repo) => this.lane(repo).turn(),
    });
  }

  get config(): Config {
    return this.#config;
  }

  get registry(): Registry {
    return this.#config.registry;
  }

  /** Takes over a new config and makes every cache due that may have to look different. */
  adopt(config: Config): RegistryDiff {
    const diff = diffRegistries(this.registry, config.registry);
    this.#config = config;
    for (const name of [...diff.removed, ...diff.moved]) this.sources.forget(name);
    for (const name of diff.removed) this.#dropLane(name);
    for (const name of diff.caches) this.due(name);
    return diff;
  }

  lane(repo: string): CacheLane {
    let lane = this.#lanes.get(repo);
    if (lane === undefined) {
      lane = new CacheLane(repo, this.#world());
      this.#lanes.set(repo, lane);
    }
    return lane;
  }

  /** Makes a cache due now, or after a while. A paused repo's cache is never due. */
  due(repo: string, delayMs = 0): void {
    const target = findRepo(this.registry, repo);
    if (target === undefined || !cachesOf(this.registry).includes(target) || this.isPaused(repo)) return;
    if (delayMs > 0) this.queue.addAfter(repo, delayMs);
    else this.queue.add(repo);
  }

  /** Reads a state file; where it brings news, makes every cache due that may hold it. */
  async observe(repo: Repo, found: Found, asked = false): Promise<Observation> {
    const before = this.sources.get(repo.name);
    const observation = await this.sources.observe(repo, {
      maxBytes: this.#config.maxBytes,
      found,
      asked,
      now: this.#options.now(),
    });
    this.#tell(repo, observation, found, before?.fault);
    if (observation === "changed") for (const target of targetsOf(this.registry, repo)) this.due(target.name);
    return observation;
  }

  /** Brings everything up to date: reads every state file, gives every cache a turn. */
  async reconcileAll(found: Found): Promise<void> {
    for (const repo of sourcesOf(this.registry)) if (!this.isPaused(repo.name)) await this.observe(repo, found);
    for (const repo of cachesOf(this.registry)) this.due(repo.name);
  }

  /** Pushes some repos' states now and renews `Last Synced` even where nothing changed. */
  async sync(repos: readonly Repo[]): Promise<EdgeResult[]> {
    const refresh = new Map<string, string[]>();
    for (const repo of repos) {
      if (this.isPaused(repo.name)) continue;
      await this.observe(repo, "request", true);
      for (const target of targetsOf(this.registry, repo)) {
        refresh.set(target.name, [...(refresh.get(target.name) ?? []), repo.name]);
      }
    }
    const turns = new Map<string, Promise<TurnResult>>();
    for (const [target, peers] of refresh) {
      if (this.isPaused(target)) continue;
      turns.set(target, this.lane(target).request(peers));
      this.queue.add(target);
    }
    const results: EdgeResult[] = [];
    for (const from of repos) {
      for (const to of targetsOf(this.registry, from)) {
        results.push(this.#edgeResult(from, to, await turns.get(to.name)));
      }
    }
    return results;
  }

  /**
   * Brings one repo's cache up to date from every peer that it may read. A peer whose file is out
   * of reach is taken from the newest copy that another cache holds.
   */
  async pull(repo: Repo): Promise<EdgeResult[]> {
    const peers = peersOf(this.registry, repo);
    for (const peer of peers) {
      if (this.isPaused(peer.name)) continue;
      await this.observe(peer, "request");
      const source = this.sources.get(peer.name);
      if (source?.snapshot !== undefined || source?.fault === undefined) continue;
      const copy = await newestCopy(peer, this.registry);
      if (copy !== undefined) this.sources.adopt(peer.name, copy);
    }
    const turn = this.lane(repo.name).request([]);
    this.queue.add(repo.name);
    const result = await turn;
    return peers.map((from) => this.#edgeResult(from, repo, result));
  }

  isPaused(repo: string): boolean {
    return this.#paused.has(repo);
  }

  setPaused(repo: string, paused: boolean): void {
    if (paused) {
      this.#paused.add(repo);
      this.queue.remove(repo);
    } else {
      this.#paused.delete(repo);
    }
  }

  /** Finishes what is due and lets go of every file. */
  async close(): Promise<void> {
    this.queue.close();
    await this.queue.idle();
    await Promise.all([...this.#lanes.values()].map((lane) => lane.close()));
  }

  #world(): LaneWorld {
    const { report, now, paths } = this.#options;
    return {
      registry: () => this.registry,
      scope: () => ({ registry: this.registry, paths }),
      sources: this.sources,
      settleMs: () => this.#config.debounceMs.wait,
      maxSettleMs: () => this.#config.debounceMs.maxWait,
      dueAfter: (repo, delayMs) => {
        if (this.#options.retries) this.due(repo, delayMs);
      },
      report,
      now,
    };
  }

  #dropLane(repo: string): void {
    this.queue.remove(repo);
    const lane = this.#lanes.get(repo);
    this.#lanes.delete(repo);
    if (lane !== undefined) void lane.close();
  }

  #edgeResult(from: Repo, to: Repo, turn: TurnResult | undefined): EdgeResult {
    const cache = cachePath({ path: to.writtenPath });
    const edge = { from: from.name, to: to.name, cache };
    const paused = [from, to].find((repo) => this.isPaused(repo.name));
    if (paused !== undefined) {
      const why = fault("PAUSED", `${paused.name} is paused`, { repo: paused.name });
      return { ...edge, outcome: "failed", fault: why };
    }
    const outcome = turn?.outcomes.get(from.name);
    const source = this.sources.get(from.name);
    if (turn?.fault !== undefined) return { ...edge, outcome: "failed", fault: turn.fault };
    if (source?.fault !== undefined) return { ...edge, outcome: outcome ?? "kept", fault: source.fault };
    return { ...edge, outcome: outcome ?? "kept", fault: undefined };
  }

  #tell(repo: Repo, observation: Observation, found: Found, before: Fault | undefined): void {
    const { report } = this.#options;
    const source = this.sources.get(repo.name);
    if (observation === "changed" && source?.snapshot !== undefined) {
      const { sha256, body, changedAt } = source.snapshot;
      report("state.changed", { repo: repo.name, sha256, bytes: body.length, changedAt, found });
    }
    if (source?.fault !== undefined && source.fault.code !== before?.code) {
      const { code, message } = source.fault;
      report("state.held", { repo: repo.name, code, message });
    }
    if (source?.fault === undefined && before !== undefined) report("state.released", { repo: repo.name });
  }
}
