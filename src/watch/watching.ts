import { performance } from "node:perf_hooks";
import { dirname } from "node:path";
import { cachesOf, type Registry, type Repo, sourcesOf } from "../core/registry.ts";
import { identityAt, statIfThere } from "../store/identity.ts";
import { stateFilePath } from "../store/state-file.ts";
import { cachePath } from "../store/write-scope.ts";
import type { Reconciler } from "../sync/reconciler.ts";
import type { Report } from "../sync/report.ts";
import type { FileWatch, WatchMode } from "./file-watch.ts";
import { Trigger } from "./trigger.ts";

/** A path is watched a little after the watcher was told to; what changed in between is looked for then. */
const ARMING_MS = 500;

interface WatchedSource {
  readonly repo: Repo;
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
      const same = repo !== undefined && stateFilePath(repo) === stateFilePath(watched.repo);
      if (!same || this.#pace !== pace) this.#dropSource(name);
    }
    this.#pace = pace;
    for (const repo of sources.values()) if (!this.#sources.has(repo.name)) this.#addSource(repo);
    const caches = new Map(cachesOf(registry).map((repo) => [repo.name, cachePath(repo)]));
    for (const [name, path] of this.#caches) if (caches.get(name) !== path) this.#dropCache(name);
    for (const [name, path] of caches) if (!this.#caches.has(name)) this.#addCache(name, path);
  }

  modeOf(repo: string): WatchMode | "off" {
    const watched = this.#sources.get(repo);
    const path = watched === undefined ? this.#caches.get(repo) : stateFilePath(watched.repo);
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
    let found = 0;
    for (const { repo, trigger } of this.#sources.values()) {
      const path = stateFilePath(repo);
      const moved = await this.#directoryMoved(path);
      const same = (await identityAt(path)) === this.#reconciler.sources.get(repo.name)?.identity;
      // Where an event has come already its run is due anyway, and nothing was missed.
      if ((same && !moved) || trigger.pending || this.#reconciler.isPaused(repo.name)) continue;
      this.#files.rearm(path);
      if ((await this.#reconciler.observe(repo, "rescan")) === "changed") found += 1;
      this.#soon(`source ${repo.name}`, ARMING_MS, () => trigger.signal());
    }
    for (const [name, path] of this.#caches) {
      const moved = await this.#directoryMoved(path);
      if (!moved && this.#reconciler.lane(name).recognises(await identityAt(path))) continue;
      if (moved) this.#files.rearm(path);
      this.#reconciler.due(name, this.#reconciler.lane(name).healDelayMs);
    }
    const durationMs = Math.round(performance.now() - started);
    this.#report("rescan.done", { repoCount: this.#sources.size, changeCount: found, durationMs });
    return found;
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

  #addSource(repo: Repo): void {
    const { wait, maxWait } = this.#reconciler.config.debounceMs;
    const trigger = new Trigger(() => this.#observe(repo), { waitMs: wait, maxWaitMs: maxWait });
    this.#sources.set(repo.name, { repo, trigger });
    this.#files.add(stateFilePath(repo), () => trigger.signal());
    this.#soon(`source ${repo.name}`, ARMING_MS, () => void this.#observe(repo));
  }

  async #observe(repo: Repo): Promise<void> {
    if (this.#reconciler.isPaused(repo.name)) return;
    await this.#reconciler.observe(repo, "event");
    const { wait } = this.#reconciler.config.debounceMs;
    if (this.#reconciler.sources.get(repo.name)?.fault?.code === "STATE_FILE_UNSETTLED") {
      this.#soon(`unsettled ${repo.name}`, wait, () => this.signal(repo.name));
    }
  }

  #dropSource(name: string): void {
    const watched = this.#sources.get(name);
    if (watched === undefined) return;
    watched.trigger.close();
    this.#files.remove(stateFilePath(watched.repo));
    this.#sources.delete(name);
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
