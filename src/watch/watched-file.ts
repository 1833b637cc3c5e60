import { type FSWatcher, watch } from "chokidar";
import { normalize, sep } from "node:path";
import { systemCode } from "../errors.ts";
import type { Report } from "../sync/report.ts";

/** How a path is being watched. `lost`: not at all, the rescan alone finds its changes. */
export type WatchMode = "events" | "polling" | "lost";

const POLL_MS = 1_000;

/** What the system says when it has no watches left to give. */
const LIMITS: ReadonlySet<string> = new Set(["ENOSPC", "EMFILE", "ENFILE"]);

/** Why a file is not watched by events. */
export interface Refusal {
  /** The system's code. */
  readonly code: string;
  readonly message: string;
  /** A limit is reached: whoever asks next is refused too. */
  readonly isLimit: boolean;
}

/**
 * The watch of one file: by events where the system grants them, else by polling, else none.
 *
 * It has a watcher of its own, so that what a watcher complains about is this file's, and watching
 * anew is closing and opening. In a watcher for many files each `unwatch` makes every later event
 * dearer, and an error names a directory that need not be the file's.
 */
export class WatchedFile {
  readonly path: string;
  readonly #listener: () => void;
  readonly #report: Report;
  #lens: Lens | undefined;
  #arming: Promise<void> = Promise.resolve();
  /** How many attempts to watch have not come back; a disk that hangs keeps them. */
  #attempts = 0;
  #mode: WatchMode = "lost";
  #refusal: Refusal | undefined;

  /** @param path absolute and normalized. @param listener called for whatever happens to the file. */
  constructor(path: string, listener: () => void, report: Report) {
    this.path = path;
    this.#listener = listener;
    this.#report = report;
  }

  get mode(): WatchMode {
    return this.#mode;
  }

  /** Why the file is not watched by events; undefined where it is, or is about to be. */
  get refusal(): Refusal | undefined {
    return this.#refusal;
  }

  /** Resolves when the last {@link arm} is over. */
  get armed(): Promise<void> {
    return this.#arming;
  }

  /**
   * Watches anew. Resolves when the watch is in force, or none can be had; what happened to the
   * file until then may have gone unheard.
   */
  async arm(): Promise<void> {
    this.#arming = this.#arm();
    // Somebody may have it armed again meanwhile, which ends this attempt: then that one counts.
    for (let last: Promise<void> | undefined; last !== this.#arming;) {
      last = this.#arming;
      await last;
    }
  }

  /**
   * Tries events again, where they were refused. Says nothing while they still are.
   *
   * @returns how it went; undefined where there was nothing to try.
   */
  async restore(): Promise<Refusal | "restored" | undefined> {
    if (this.#mode === "events" || this.#attempts > 0 || this.#lens === undefined) return undefined;
    // What polls goes on until the better watch is in force. Where nothing does, polling may be had again too.
    if (this.#mode === "lost") await this.arm();
    else await this.#exchange();
    return this.#refusal ?? "restored";
  }

  close(): void {
    this.#lens?.close();
    this.#lens = undefined;
  }

  async #arm(): Promise<void> {
    this.close();
    const byEvents = this.#open(false);
    this.#lens = byEvents;
    const refusal = await this.#outcome(byEvents);
    if (this.#lens !== byEvents) return;
    if (refusal === undefined) {
      this.#is("events", undefined);
      return;
    }
    byEvents.close();
    const byPolling = this.#open(true);
    this.#lens = byPolling;
    const second = await this.#outcome(byPolling);
    if (this.#lens === byPolling) this.#is(second === undefined ? "polling" : "lost", refusal);
  }

  async #exchange(): Promise<void> {
    const present = this.#lens;
    const better = this.#open(false);
    const refusal = await this.#outcome(better);
    if (refusal !== undefined || this.#lens !== present) {
      better.close();
      return;
    }
    present?.close();
    this.#lens = better;
    this.#is("events", undefined);
  }

  async #outcome(lens: Lens): Promise<Refusal | undefined> {
    this.#attempts += 1;
    try {
      return await lens.opened;
    } finally {
      this.#attempts -= 1;
    }
  }

  #open(polling: boolean): Lens {
    const anew = (): void => {
      if (this.#lens === lens) void this.arm().then(this.#listener);
    };
    const lens: Lens = new Lens(this.path, polling, {
      onEvent: this.#listener,
      // The watch that hears of it goes on until the other is in force: nothing is missed, and no limit costs it.
      onAppeared: () => {
        if (!polling && this.#lens === lens) void this.#exchange();
      },
      onWay: anew,
      onFailure: (refusal) => {
        // It was in force and is no more. One that polls says so at each turn, and goes on trying.
        if (!polling) anew();
        else if (this.#lens === lens) this.#is("lost", refusal);
      },
    });
    return lens;
  }

  /** One line when it changes, not one a try. */
  #is(mode: WatchMode, refusal: Refusal | undefined): void {
    const { path } = this;
    const before = this.#refusal === undefined ? "events" : this.#mode;
    this.#mode = mode;
    this.#refusal = refusal;
    if (mode === before) return;
    if (refusal === undefined) this.#report("watch.rearmed", { path });
    else if (mode === "polling") this.#report("watch.polling", { path, code: refusal.code });
    else this.#report("watch.lost", { path, code: refusal.code, message: refusal.message });
  }
}

interface LensEvents {
  /** Something happened to the file. */
  readonly onEvent: () => void;
  /** It was missing, and is there: for one that is there chokidar need not read the whole directory at each event. */
  readonly onAppeared: () => void;
  /** A directory on the way to it came or went: it is watched from too far away, or from nowhere. */
  readonly onWay: () => void;
  /** Something goes wrong that was in force. */
  readonly onFailure: (why: Refusal) => void;
}

/** One watcher on one path, from its opening to its end. */
class Lens {
  /** Resolves when the watch is in force or was closed, or with why it cannot be in force. */
  readonly opened: Promise<Refusal | undefined>;
  readonly #watcher: FSWatcher;
  readonly #end: () => void;

  constructor(path: string, polling: boolean, { onEvent, onAppeared, onWay, onFailure }: LensEvents) {
    const watcher = watch(path, {
      ignoreInitial: true,
      // Pairs of unlink and add are news like any other; waiting to join them costs 100 ms.
      atomic: false,
      // A directory that it waits for, and that comes, chokidar would watch with everything below it.
      depth: 0,
      // What lies beside it is nobody's business here, our own temporaries least of all.
      ignored: (at) => !isOnTheWay(normalize(at), path),
      ...(polling ? { usePolling: true, interval: POLL_MS } : {}),
    });
    this.#watcher = watcher;
    // Waiting for a missing file brings events of its neighbours; nobody asked for those.
    let isFirst = true;
    watcher.on("all", (event, at) => {
      const where = normalize(at);
      if (where === path) {
        onEvent();
        if (isFirst && event === "add") onAppeared();
        isFirst = false;
      } else if (isOnTheWay(where, path)) onWay();
    });
    let settle: (refusal: Refusal | undefined) => void = () => undefined;
    let settled = false;
    this.opened = new Promise((resolve) => {
      settle = (refusal) => {
        settled = true;
        resolve(refusal);
      };
    });
    this.#end = () => settle(undefined);
    watcher.once("ready", () => settle(undefined));
    // Waiting for a missing file in a busy directory, chokidar is never done with what comes. But it
    // does come, so the watch is in force.
    watcher.once("raw", () => settle(undefined));
    watcher.on("error", (error) => {
      if (settled) onFailure(refusalOf(error));
      else settle(refusalOf(error));
    });
  }

  /** Gives the system's watch back before it returns; what is still being looked at ends by itself. */
  close(): void {
    this.#end();
    void this.#watcher.close().catch(() => undefined);
  }
}

/** True of a file itself and of every directory that it lies in. */
function isOnTheWay(where: string, path: string): boolean {
  return where === path || path.startsWith(where.endsWith(sep) ? where : where + sep);
}

function refusalOf(error: unknown): Refusal {
  const code = systemCode(error) ?? "UNKNOWN";
  const message = error instanceof Error ? error.message : String(error);
  return { code, message, isLimit: LIMITS.has(code) };
}
