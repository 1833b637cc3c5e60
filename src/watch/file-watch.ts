import { type FSWatcher, watch } from "chokidar";
import { dirname, normalize } from "node:path";
import { systemCode } from "../errors.ts";
import type { Report } from "../sync/report.ts";

/** How a path is being watched. `lost`: not at all, the rescan alone finds its changes. */
export type WatchMode = "events" | "polling" | "lost";

const POLL_MS = 1_000;

/**
 * Watches single files, each with its own listener. One watcher with events for all of them; the
 * paths that the system has no watches left for move to a second one that polls.
 */
export class FileWatch {
  readonly #report: Report;
  readonly #listeners = new Map<string, () => void>();
  readonly #modes = new Map<string, WatchMode>();
  readonly #events: FSWatcher;
  readonly #ready: Promise<void>;
  #polling: FSWatcher | undefined;

  constructor(report: Report) {
    this.#report = report;
    this.#events = this.#open(false);
    this.#ready = new Promise((resolve) => this.#events.once("ready", resolve));
  }

  /** Resolves when the paths added so far are watched. */
  async ready(): Promise<void> {
    await this.#ready;
  }

  /** @param path absolute. @param listener called for whatever happens to the file. */
  add(path: string, listener: () => void): void {
    const key = normalize(path);
    this.#listeners.set(key, listener);
    this.#modes.set(key, "events");
    this.#events.add(key);
  }

  remove(path: string): void {
    const key = normalize(path);
    this.#listeners.delete(key);
    this.#modes.delete(key);
    this.#events.unwatch(key);
    this.#polling?.unwatch(key);
  }

  /**
   * Watches a path anew, after something happened to it that the watcher did not tell: its
   * directory was exchanged, or its queue of events overflowed. `add` alone would not do it.
   */
  rearm(path: string): void {
    const key = normalize(path);
    if (!this.#listeners.has(key)) return;
    const watcher = this.#modes.get(key) === "polling" ? this.#polling : this.#events;
    watcher?.unwatch(key);
    watcher?.add(key);
    if (this.#modes.get(key) === "lost") this.#modes.set(key, "events");
    this.#report("watch.rearmed", { path: key });
  }

  mode(path: string): WatchMode | undefined {
    return this.#modes.get(normalize(path));
  }

  async close(): Promise<void> {
    this.#listeners.clear();
    await Promise.all([this.#events.close(), this.#polling?.close()]);
  }

  #open(polling: boolean): FSWatcher {
    const watcher = watch([], {
      ignoreInitial: true,
      // Pairs of unlink and add are news like any other; waiting to join them costs 100 ms.
      atomic: false,
      ...(polling ? { usePolling: true, interval: POLL_MS } : {}),
    });
    // Waiting for a missing file brings events of its neighbours; nobody asked for those.
    watcher.on("all", (_event, path) => this.#listeners.get(normalize(path))?.());
    watcher.on("error", (error) => this.#onError(error));
    return watcher;
  }

  #onError(error: unknown): void {
    const code = systemCode(error) ?? "UNKNOWN";
    const path =
      error instanceof Error && "path" in error && typeof error.path === "string" ? error.path : "";
    const message = error instanceof Error ? error.message : String(error);
    const concerned = [...this.#listeners.keys()].filter((key) => key === path || dirname(key) === path);
    const exhausted = code === "ENOSPC" || code === "EMFILE" || code === "ENFILE";
    this.#report("watch.lost", { path, code, message });
    for (const key of concerned) {
      if (exhausted && this.#modes.get(key) === "events") this.#poll(key);
      else this.#modes.set(key, "lost");
    }
  }

  #poll(key: string): void {
    this.#events.unwatch(key);
    this.#polling ??= this.#open(true);
    this.#polling.add(key);
    this.#modes.set(key, "polling");
    this.#report("watch.polling", { path: key });
  }
}
