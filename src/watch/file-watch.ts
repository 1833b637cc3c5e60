import { normalize, sep } from "node:path";
import { concurrently, whileItGetsOn, within } from "../concurrently.ts";
import type { Report } from "../sync/report.ts";
import { type Refusal, WatchedFile, type WatchMode } from "./watched-file.ts";

/** Files that are tried side by side when events are to be had again. */
const SIDE_BY_SIDE = 8;
/** Watches that are had side by side come all in the end: for each more there is some more time. */
const READY_QUIET_MS = 500;
const EACH_MS = 1;
/** Trying them is over by then, whatever some disk does. */
const RESTORE_PATIENCE_MS = 2_000;

/** Watches single files, each with its own listener. */
export class FileWatch {
  readonly #report: Report;
  readonly #files = new Map<string, WatchedFile>();

  constructor(report: Report) {
    this.#report = report;
  }

  /**
   * Resolves when the paths added so far are watched, or cannot be; or when for a while none has
   * come to that: the rest then lie on disks that do not answer.
   */
  async ready(): Promise<void> {
    const files = [...this.#files.values()];
    let armed = 0;
    const arming = files.map(async (file) => {
      await file.armed;
      armed += 1;
    });
    await whileItGetsOn(Promise.all(arming), READY_QUIET_MS + files.length * EACH_MS, () => armed);
  }

  /**
   * Watches a file, whether it is there or not. Resolves when the watch is in force: what happens
   * before, no event tells.
   *
   * @param path absolute. @param listener called for whatever happens to the file.
   */
  async add(path: string, listener: () => void): Promise<void> {
    const key = normalize(path);
    this.#files.get(key)?.close();
    const file = new WatchedFile(key, listener, this.#report);
    this.#files.set(key, file);
    await file.arm();
  }

  remove(path: string): void {
    const key = normalize(path);
    this.#files.get(key)?.close();
    this.#files.delete(key);
  }

  /**
   * Watches the files of a directory anew, after something happened there that no event told: the
   * directory was exchanged, or events were lost. Resolves when the watches are in force.
   */
  async rearm(directory: string): Promise<void> {
    const inside = normalize(directory) + sep;
    const files = [...this.#files.values()].filter(
      (file) => file.mode === "events" && file.path.startsWith(inside),
    );
    // All are closed before the first is opened: the watches of one directory share one of the
    // system's, and that is the one that went deaf.
    for (const file of files) file.close();
    await Promise.all(files.map((file) => file.arm()));
    for (const { path, mode } of files) if (mode === "events") this.#report("watch.rearmed", { path });
  }

  /**
   * Tries to have events again for the files that go without. Where the system's limit still
   * stands, a few tries show it; nothing is said of those.
   */
  async restore(): Promise<void> {
    const without = [...this.#files.values()].filter((file) => file.mode !== "events");
    let exhausted = false;
    const tries = concurrently(without, SIDE_BY_SIDE, async (file) => {
      if (exhausted) return;
      const outcome = await file.restore();
      if (typeof outcome === "object" && outcome.isLimit) exhausted = true;
    });
    await within(RESTORE_PATIENCE_MS, tries);
  }

  /** How a file is watched; undefined where it is not to be. */
  mode(path: string): WatchMode | undefined {
    return this.#files.get(normalize(path))?.mode;
  }

  /** The files that are not watched by events, and why. */
  refusals(): { readonly path: string; readonly mode: WatchMode; readonly refusal: Refusal }[] {
    return [...this.#files.values()].flatMap(({ path, mode, refusal }) =>
      refusal === undefined ? [] : [{ path, mode, refusal }],
    );
  }

  close(): void {
    for (const file of this.#files.values()) file.close();
    this.#files.clear();
  }
}
