import { setTimeout as delay } from "node:timers/promises";
import { retryAfter } from "../core/backoff.ts";
import type { EdgeOutcome, MergeResult } from "../core/cache/merge.ts";
import { findRepo, hasCache, type Registry, type Repo } from "../core/registry.ts";
import { elapsed } from "../elapsed.ts";
import { type Fault, fault, FaultError } from "../errors.ts";
import {
  CacheError,
  makeCacheDirectory,
  openCache,
  type OpenedCache,
  removeCacheTemporaries,
} from "../store/cache-file.ts";
import type { GuardOptions } from "../guard/guarded.ts";
import { closeQuietly } from "../store/close.ts";
import { keepCopy } from "../store/copies.ts";
import { crashPoint } from "../store/crash-point.ts";
import type { FileIdentity } from "../store/identity.ts";
import { Ownership } from "../store/ownership.ts";
import { type Replaced, replaceFile } from "../store/replace.ts";
import { cachePath, writable } from "../store/write-scope.ts";
import { Displaced, type LateEdit } from "./displaced.ts";
import { Left } from "./left.ts";
import type { LaneWorld } from "./lane-world.ts";
import { plan } from "./plan.ts";
import { reportDefect } from "./report.ts";
import { TurnAccount } from "./turn-account.ts";

export interface TurnResult {
  readonly outcomes: ReadonlyMap<string, EdgeOutcome>;
  readonly fault: Fault | undefined;
}

/** When a turn is made again that the guard was not done with, in milliseconds. */
const AGAIN_MS = 1_000;

/** Ends a turn whose cache left the config meanwhile. */
class Withdrawn extends Error {}

/** Somebody else may change the cache between our read and our rename this often in one turn. */
const MOST_RACES = 20;

/**
 * One cache and everything that is waiting for it. A turn takes all of it: reads the cache,
 * merges the newest snapshots in, replaces the file. The work queue sees to it that turns of one
 * cache never overlap.
 */
export class CacheLane {
  readonly #repo: string;
  readonly #world: LaneWorld;
  #refresh = new Set<string>();
  #waiters: ((result: TurnResult) => void)[] = [];
  /** The cache as we left or last found it in order. */
  #known: FileIdentity | undefined;
  /** The same, through failed turns as well: what it is told by is whether others have written into it. */
  #last: FileIdentity | undefined;
  /** The rules that everything in it has passed. */
  #passed: GuardOptions | undefined;
  /** The cache as our last turn left it: one that we wrote is not read while it is that file. */
  #left: Left | undefined;
  /** Where the repo was when what a killed process had left beside its cache was removed. */
  #swept: string | undefined;
  #failures = 0;
  #fault: Fault | undefined;
  readonly #account: TurnAccount;
  readonly #displaced: Displaced;
  /** Late edits that are in the copies. */
  readonly #kept = new WeakSet<LateEdit>();
  /** Grows with every text of others that came into the cache: what was displaced before lacks it. */
  #era = 0;

  constructor(repo: string, world: LaneWorld) {
    this.#repo = repo;
    this.#world = world;
    this.#account = new TurnAccount(repo, world.sources, world.report);
    this.#displaced = new Displaced(() => world.dueAfter(repo, 0));
  }

  /** What keeps this cache from being written, if something does. */
  get fault(): Fault | undefined {
    return this.#fault;
  }

  get contested(): boolean {
    return this.#account.contested;
  }

  /** True where the cache on disk is the one that we know. */
  recognises(identity: FileIdentity | undefined): boolean {
    return identity !== undefined && identity === this.#known;
  }

  /** The cache as it was left, if that says by this config what stands in it. */
  leftFor(registry: Registry): Left | undefined {
    return this.#left?.isFor(registry) === true ? this.#left : undefined;
  }

  /** Milliseconds that a heal has to wait while somebody fights over the cache. */
  get healDelayMs(): number {
    return this.#account.healDelayMs;
  }

  /** Has the next turn renew `Last Synced` of these peers, and tell how it went. */
  request(refresh: readonly string[]): Promise<TurnResult> {
    for (const peer of refresh) this.#refresh.add(peer);
    // Somebody waits, and has perhaps put right what was wrong.
    this.#failures = 0;
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  /** One turn. Never rejects for what the file system does. */
  async turn(): Promise<void> {
    const refresh = this.#refresh;
    const waiters = this.#waiters;
    this.#refresh = new Set();
    this.#waiters = [];
    let result: TurnResult = {
      outcomes: new Map(),
      fault: fault("CACHE_IO", `the turn of ${this.#repo}'s cache broke off`, { repo: this.#repo }),
    };
    try {
      result = await this.#attempt(refresh);
    } finally {
      for (const resolve of waiters) resolve(result);
    }
  }

  /** Answers everyone who waits for a turn that will not come. */
  dismiss(why: Fault): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    this.#refresh = new Set();
    for (const resolve of waiters) resolve({ outcomes: new Map(), fault: why });
  }

  /** Lets go of every file. What was written into displaced ones until now is in the copies then. */
  async close(): Promise<void> {
    await this.#displaced.close();
    try {
      await this.#keepLateEdits();
    } catch (error) {
      if (!(error instanceof FaultError)) throw error;
      const { code, message } = error.fault;
      this.#world.report("cache.failed", { cache: this.#repo, code, message, retryInMs: 0 });
    }
  }

  async #attempt(refresh: ReadonlySet<string>): Promise<TurnResult> {
    const target = this.#target();
    if (target === undefined) return { outcomes: new Map(), fault: undefined };
    try {
      await this.#sweep(target);
      const outcomes = await this.#reconcile(target, refresh);
      this.#succeeded(target);
      return { outcomes, fault: undefined };
    } catch (error) {
      if (error instanceof Withdrawn) return { outcomes: new Map(), fault: undefined };
      const why = error instanceof FaultError ? error.fault : this.#defect(target, error);
      this.#failed(target, why);
      return { outcomes: new Map(), fault: why };
    }
  }

  /** The repo whose cache this is, by the config in force. */
  #target(): Repo | undefined {
    const repo = findRepo(this.#world.registry(), this.#repo);
    return repo !== undefined && hasCache(repo) ? repo : undefined;
  }

  /** In a turn, and not beside it: a write of ours that is in hand is no litter. */
  async #sweep(target: Repo): Promise<void> {
    if (this.#swept === target.path) return;
    for (const path of await removeCacheTemporaries(target)) this.#world.report("litter.removed", { path });
    this.#swept = target.path;
  }

  /** A defect of ours in one cache's turn is that cache's trouble, and no reason to end everyone's. */
  #defect(target: Repo, error: unknown): Fault {
    const message = reportDefect(this.#world.report, error);
    return fault("CACHE_IO", `internal error: ${message}`, { path: cachePath(target), repo: target.name });
  }

  async #reconcile(target: Repo, refresh: ReadonlySet<string>): Promise<ReadonlyMap<string, EdgeOutcome>> {
    const started = performance.now();
    const { sources } = this.#world;
    const lateEdits = await this.#keepLateEdits();
    const lateEdit = lateEdits.at(-1);
    for (let race = 0; race < MOST_RACES; race += 1) {
      // Of this moment: what waits below is for nothing where another config comes meanwhile.
      const registry = this.#world.registry();
      const known = lateEdit === undefined ? this.leftFor(registry) : undefined;
      const left = known?.isFound === false ? known : undefined;
      const opened = await this.#openAtRest(target, started, left?.identity);
      crashPoint("turn.read", this.#repo);
      let keepHandle = false;
      try {
        // Without a link inside the repo the cache is where it belongs.
        if (opened.linked) (await Ownership.of(registry)).refuseForeign(target, opened.file);
        if (opened.identity !== undefined && opened.identity !== this.#last) this.#era += 1;
        // Where other text has come into the cache since, the late edit stays in its copy.
        const base = lateEdit?.era === this.#era ? lateEdit.bytes : opened.bytes;
        const guard = this.#world.guardOf(target);
        const { result, settled, failures } = await plan(base, target, {
          registry,
          sources,
          guard,
          passed: guard === this.#passed && base === opened.bytes && this.recognises(opened.identity),
          left: opened.identity === left?.identity ? left?.parsed : undefined,
          patienceMs: this.#world.guardPatienceMs(),
          refresh,
          now: this.#world.now(),
        });
        const passed = settled ? guard : undefined;
        this.#account.unguarded(failures);
        if (!settled) this.#world.dueAfter(this.#repo, AGAIN_MS);
        if (!result.changed && base === opened.bytes) {
          this.#known = opened.identity;
          this.#last = opened.identity;
          this.#passed = passed;
          const { identity } = opened;
          if (identity !== left?.identity)
            this.#left = Left.after(result, { identity, isFound: true, registry, sources });
          this.#displaced.forget(lateEdits);
          this.#account.unchanged(result, elapsed(started));
          return result.outcomes;
        }
        if (base !== opened.bytes && opened.bytes !== undefined) await this.#keepLateEdit(opened.bytes);
        await this.#copyIfNeeded(result, opened, target);
        crashPoint("turn.copied");
        const replaced = await this.#replace(result, opened, target, registry);
        if (replaced === undefined) continue;
        crashPoint("turn.replaced");
        if (base !== opened.bytes) this.#era += 1;
        keepHandle = this.#displaced.watch(opened, this.#era);
        const touchedByOthers =
          opened.identity !== undefined && this.#known !== undefined && !this.recognises(opened.identity);
        this.#known = replaced.identity;
        this.#last = replaced.identity;
        this.#passed = passed;
        const { identity } = replaced;
        this.#left = Left.after(result, { identity, isFound: false, registry, sources });
        this.#displaced.forget(lateEdits);
        const now = this.#world.now();
        this.#account.written({ result, durationMs: elapsed(started), touchedByOthers, now });
        return result.outcomes;
      } finally {
        if (!keepHandle) await closeQuietly(opened.handle);
      }
    }
    const path = cachePath(target);
    throw new FaultError("CACHE_BUSY", `${path} changed ${MOST_RACES} times while it was being updated`, {
      path,
      repo: target.name,
    });
  }

  /** Opens the cache; where somebody else is writing it right now, waits until it rests. */
  async #openAtRest(target: Repo, started: number, left: FileIdentity | undefined): Promise<OpenedCache> {
    for (;;) {
      const opened = await openCache(target, left);
      const age = this.#world.now().getTime() - opened.changedAtMs;
      const settle = this.#world.settleMs();
      const restless =
        opened.identity !== undefined && !this.recognises(opened.identity) && age >= 0 && age < settle;
      if (!restless || performance.now() - started > this.#world.maxSettleMs()) return opened;
      await closeQuietly(opened.handle);
      await delay(settle - age);
    }
  }

  /**
   * What somebody wrote into files that we displaced. Copies first: the turn may yet fail, and is
   * done with them only when it has succeeded.
   */
  async #keepLateEdits(): Promise<readonly LateEdit[]> {
    const edits = [...this.#displaced.edits];
    for (const edit of edits) {
      if (this.#kept.has(edit)) continue;
      const copy = await this.#keepLateEdit(edit.bytes);
      this.#kept.add(edit);
      this.#world.report("edit.rescued", { cache: this.#repo, copy });
    }
    return edits;
  }

  async #keepLateEdit(bytes: Buffer): Promise<string> {
    return await keepCopy(this.#repo, bytes, "late-edit", this.#world.now(), this.#world.scope());
  }

  async #copyIfNeeded(result: MergeResult, opened: OpenedCache, target: Repo): Promise<void> {
    if (result.copyFirst === undefined || opened.bytes === undefined) return;
    const copy = await keepCopy(
      target.name,
      opened.bytes,
      result.copyFirst,
      this.#world.now(),
      this.#world.scope(),
    );
    if (result.copyFirst === "adopted") this.#world.report("cache.adopted", { cache: target.name, copy });
  }

  async #replace(
    result: MergeResult,
    opened: OpenedCache,
    target: Repo,
    registry: Registry,
  ): Promise<Replaced> {
    if (opened.identity === undefined) await makeCacheDirectory(target);
    crashPoint("turn.directory-ready");
    if (this.#target()?.path !== target.path) throw new Withdrawn(target.name);
    const path = writable(cachePath(target), this.#world.scope(), opened.file);
    try {
      const like = opened.like === undefined ? {} : { like: opened.like };
      const { identity, root } = opened;
      const isStillWanted = (): boolean => this.#world.registry() === registry;
      return await replaceFile(path, result.chunks, {
        basedOn: identity,
        inside: root,
        isStillWanted,
        ...like,
      });
    } catch (cause) {
      throw cause instanceof FaultError ? cause : new CacheError(cause, target);
    }
  }

  #succeeded(target: Repo): void {
    if (this.#fault !== undefined) this.#world.report("cache.recovered", { cache: target.name });
    this.#fault = undefined;
    this.#failures = 0;
  }

  #failed(target: Repo, fault: Fault): void {
    this.#failures += 1;
    this.#known = undefined;
    this.#left = undefined;
    const { code, message } = fault;
    const delayMs = retryAfter(code, this.#failures, Math.random());
    const retryInMs = delayMs ?? this.#world.rescanMs();
    // One line when it breaks, not one a try.
    if (this.#fault?.code !== code) {
      this.#world.report("cache.failed", { cache: target.name, code, message, retryInMs });
    }
    this.#fault = { ...fault, repo: target.name };
    if (delayMs !== undefined) this.#world.dueAfter(this.#repo, delayMs);
  }
}
