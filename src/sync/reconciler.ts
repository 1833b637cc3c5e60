import type { Config } from "../config/load.ts";
import type { Paths } from "../paths.ts";
import {
  cachesOf,
  diffRegistries,
  findRepo,
  hasCache,
  isSource,
  peersOf,
  type Registry,
  type RegistryDiff,
  type Repo,
  sourcesOf,
  targetsOf,
} from "../core/registry.ts";
import { type Fault, fault } from "../errors.ts";
import { namesAround } from "../store/around.ts";
import { isSilent } from "../store/disks.ts";
import { concurrently, whileItGetsOn } from "../concurrently.ts";
import { type EdgeResult, edgeResult } from "./edge-result.ts";
import type { CacheLane, TurnResult } from "./lane.ts";
import type { LaneWorld } from "./lane-world.ts";
import { Lanes } from "./lanes.ts";
import { newestCopy } from "./peer-copy.ts";
import { Looking } from "./looking.ts";
import type { Report } from "./report.ts";
import { endedTurns, unansweredFault, unansweredTurn } from "./unanswered.ts";
import { type Found, isNews, type Observation, type Sources } from "./sources.ts";
import { WorkQueue } from "./work-queue.ts";

export type { EdgeResult } from "./edge-result.ts";

/** State files read side by side at the start; each one open is a file handle. */
const SIDE_BY_SIDE = 32;
/** Turns side by side. Each has a few file handles open, and memory for nothing but what it adds to a cache. */
const MOST_TURNS = 16;
/** A disk that takes longer to answer goes without a place: many dead ones hold up no other for long. */
const PLACE_MS = 250;
/** The start does not wait for disks of which none has answered for so long. */
const START_QUIET_MS = 750;
/** How long while no turn comes to its end. Debounced edits of others fit in; a daemon may have more to do. */
const TURN_PATIENCE_MS = { resident: 60_000, oneOff: 10_000 };
/** What a turn of a daemon waits for the guard, in milliseconds: the other peers' news wait with it. */
const GUARD_PATIENCE_MS = 250;
/** A command comes by once; the guard has a limit of its own for each text. */
const ONE_OFF_GUARD_PATIENCE_MS = 60_000;

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
  readonly queue: WorkQueue;
  readonly #options: ReconcilerOptions;
  readonly #looking: Looking;
  readonly #lanes: Lanes;
  readonly #paused = new Set<string>();
  #config: Config;
  #registry: Registry;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#config = options.config;
    this.#registry = this.#withOwn(options.config.registry);
    this.#looking = new Looking({
      config: () => this.#config,
      registry: () => this.#registry,
      isPaused: (repo) => this.isPaused(repo),
      onLateNews: (repo) => {
        if (options.resident) this.#dueAtPeersOf(repo);
      },
      report: options.report,
      now: options.now,
    });
    this.#lanes = new Lanes(this.#world());
    this.queue = new WorkQueue({
      // Turns wait for the disk most of the time, and those that wait together share its writing.
      concurrency: MOST_TURNS,
      work: (repo) => this.lane(repo).turn(),
    });
  }

  /** What is known of the state files. */
  get sources(): Sources {
    return this.#looking.sources;
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
    const around = namesAround([...diff.added, ...diff.moved], registry);
    for (const name of [...diff.removed, ...diff.moved, ...around]) this.#looking.forget(name);
    for (const name of diff.removed) {
      this.queue.remove(name);
      this.#lanes.drop(name);
    }
    for (const name of diff.caches) this.due(name);
    return diff;
  }

  /** @param listener called after each look that left a state file held back, with the fault's code. */
  onHeld(listener: (repo: string, code: string) => void): void {
    this.#looking.onHeld(listener);
  }

  lane(repo: string): CacheLane {
    return this.#lanes.of(repo);
  }

  get #turnPatienceMs(): number {
    return this.#options.resident ? TURN_PATIENCE_MS.resident : TURN_PATIENCE_MS.oneOff;
  }

  /** Makes a cache due now, or after a while. A paused repo's cache is never due. */
  due(repo: string, delayMs = 0): void {
    const target = findRepo(this.registry, repo);
    if (target === undefined || !hasCache(target) || this.isPaused(repo)) return;
    if (delayMs > 0) this.queue.addAfter(repo, delayMs);
    else this.queue.add(repo);
  }

  /** Reads a repo's state file, unless it is paused; where it brings news, makes every cache due that may hold it. */
  async observe(name: string, found: Found): Promise<Observation> {
    const repo = this.#source(name);
    if (repo === undefined || this.isPaused(name)) return "same";
    const release = this.queue.hold();
    try {
      const observation = await this.#looking.look(repo, found, false);
      // Who may hold it is for the config to say that is in force now, not when the look began.
      if (isNews(observation)) this.#dueAtPeersOf(name);
      return observation;
    } finally {
      release();
    }
  }

  /**
   * Brings everything up to date: reads every state file, and then gives every cache one turn. A
   * disk that does not answer is not waited for; what comes late goes out on its own.
   */
  async reconcileAll(found: Found): Promise<void> {
    let late = false;
    let looked = 0;
    const names = sourcesOf(this.registry).map((repo) => repo.name);
    const look = async (name: string): Promise<void> => {
      const repo = this.#source(name);
      if (repo === undefined || this.isPaused(name)) return;
      const observation = await this.#looking.look(repo, found, false);
      looked += 1;
      if (late && isNews(observation)) this.#dueAtPeersOf(name);
    };
    const looks = concurrently(names, SIDE_BY_SIDE, look, PLACE_MS);
    await whileItGetsOn(looks, START_QUIET_MS, () => looked);
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
    // The caches become due below: a turn that began before would be one more for each.
    const silent = await this.#lookAtEach(repos, named, (repo, looked) => {
      // A state that is held back, or out of reach, is not synced now; nothing may say that it was.
      if (looked === undefined || this.sources.get(repo.name)?.fault !== undefined) return;
      for (const target of targetsOf(this.registry, repo))
        refresh.set(target.name, [...(refresh.get(target.name) ?? []), repo.name]);
    });
    const turns = new Map<Repo, Promise<TurnResult>>();
    for (const target of this.registry.repos) {
      const peers = refresh.get(target.name);
      if (peers !== undefined && !this.isPaused(target.name)) turns.set(target, this.#request(target, peers));
    }
    const ended = await endedTurns(turns, this.#turnPatienceMs);
    const results: EdgeResult[] = [];
    for (const from of repos) {
      for (const to of targetsOf(this.registry, from)) {
        const hung = silent.get(from.name);
        const edge = this.#edgeResult(from, to, ended.get(to.name));
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
    if (peers.length === 0 && !hasCache(repo)) return [];
    const silent = await this.#lookAtEach(peers, false, async (peer, looked) => {
      if (isNews(looked) && this.#options.resident) {
        for (const target of targetsOf(this.registry, peer))
          if (target.name !== repo.name) this.due(target.name);
      }
      const source = this.sources.get(peer.name);
      if (source?.snapshot !== undefined || source?.fault === undefined) return;
      const copy = await newestCopy(peer, this.registry);
      if (copy !== undefined) await this.sources.adopt(peer, copy, this.#looking.guardOf(peer));
    });
    if (this.isPaused(repo.name)) return peers.map((from) => this.#edgeResult(from, repo, undefined));
    const ended = await endedTurns(new Map([[repo, this.#request(repo, [])]]), this.#turnPatienceMs);
    return peers.map((from) => {
      const edge = this.#edgeResult(from, repo, ended.get(repo.name));
      return { ...edge, fault: edge.fault ?? silent.get(from.name) };
    });
  }

  /** How many secrets are known of in each repo's state file. */
  secretCounts(): (readonly [repo: string, count: number])[] {
    const { repos } = this.#config.registry;
    return repos.map(({ name }) => [name, this.sources.get(name)?.secretCount ?? 0]);
  }

  isPaused(repo: string): boolean {
    return this.#paused.has(repo);
  }

  setPaused(repo: string, paused: boolean): void {
    if (paused) {
      this.#paused.add(repo);
      this.queue.remove(repo);
      this.#lanes.dismiss(repo, fault("PAUSED", `${repo} is paused`, { repo }));
    } else {
      this.#paused.delete(repo);
    }
  }

  /** Finishes what is due and lets go of every file. */
  async close(): Promise<void> {
    this.queue.close();
    await this.queue.idle();
    await this.#lanes.close();
  }

  #withOwn(registry: Registry): Registry {
    return { repos: [...registry.repos, ...(this.#options.own ?? [])] };
  }

  /** A repo whose state file is to be read, by the config in force. */
  #source(name: string): Repo | undefined {
    const repo = findRepo(this.registry, name);
    return repo !== undefined && isSource(repo) ? repo : undefined;
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
      guardOf: (repo) => this.#looking.guardOf(repo),
      guardPatienceMs: () => (this.#options.resident ? GUARD_PATIENCE_MS : ONE_OFF_GUARD_PATIENCE_MS),
      settleMs: () => this.#config.debounceMs.wait,
      maxSettleMs: () => this.#config.debounceMs.maxWait,
      rescanMs: () => this.#config.rescanMs,
      dueAfter: (repo, delayMs) => {
        if (this.#options.resident) this.due(repo, delayMs);
      },
      report,
      now,
    };
  }

  /** Asks for a turn of a cache. */
  async #request(target: Repo, refresh: readonly string[]): Promise<TurnResult> {
    // A daemon's turn waits for the disk to come back.
    if (!this.#options.resident && isSilent(target)) return unansweredTurn(target);
    const lane = this.lane(target.name);
    const turn = lane.request(refresh);
    if (!this.queue.add(target.name)) lane.dismiss(fault("DAEMON_NOT_RUNNING", "the daemon is stopping"));
    return await turn;
  }

  /**
   * Reads some repos' state files for somebody who asked, but for those that are paused.
   *
   * @param then called for each when it was read, or was given up.
   * @returns why those could not be read whose disks do not answer.
   */
  async #lookAtEach(
    repos: readonly Repo[],
    asked: boolean,
    then: (repo: Repo, looked: Observation | undefined) => Promise<void> | void,
  ): Promise<ReadonlyMap<string, Fault>> {
    const silent = new Map<string, Fault>();
    const look = async (repo: Repo): Promise<void> => {
      if (this.isPaused(repo.name)) return;
      const looked = await this.#looking.lookInTime(repo, asked);
      if (looked === undefined) {
        const why = unansweredFault("STATE_FILE_UNREADABLE", repo);
        silent.set(repo.name, why);
        this.sources.miss(repo.name, why, this.#options.now());
      }
      await then(repo, looked);
    };
    await concurrently(repos, SIDE_BY_SIDE, look, PLACE_MS);
    return silent;
  }

  #edgeResult(from: Repo, to: Repo, turn: TurnResult | undefined): EdgeResult {
    const paused = [from, to].find((repo) => this.isPaused(repo.name));
    return edgeResult(from, to, { turn, paused, sourceFault: this.sources.get(from.name)?.fault });
  }
}
