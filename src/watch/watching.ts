import { dirname } from "node:path";
import { relookMs } from "../core/hold.ts";
import { cachesOf, type Registry, RESERVED_PREFIX, sourcesOf } from "../core/registry.ts";
import { type FileIdentity, identityAt, statIfThere } from "../store/identity.ts";
import { stateFilePath } from "../store/state-file.ts";
import { cachePath } from "../store/write-scope.ts";
import { concurrently, Shared, within } from "../concurrently.ts";
import type { Fault } from "../errors.ts";
import type { Reconciler } from "../sync/reconciler.ts";
import type { Report } from "../sync/report.ts";
import type { FileWatch } from "./file-watch.ts";
import { Trigger } from "./trigger.ts";
import { unwatched } from "./unwatched.ts";
import type { WatchMode } from "./watched-file.ts";

/** Whoever waits for the end of a repo's first look asks again after this. */
const FIRST_LOOK_MS = 500;

/** Repos looked at side by side in a rescan. */
const SIDE_BY_SIDE = 16;
/** A rescan is over by then, whatever some disk does. */
const RESCAN_PATIENCE_MS = 5_000;

/** How soon our own saves are read, whatever the users want for theirs. */
const OWN_PACE_MS = { wait: 100, maxWait: 1_000 };

const WORST_FIRST = ["lost", "polling", "events"] as const;

interface WatchedSource {
  readonly path: string;
  readonly trigger: Trigger;
  /** What the last rescan saw. Of a file that cannot be read nothing else is known. */
  seen: FileIdentity | undefined;
  /** An event has come since. */
  heard: boolean;
}

/**
 * Everything that tells the reconciler to look: file events of state files and caches, and the
 * rescan that finds what no event told.
 */
export class Watching {
  readonly #reconciler: Reconciler;
  readonly #report: Report;
  readonly #files: FileWatch;
  readonly #sources = new Map<string, WatchedSource>();
  readonly #caches = new Map<string, string>();
  /** Directories by their device and inode: another one in the place of a watched one goes unnoticed else. */
  readonly #directories = new Map<string, string>();
  /** The files as they were when their directories were last looked at. */
  readonly #placed = new Map<string, FileIdentity | undefined>();
  /** A repo whose disk does not answer is not asked again until it has. */
  readonly #looks = new Shared<boolean>();
  /** The debounce times that the triggers were made with. */
  #pace = "";
  readonly #timers = new Map<string, NodeJS.Timeout>();
  #started = false;

  constructor(reconciler: Reconciler, files: FileWatch, report: Report) {
    this.#reconciler = reconciler;
    this.#files = files;
    this.#report = report;
    reconciler.onHeld((name, code) => this.#held(name, code));
  }

  /** Whoever has looked: what waits for no event of the file is looked at again. */
  #held(name: string, code: string): void {
    const again = relookMs(code, this.#reconciler.config.debounceMs.wait);
    if (again !== undefined) this.#soon(`unsettled ${name}`, again, () => this.signal(name));
  }

  /** Starts and stops watches so that they fit the registry. */
  apply(registry: Registry): void {
    const sources = new Map(sourcesOf(registry).map((repo) => [repo.name, repo]));
    const { wait, maxWait } = this.#reconciler.config.debounceMs;
    const pace = `${wait} ${maxWait}`;
    for (const [name, watched] of this.#sources) {
      const repo = sources.get(name);
      const same = repo !== undefined && stateFilePath(repo) === watched.path;
      if (!same || this.#pace !== pace) this.#dropSource(name);
    }
    this.#pace = pace;
    for (const repo of sources.values()) {
      if (!this.#sources.has(repo.name)) this.#addSource(repo.name, stateFilePath(repo));
    }
    const targets = cachesOf(registry).filter((repo) => !isOwn(repo.name));
    const caches = new Map(targets.map((repo) => [repo.name, cachePath(repo)]));
    for (const [name, path] of this.#caches) if (caches.get(name) !== path) this.#dropCache(name);
    for (const [name, path] of caches) if (!this.#caches.has(name)) this.#addCache(name, path);
  }

  /** How a repo is watched: as the worse of its two files is. */
  modeOf(repo: string): WatchMode | "off" {
    const paths = [this.#sources.get(repo)?.path, this.#caches.get(repo)];
    const modes = new Set(paths.map((path) => (path === undefined ? undefined : this.#files.mode(path))));
    return WORST_FIRST.find((mode) => modes.has(mode)) ?? "off";
  }

  /** What goes without events, one line a repo. */
  problems(): Fault[] {
    const owners = new Map([...this.#caches].map(([name, path]) => [path, name]));
    for (const [name, { path }] of this.#sources) owners.set(path, name);
    const stateFiles = new Set([...this.#sources.values()].map(({ path }) => path));
    const refusals = this.#files
      .refusals()
      .filter(({ path }) => !isOwn(owners.get(path) ?? ""))
      .toSorted((a, b) => Number(stateFiles.has(b.path)) - Number(stateFiles.has(a.path)));
    return unwatched(refusals, (path) => owners.get(path));
  }

  /** The start is over: a watch that comes into force from now on comes late. */
  started(): void {
    this.#started = true;
  }

  /** Looks at a repo soon, as if an event had come. */
  signal(repo: string): void {
    this.#sources.get(repo)?.trigger.signal();
  }

  /**
   * Looks at every state file and cache without waiting to be told. Compares what `stat` says;
   * reads only what looks different.
   *
   * @returns how many state files had changed unnoticed.
   */
  async rescan(): Promise<number> {
    const started = performance.now();
    // Before the looks, so that what happened until a watch was in force is found by them.
    await this.#files.restore();
    const found: string[] = [];
    // Our own repos are for finding out whether events come: no rescan may find what they did not tell.
    const names = [...new Set([...this.#sources.keys(), ...this.#caches.keys()])].filter(
      (name) => !isOwn(name),
    );
    const looks = concurrently(names, SIDE_BY_SIDE, async (name) => {
      const changed = await this.#looks.ask(`source ${name}`, RESCAN_PATIENCE_MS, () =>
        this.#rescanSource(name),
      );
      if (changed === true) found.push(name);
      // A disk that does not answer is asked for nothing more.
      if (changed !== undefined)
        await this.#looks.ask(`cache ${name}`, RESCAN_PATIENCE_MS, () => this.#rescanCache(name));
    });
    await within(RESCAN_PATIENCE_MS, looks);
    const durationMs = Math.round(performance.now() - started);
    this.#report("rescan.done", { repoCount: names.length, changeCount: found.length, durationMs });
    return found.length;
  }

  /** Answers every signal that waits, and what no signal has come for yet. */
  async finish(): Promise<void> {
    await this.#flush();
    await this.rescan();
    // A signal that came during the rescan waits for its quiet time again.
    await this.#flush();
  }

  close(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    for (const { trigger } of this.#sources.values()) trigger.close();
  }

  async #flush(): Promise<void> {
    await Promise.all([...this.#sources.values()].map(({ trigger }) => trigger.flush()));
  }

  /** @returns true where the file had changed unnoticed. */
  async #rescanSource(name: string): Promise<boolean> {
    const watched = this.#sources.get(name);
    if (watched === undefined) return false;
    const { path, trigger, seen, heard } = watched;
    const source = this.#reconciler.sources.get(name);
    const identity = await identityAt(path);
    const moved = await this.#directoryMoved(path, identity);
    watched.seen = identity;
    watched.heard = false;
    // What was wrong with a file may have been a limit of the config, or of that moment.
    const settled = identity === source?.identity && source?.fault === undefined;
    if (moved) await this.#files.rearm(dirname(path));
    // Where an event has come already its run is due anyway, and nothing was missed.
    if ((settled && !moved) || trigger.busy || this.#reconciler.isPaused(name)) return false;
    const unheard = !heard && identity !== source?.identity && identity !== seen;
    if (unheard && !moved) await this.#files.rearm(dirname(path));
    return (await this.#reconciler.observe(name, "rescan")) === "changed";
  }

  /** @returns true where the cache is not as it was left. */
  async #rescanCache(name: string): Promise<boolean> {
    const path = this.#caches.get(name);
    if (path === undefined) return false;
    const identity = await identityAt(path);
    const moved = await this.#directoryMoved(path, identity);
    if (!moved && this.#reconciler.lane(name).recognises(identity)) return false;
    if (moved) await this.#files.rearm(dirname(path));
    this.#reconciler.due(name, this.#reconciler.lane(name).healDelayMs);
    return true;
  }

  #addSource(name: string, path: string): void {
    const { wait, maxWait } = isOwn(name) ? OWN_PACE_MS : this.#reconciler.config.debounceMs;
    const trigger = new Trigger(() => this.#observe(name), { waitMs: wait, maxWaitMs: maxWait });
    const watched: WatchedSource = { path, trigger, seen: undefined, heard: false };
    this.#sources.set(name, watched);
    const onEvent = (): void => {
      watched.heard = true;
      trigger.signal();
    };
    void this.#files.add(path, onEvent).then(() => this.#catchUp(name));
  }

  /** Looks for what happened before the watch was in force: no event told of it. */
  #catchUp(name: string): void {
    if (!this.#sources.has(name) || this.#reconciler.isPaused(name)) return;
    // The first look may have begun before, too. What it has seen is known when it is over.
    if (this.#reconciler.sources.get(name) === undefined)
      this.#soon(`source ${name}`, FIRST_LOOK_MS, () => this.#catchUp(name));
    else void this.#looks.run(`source ${name}`, () => this.#rescanSource(name));
  }

  /** Everything goes by the name: what it means is for the config of that moment to say. */
  async #observe(name: string): Promise<void> {
    if (this.#reconciler.isPaused(name)) return;
    await this.#reconciler.observe(name, "event");
  }

  #dropSource(name: string): void {
    const watched = this.#sources.get(name);
    if (watched === undefined) return;
    watched.trigger.close();
    this.#files.remove(watched.path);
    this.#sources.delete(name);
    for (const key of [`source ${name}`, `unsettled ${name}`]) {
      clearTimeout(this.#timers.get(key));
      this.#timers.delete(key);
    }
  }

  #addCache(name: string, path: string): void {
    this.#caches.set(name, path);
    const watched = this.#files.add(path, () => this.#cacheTouched(name));
    // What was done to it before is found by its first turn, but where that was over already.
    void watched.then(() => this.#started && this.#caches.get(name) === path && this.#cacheTouched(name));
  }

  #dropCache(name: string): void {
    const path = this.#caches.get(name);
    if (path !== undefined) this.#files.remove(path);
    this.#caches.delete(name);
  }

  /** Most events of a cache are our own doing. What it looks like when they are over tells. */
  #cacheTouched(name: string): void {
    this.#soon(`cache ${name}`, this.#reconciler.config.debounceMs.wait, () => {
      void this.#looks.run(`cache ${name}`, () => this.#rescanCache(name));
    });
  }

  /**
   * @param identity the file's. One that is as it was at the last look lies in the same directory: to be
   *   moved changes it. That somebody has read it since proves nothing, for that may be in another one.
   */
  async #directoryMoved(path: string, identity: FileIdentity | undefined): Promise<boolean> {
    if (identity !== undefined && identity === this.#placed.get(path)) return false;
    const directory = dirname(path);
    const stats = await statIfThere(directory);
    const now = stats === undefined ? "" : `${stats.dev}:${stats.ino}`;
    const before = this.#directories.get(directory);
    this.#directories.set(directory, now);
    this.#placed.set(path, identity);
    return before !== undefined && before !== now;
  }

  /** Runs once after a while; asked again meanwhile, still once. */
  #soon(key: string, delayMs: number, what: () => void): void {
    if (this.#timers.has(key)) return;
    const timer = setTimeout(() => {
      this.#timers.delete(key);
      what();
    }, delayMs);
    this.#timers.set(key, timer);
  }
}

/** A pseudo-repo of ours: nobody else writes into its cache, and it is nobody else's business. */
function isOwn(name: string): boolean {
  return name.startsWith(RESERVED_PREFIX);
}
