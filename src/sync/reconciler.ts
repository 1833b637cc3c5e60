import { availableParallelism } from "node:os";
import type { Config } from "../config/load.ts";
import type { GuardOptions } from "../guard/guard.ts";
import type { Paths } from "../paths.ts";
import type { EdgeOutcome } from "../core/cache/merge.ts";
import {
  cachesOf,
  diffRegistries,
  findRepo,
  peersOf,
  type Registry,
  type RegistryDiff,
  RESERVED_PREFIX,
  type Repo,
  sourcesOf,
  targetsOf,
} from "../core/registry.ts";
import { type Fault, fault } from "../errors.ts";
import { cachePath } from "../store/write-scope.ts";
import { concurrently, within } from "../concurrently.ts";
import { CacheLane, type LaneWorld, type TurnResult } from "./lane.ts";
import { newestCopy } from "./peer-copy.ts";
import type { Report } from "./report.ts";
import { SourceAccount } from "./source-account.ts";
import { type Found, type Observation, Sources } from "./sources.ts";
import { WorkQueue } from "./work-queue.ts";

const NO_PATTERNS: GuardOptions = { patterns: {}, allow: [] };

/** State files read side by side at the start; each one open is a file handle. */
const SIDE_BY_SIDE = 32;
/** How long the start waits for the slowest disk before the caches have their turns, in milliseconds. */
const PATIENCE_MS = 5_000;

/** How long somebody who asked waits for one cache's turn, in milliseconds. Debounced edits of others fit in. */
const TURN_PATIENCE_MS = 60_000;
/** What a turn of a daemon waits for the guard, in milliseconds: the other peers' news wait with it. */
const GUARD_PATIENCE_MS = 250;

function unanswered(repo: Repo): Fault {
  return fault("STATE_FILE_UNREADABLE", `${repo.path} does not answer`, { repo: repo.name, path: repo.path });
}

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

export interface ReconcilerOptions {
  readonly config: Config;
  readonly paths: Paths;
  readonly report: Report;
  /**
   * A daemon stays: it tries failed turns again, and passes on whatever news it comes across. A
   * one-off command does what it was asked to and no more.
   */
  readonly resident: boolean;
  /** Pseudo-repos that are kept in step with the config's, and that nobody else knows of. */
  readonly own?: readonly Repo[];
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
  readonly #accounts = new Map<string, SourceAccount>();
  #config: Config;
  #registry: Registry;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#config = options.config;
    this.#registry = this.#withOwn(options.config.registry);
    this.queue = new WorkQueue({
      // Turns wait for the disk most of the time; more lanes than this only make each one slower.
      concurrency: Math.max(4, availableParallelism() * 2),
      work: (repo) => this.lane(repo).turn(),
    });
  }

  get config(): Config {
    return this.#config;
  }

  /** Everything that is kept in step: the repos of the config, and our own. */
  get registry(): Registry {
    return this.#registry;
  }

  /** Takes over a new config and makes every cache due that may have to look different. */
  adopt(config: Config): RegistryDiff {
    const registry = this.#withOwn(config.registry);
    const diff = diffRegistries(this.registry, registry);
    // What passed the guard stays passed while its rules are the same.
    const sameGuard = JSON.stringify(config.guard) === JSON.stringify(this.#config.guard);
    this.#config = sameGuard ? { ...config, guard: this.#config.guard } : config;
    this.#registry = registry;
    for (const name of [...diff.removed, ...diff.moved]) {
      this.sources.forget(name);
      this.#accounts.delete(name);
    }
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

  /** Reads a repo's state file, unless it is paused; where it brings news, makes every cache due that may hold it. */
  async observe(name: string, found: Found): Promise<Observation> {
    const repo = this.#source(name);
    if (repo === undefined || this.isPaused(name)) return "same";
    const observation = await this.#look(repo, found, false);
    // Who may hold it is for the config to say that is in force now, not when the look began.
    if (observation === "changed") this.#dueAtPeersOf(name);
    return observation;
  }

  /**
   * Brings everything up to date: reads every state file, and then gives every cache one turn. A
   * disk that does not answer is not waited for; what comes late goes out on its own.
   */
  async reconcileAll(found: Found): Promise<void> {
    let late = false;
    const names = sourcesOf(this.registry).map((repo) => repo.name);
    const looks = concurrently(names, SIDE_BY_SIDE, async (name) => {
      const repo = this.#source(name);
      if (repo === undefined || this.isPaused(name)) return;
      const observation = await this.#look(repo, found, false);
      if (late && observation === "changed") this.#dueAtPeersOf(name);
    });
    await within(PATIENCE_MS, looks);
    late = true;
    for (const repo of cachesOf(this.registry)) this.due(repo.name);
  }

  /**
   * Pushes some repos' states now and renews `Last Synced` even where nothing changed.
   *
   * @param named somebody means just these: an empty file of theirs is then meant to be empty.
   */
  async sync(repos: readonly Repo[], named = true): Promise<EdgeResult[]> {
    const refresh = new Map<string, string[]>();
    const silent = new Map<string, Fault>();
    await concurrently(repos, SIDE_BY_SIDE, async (repo) => {
      if (this.isPaused(repo.name)) return;
      // The caches become due below: a turn that began before would be one more for each.
      const looked = await within(PATIENCE_MS, this.#look(repo, "request", named));
      if (looked === undefined) {
        silent.set(repo.name, unanswered(repo));
        return;
      }
      // A state that is held back, or out of reach, is not synced now; nothing may say that it was.
      if (this.sources.get(repo.name)?.fault !== undefined) return;
      for (const target of targetsOf(this.registry, repo)) {
        refresh.set(target.name, [...(refresh.get(target.name) ?? []), repo.name]);
      }
    });
    const turns = new Map<string, Promise<TurnResult>>();
    for (const [target, peers] of refresh) {
      if (this.isPaused(target)) continue;
      turns.set(target, this.#request(target, peers));
    }
    const results: EdgeResult[] = [];
    for (const from of repos) {
      for (const to of targetsOf(this.registry, from)) {
        const turn = turns.get(to.name);
        const result = turn === undefined ? undefined : await within(TURN_PATIENCE_MS, turn);
        const hung = turn !== undefined && result === undefined ? unanswered(to) : silent.get(from.name);
        const edge = this.#edgeResult(from, to, result);
        results.push(hung === undefined ? edge : { ...edge, outcome: "failed", fault: hung });
      }
    }
    return results;
  }

  /**
   * Brings one repo's cache up to date from every peer that it may read. A peer whose file is out
   * of reach is taken from the newest copy that another cache holds.
   */
  async pull(repo: Repo): Promise<EdgeResult[]> {
    // A repo that does not subscribe has no peers, and no cache of ours.
    const peers = peersOf(this.registry, repo);
    if (peers.length === 0 && !cachesOf(this.registry).includes(repo)) return [];
    await concurrently(peers, SIDE_BY_SIDE, async (peer) => {
      if (this.isPaused(peer.name)) return;
      const looked = await within(PATIENCE_MS, this.#look(peer, "request", false));
      if (looked === "changed" && this.#options.resident) {
        for (const target of targetsOf(this.registry, peer))
          if (target.name !== repo.name) this.due(target.name);
      }
      const source = this.sources.get(peer.name);
      if (source?.snapshot !== undefined || source?.fault === undefined) return;
      const copy = await newestCopy(peer, this.registry);
      if (copy !== undefined) await this.sources.adopt(peer, copy, this.#guardOf(peer));
    });
    if (this.isPaused(repo.name)) return peers.map((from) => this.#edgeResult(from, repo, undefined));
    const result = (await within(TURN_PATIENCE_MS, this.#request(repo.name, []))) ?? {
      outcomes: new Map(),
      fault: unanswered(repo),
    };
    return peers.map((from) => this.#edgeResult(from, repo, result));
  }

  /** How many secrets are known of in each repo's state file. */
  secretCounts(): (readonly [repo: string, count: number])[] {
    const { repos } = this.#config.registry;
    return repos.map(({ name }) => [name, this.sources.get(name)?.secrets.length ?? 0]);
  }

  isPaused(repo: string): boolean {
    return this.#paused.has(repo);
  }

  setPaused(repo: string, paused: boolean): void {
    if (paused) {
      this.#paused.add(repo);
      this.queue.remove(repo);
      this.#lanes.get(repo)?.dismiss(fault("PAUSED", `${repo} is paused`, { repo }));
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

  #withOwn(registry: Registry): Registry {
    return { repos: [...registry.repos, ...(this.#options.own ?? [])] };
  }

  /** A repo whose state file is to be read, by the config in force. */
  #source(name: string): Repo | undefined {
    return sourcesOf(this.registry).find((repo) => repo.name === name);
  }

  #dueAtPeersOf(name: string): void {
    const repo = this.#source(name);
    if (repo === undefined) return;
    for (const target of targetsOf(this.registry, repo)) this.due(target.name);
  }

  #world(): LaneWorld {
    const { report, now, paths } = this.#options;
    return {
      registry: () => this.registry,
      scope: () => ({ registry: this.registry, paths }),
      sources: this.sources,
      guardOf: (repo) => this.#guardOf(repo),
      guardPatienceMs: this.#options.resident ? GUARD_PATIENCE_MS : TURN_PATIENCE_MS,
      settleMs: () => this.#config.debounceMs.wait,
      maxSettleMs: () => this.#config.debounceMs.maxWait,
      dueAfter: (repo, delayMs) => {
        if (this.#options.resident) this.due(repo, delayMs);
      },
      report,
      now,
    };
  }

  /** Asks for a turn of a cache. */
  #request(repo: string, refresh: readonly string[]): Promise<TurnResult> {
    const lane = this.lane(repo);
    const turn = lane.request(refresh);
    if (!this.queue.add(repo)) lane.dismiss(fault("DAEMON_NOT_RUNNING", "the daemon is stopping"));
    return turn;
  }

  async #look(repo: Repo, found: Found, asked: boolean): Promise<Observation> {
    const { maxBytes } = this.#config;
    const guard = this.#guardOf(repo);
    const observation = await this.sources.observe(repo, {
      maxBytes,
      registry: this.registry,
      guard,
      found,
      asked,
      now: this.#options.now(),
    });
    this.#account(repo.name).looked(this.sources.get(repo.name), observation, found);
    return observation;
  }

  /** A user's patterns are for users' texts: what we write to prove ourselves has dates and numbers in it. */
  #guardOf(repo: Repo): GuardOptions {
    return repo.name.startsWith(RESERVED_PREFIX) ? NO_PATTERNS : this.#config.guard;
  }

  #account(repo: string): SourceAccount {
    const account = this.#accounts.get(repo) ?? new SourceAccount(repo, this.#options.report);
    this.#accounts.set(repo, account);
    return account;
  }

  #dropLane(repo: string): void {
    this.queue.remove(repo);
    const lane = this.#lanes.get(repo);
    this.#lanes.delete(repo);
    lane?.dismiss(fault("REPO_UNKNOWN", `${repo} has left the config`, { repo }));
    if (lane !== undefined) void lane.close();
  }

  #edgeResult(from: Repo, to: Repo, turn: TurnResult | undefined): EdgeResult {
    const writtenCache = cachePath({ path: to.writtenPath });
    const edge = { from: from.name, to: to.name, cache: cachePath(to), writtenCache };
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
}
