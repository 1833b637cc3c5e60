import { performance } from "node:perf_hooks";
import { dirname } from "node:path";
import { cachesOf, type Registry, sourcesOf } from "../core/registry.ts";
import { identityAt, statIfThere } from "../store/identity.ts";
import { stateFilePath } from "../store/state-file.ts";
import { cachePath } from "../store/write-scope.ts";
import { concurrently, within } from "../concurrently.ts";
import type { Reconciler } from "../sync/reconciler.ts";
import type { Report } from "../sync/report.ts";
import type { FileWatch, WatchMode } from "./file-watch.ts";
import { Trigger } from "./trigger.ts";

/** A path is watched a little after the watcher was told to; what changed in between is looked for then. */
const ARMING_MS = 500;

/** Files looked at side by side in a rescan. */
const SIDE_BY_SIDE = 16;
/** A rescan is over by then, whatever some disk does. */
const RESCAN_PATIENCE_MS = 5_000;

interface WatchedSource {
  readonly path: string;
  readonly trigger: Trigger;
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
  /** What a rescan has asked and not been answered yet. */
  readonly #asked = new Set<string>();
  /** The debounce times that the triggers were made with. */
  #pace = "";
  readonly #timers = new Map<string, NodeJS.Timeout>();

  constructor(reconciler: Reconciler, files: FileWatch, report: Report) {
    this.#reconciler = reconciler;
    this.#files = files;
    this.#report = report;
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
    const caches = new Map(cachesOf(registry).map((repo) => [repo.name, cachePath(repo)]));
    for (const [name, path] of this.#caches) if (caches.get(name) !== path) this.#dropCache(name);
    for (const [name, path] of caches) if (!this.#caches.has(name)) this.#addCache(name, path);
  }

  modeOf(repo: string): WatchMode | "off" {
    const watched = this.#sources.get(repo);
    const path = watched === undefined ? this.#caches.get(repo) : watched.path;
    return path === undefined ? "off" : (this.#files.mode(path) ?? "off");
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
    const found: string[] = [];
    // A repo whose disk does not answer is not asked again until it has, and the others do not wait for it.
    const looks = concurrently([...this.#sources.keys()], SIDE_BY_SIDE, async (name) => {
      if (await this.#rescanSource(name)) found.push(name);
    });
    const cacheLooks = concurrently([...this.#caches.keys()], SIDE_BY_SIDE, (name) =>
      this.#rescanCache(name),
    );
    await within(RESCAN_PATIENCE_MS, Promise.all([looks, cacheLooks]));
    const durationMs = Math.round(performance.now() - started);
    this.#report("rescan.done", { repoCount: this.#sources.size, changeCount: found.length, durationMs });
    return found.length;
  }

  /** Answers every signal that waits. */
  async flush(): Promise<void> {
    await Promise.all([...this.#sources.values()].map(({ trigger }) => trigger.flush()));
  }

  close(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    for (const { trigger } of this.#sources.values()) trigger.close();
  }

  /** @returns true where the file had changed unnoticed. */
  async #rescanSource(name: string): Promise<boolean> {
    const watched = this.#sources.get(name);
    if (watched === undefined || this.#asked.has(`source ${name}`)) return false;
    this.#asked.add(`source ${name}`);
    try {
      const { path, trigger } = watched;
      const moved = await this.#directoryMoved(path);
      const identity = await identityAt(path);
      const source = this.#reconciler.sources.get(name);
      // What was wrong with a file may have been a limit of the config, or of that moment.
      const settled = identity === source?.identity && source?.fault === undefined;
      // Where an event has come already its run is due anyway, and nothing was missed.
      if ((settled && !moved) || trigger.pending || this.#reconciler.isPaused(name)) return false;
      const fileMoved = moved || identity !== source?.identity;
      if (fileMoved) this.#files.rearm(path);
      const observation = await this.#reconciler.observe(name, "rescan");
      if (fileMoved) this.#soon(`source ${name}`, ARMING_MS, () => this.signal(name));
      return observation === "changed";
    } finally {
      this.#asked.delete(`source ${name}`);
    }
  }

  async #rescanCache(name: string): Promise<void> {
    const path = this.#caches.get(name);
    if (path === undefined || this.#asked.has(`cache ${name}`)) return;
    this.#asked.add(`cache ${name}`);
    try {
      const moved = await this.#directoryMoved(path);
      if (!moved && this.#reconciler.lane(name).recognises(await identityAt(path))) return;
      if (moved) this.#files.rearm(path);
      this.#reconciler.due(name, this.#reconciler.lane(name).healDelayMs);
    } finally {
      this.#asked.delete(`cache ${name}`);
    }
  }

  #addSource(name: string, path: string): void {
    const { wait, maxWait } = this.#reconciler.config.debounceMs;
    const trigger = new Trigger(() => this.#observe(name), { waitMs: wait, maxWaitMs: maxWait });
    this.#sources.set(name, { path, trigger });
    this.#files.add(path, () => trigger.signal());
    this.#soon(`source ${name}`, ARMING_MS, () => trigger.signal());
  }

  /** Everything goes by the name: what it means is for the config of that moment to say. */
  async #observe(name: string): Promise<void> {
    if (this.#reconciler.isPaused(name)) return;
    await this.#reconciler.observe(name, "event");
    const { wait } = this.#reconciler.config.debounceMs;
    if (this.#reconciler.sources.get(name)?.fault?.code === "STATE_FILE_UNSETTLED") {
      this.#soon(`unsettled ${name}`, wait, () => this.signal(name));
    }
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
    this.#files.add(path, () => this.#cacheTouched(name, path));
  }

  #dropCache(name: string): void {
    const path = this.#caches.get(name);
    if (path !== undefined) this.#files.remove(path);
    this.#caches.delete(name);
  }

  /** Most events of a cache are our own doing. What it looks like when they are over tells. */
  #cacheTouched(name: string, path: string): void {
    this.#soon(
      `cache ${name}`,
      this.#reconciler.config.debounceMs.wait,
      () => void this.#lookAtCache(name, path),
    );
  }

  async #lookAtCache(name: string, path: string): Promise<void> {
    const lane = this.#reconciler.lane(name);
    if (lane.recognises(await identityAt(path))) return;
    this.#reconciler.due(name, lane.healDelayMs);
  }

  async #directoryMoved(path: string): Promise<boolean> {
    const directory = dirname(path);
    const stats = await statIfThere(directory);
    const now = stats === undefined ? "" : `${stats.dev}:${stats.ino}`;
    const before = this.#directories.get(directory);
    this.#directories.set(directory, now);
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
