import { availableParallelism } from "node:os";
import { sep } from "node:path";
import type { Config } from "../config/load.ts";
import type { GuardOptions } from "../guard/guarded.ts";
import type { Paths } from "../paths.ts";
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
import { isSilent } from "../store/disks.ts";
import { concurrently, whileItGetsOn, within } from "../concurrently.ts";
import { type EdgeResult, edgeResult } from "./edge-result.ts";
import type { CacheLane, LaneWorld, TurnResult } from "./lane.ts";
import { Lanes } from "./lanes.ts";
import { newestCopy } from "./peer-copy.ts";
import { type Report, reportDefect } from "./report.ts";
import { SourceAccount } from "./source-account.ts";
import { endedTurns, unansweredFault, unansweredTurn } from "./unanswered.ts";
import { type Found, isNews, type Observation, Sources } from "./sources.ts";
import { WorkQueue } from "./work-queue.ts";

export type { EdgeResult } from "./edge-result.ts";

const NO_PATTERNS: GuardOptions = { patterns: {}, allow: [] };

/** State files read side by side at the start; each one open is a file handle. */
const SIDE_BY_SIDE = 32;
/** A disk that takes longer to answer goes without a place: many dead ones hold up no other for long. */
const PLACE_MS = 250;
/** The start does not wait for disks of which none has answered for so long. */
const START_QUIET_MS = 750;
/** How long somebody who asked waits for one disk. */
const PATIENCE_MS = 5_000;
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
  readonly sources = new Sources();
  readonly queue: WorkQueue;
  readonly #options: ReconcilerOptions;
  readonly #lanes: Lanes;
  readonly #paused = new Set<string>();
  #onHeld: (repo: string, code: string) => void = () => undefined;
  readonly #accounts = new Map<string, SourceAccount>();
  #config: Config;
  #registry: Registry;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#config = options.config;
    this.#registry = this.#withOwn(options.config.registry);
    this.#lanes = new Lanes(this.#world());
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
    const around = reposAround([...diff.added, ...diff.moved], registry);
    for (const name of [...diff.removed, ...diff.moved, ...around]) {
      this.sources.forget(name);
      this.#accounts.delete(name);
    }
    for (const name of diff.removed) {
      this.queue.remove(name);
      this.#lanes.drop(name);
    }
    for (const name of diff.caches) this.due(name);
    return diff;
  }

  /** @param listener called after each look that left a state file held back, with the fault's code. */
  onHeld(listener: (repo: string, code: string) => void): void {
    this.#onHeld = listener;
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
    if (isNews(observation)) this.#dueAtPeersOf(name);
    return observation;
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
      const observation = await this.#look(repo, found, false);
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
    const silent = new Map<string, Fault>();
    await concurrently(
      repos,
      SIDE_BY_SIDE,
      async (repo) => {
        if (this.isPaused(repo.name)) return;
        // The caches become due below: a turn that began before would be one more for each.
        const looked = await this.#lookInTime(repo, named);
        if (looked === undefined) {
          silent.set(repo.name, unansweredFault("STATE_FILE_UNREADABLE", repo));
          return;
        }
        // A state that is held back, or out of reach, is not synced now; nothing may say that it was.
        if (this.sources.get(repo.name)?.fault !== undefined) return;
        for (const target of targetsOf(this.registry, repo)) {
          refresh.set(target.name, [...(refresh.get(target.name) ?? []), repo.name]);
        }
      },
      PLACE_MS,
    );
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
    if (peers.length === 0 && !cachesOf(this.registry).includes(repo)) return [];
    const silent = new Map<string, Fault>();
    await concurrently(
      peers,
      SIDE_BY_SIDE,
      async (peer) => {
        if (this.isPaused(peer.name)) return;
        const looked = await this.#lookInTime(peer, false);
        if (looked === undefined) {
          const why = unansweredFault("STATE_FILE_UNREADABLE", peer);
          silent.set(peer.name, why);
          this.sources.miss(peer.name, why, this.#options.now());
        }
        if (isNews(looked) && this.#options.resident) {
          for (const target of targetsOf(this.registry, peer))
            if (target.name !== repo.name) this.due(target.name);
        }
        const source = this.sources.get(peer.name);
        if (source?.snapshot !== undefined || source?.fault === undefined) return;
        const copy = await newestCopy(peer, this.registry);
        if (copy !== undefined) await this.sources.adopt(peer, copy, this.#guardOf(peer));
      },
      PLACE_MS,
    );
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

  async #look(repo: Repo, found: Found, asked: boolean): Promise<Observation> {
    const { maxBytes } = this.#config;
    const guard = this.#guardOf(repo);
    const now = this.#options.now();
    const isWanted = (): boolean => !this.isPaused(repo.name);
    const options = { maxBytes, registry: this.registry, guard, found, asked, now, isWanted };
    let observation: Observation;
    try {
      observation = await this.sources.observe(repo, options);
    } catch (error) {
      // A defect of ours in one repo's look is that repo's trouble, and no reason to end everyone's.
      const message = `internal error: ${reportDefect(this.#options.report, error)}`;
      this.sources.fail(repo, fault("STATE_FILE_UNREADABLE", message, { repo: repo.name, path: repo.path }));
      observation = "held";
    }
    const { code } = this.sources.get(repo.name)?.fault ?? {};
    if (code !== undefined) this.#onHeld(repo.name, code);
    this.#account(repo.name).looked(this.sources.get(repo.name), observation, found);
    return observation;
  }

  /** @returns undefined where the disk does not answer. What it tells later is news all the same. */
  async #lookInTime(repo: Repo, asked: boolean): Promise<Observation | undefined> {
    if (isSilent(repo)) return undefined;
    const look = this.#look(repo, "request", asked);
    const looked = await within(PATIENCE_MS, look);
    // That is no disk's fault, and the guard has a limit of its own.
    if (looked === undefined && this.sources.isInGuard(repo.name)) return await look;
    const late = (observation: Observation): void => {
      if (isNews(observation)) this.#dueAtPeersOf(repo.name);
    };
    if (looked === undefined && this.#options.resident) void look.then(late);
    return looked;
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

  #edgeResult(from: Repo, to: Repo, turn: TurnResult | undefined): EdgeResult {
    const paused = [from, to].find((repo) => this.isPaused(repo.name));
    return edgeResult(from, to, { turn, paused, sourceFault: this.sources.get(from.name)?.fault });
  }
}

/** The repos that lie around some others: what they have taken for their own may be one of these's by now. */
function reposAround(names: readonly string[], { repos }: Registry): string[] {
  const inner = repos.filter(({ name }) => names.includes(name)).map(({ path }) => path);
  return repos
    .filter(({ path }) => inner.some((each) => each.startsWith(path + sep)))
    .map(({ name }) => name);
}
