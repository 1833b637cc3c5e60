export interface WorkQueueOptions {
  /** How many keys are worked on side by side. At least 1. */
  readonly concurrency: number;
  /**
   * Work that takes longer, in milliseconds, is overdue: it goes on, but its place is given to
   * another key. So keys whose work never ends cannot take all the places, and the shorter this is
   * the less they delay the others. Default 250 ms, many times what a turn takes.
   */
  readonly patienceMs?: number;
  /** The longest that a {@link WorkQueue.hold} keeps a key waiting, in milliseconds. Default 250 ms. */
  readonly holdMs?: number;
  /** Does a key's work. It must not reject: what went wrong is its own to note and to retry. */
  readonly work: (key: string) => Promise<void>;
}

const PATIENCE_MS = 250;
const HOLD_MS = 250;

/** More is about to be added, so that what is begun now would have to be done again. */
interface Hold {
  readonly since: number;
}

interface Work {
  readonly since: number;
  readonly timer: NodeJS.Timeout;
  overdue: boolean;
}

/**
 * A queue of keys, one lane each: a key is never worked on twice at once, adds while it waits
 * collapse into one, and an add during its work makes it run exactly once more. What is to be
 * done is not in the queue: the work reads the newest state when its turn comes.
 */
export class WorkQueue {
  readonly #options: WorkQueueOptions;
  /** Keys that wait, in order, with the time they were first added. */
  readonly #waiting = new Map<string, number>();
  readonly #running = new Map<string, Work>();
  /** How many of the running are not overdue. */
  #places = 0;
  #finished = 0;
  readonly #again = new Map<string, number>();
  readonly #timers = new Map<string, { readonly timer: NodeJS.Timeout; readonly at: number }>();
  readonly #holds = new Set<Hold>();
  #holdTimer: NodeJS.Timeout | undefined;
  #idleWaiters: (() => void)[] = [];
  #closed = false;

  constructor(options: WorkQueueOptions) {
    this.#options = options;
  }

  /** How much work has come to its end. A queue that is long and gets on is busy, and not stuck. */
  get finished(): number {
    return this.#finished;
  }

  /** Keys waiting or being worked on. Delayed ones do not count: nothing is due for them. */
  get depth(): number {
    return this.#waiting.size + this.#running.size;
  }

  /** How long the oldest waiting key has waited, in milliseconds; 0 where none waits. */
  get oldestMs(): number {
    const times = [...this.#waiting.values(), ...this.#again.values()];
    return times.length === 0 ? 0 : performance.now() - Math.min(...times);
  }

  /** The keys that wait or are being worked on. */
  keys(): string[] {
    return [...this.#running.keys(), ...this.#waiting.keys()];
  }

  /** The keys whose work takes longer than it should, and for how long it has gone on, in milliseconds. */
  overdue(): { readonly key: string; readonly sinceMs: number }[] {
    const now = performance.now();
    return [...this.#running].flatMap(([key, { overdue, since }]) =>
      overdue ? [{ key, sinceMs: now - since }] : [],
    );
  }

  /**
   * Makes a key due now.
   *
   * @returns false where the queue is closed and takes no more.
   */
  add(key: string): boolean {
    if (this.#closed) return false;
    this.#cancelTimer(key);
    const now = performance.now();
    if (this.#running.has(key)) {
      if (!this.#again.has(key)) this.#again.set(key, now);
    } else if (!this.#waiting.has(key)) {
      this.#waiting.set(key, now);
    }
    this.#pump();
    return true;
  }

  /** Makes a key due after a while, unless it becomes due before. The earlier of two delays holds. */
  addAfter(key: string, delayMs: number): void {
    if (this.#closed || this.#waiting.has(key)) return;
    const at = performance.now() + delayMs;
    const present = this.#timers.get(key);
    if (present !== undefined && present.at <= at) return;
    this.#cancelTimer(key);
    const timer = setTimeout(() => {
      this.#timers.delete(key);
      this.add(key);
    }, delayMs);
    this.#timers.set(key, { timer, at });
  }

  /**
   * Has the keys wait until the caller knows what else is due: of a hundred files that are saved at once
   * the first would have each cache written, and the rest once more. No key waits for longer than
   * `holdMs` by this, and for nobody who takes longer than that.
   *
   * @returns ends it; the second call does nothing.
   */
  hold(): () => void {
    const hold: Hold = { since: performance.now() };
    this.#holds.add(hold);
    return () => {
      // What has come meanwhile is heard first: its hearer may want to hold as well.
      setImmediate(() => {
        if (this.#holds.delete(hold)) this.#pump();
      });
    };
  }

  /** Forgets a key that waits; work in hand goes on to its end. */
  remove(key: string): void {
    this.#cancelTimer(key);
    this.#waiting.delete(key);
    this.#again.delete(key);
    this.#settle();
  }

  /** Resolves when nothing waits and nothing is being worked on. */
  async idle(): Promise<void> {
    if (this.depth === 0) return;
    await new Promise<void>((resolve) => this.#idleWaiters.push(resolve));
  }

  /** Takes no more keys and forgets the delayed ones. What is due is still done; see {@link idle}. */
  close(): void {
    this.#closed = true;
    for (const key of this.#timers.keys()) this.#cancelTimer(key);
  }

  /** How long the oldest key has to wait on, in milliseconds; 0 where it may start. */
  get #heldMs(): number {
    const most = this.#options.holdMs ?? HOLD_MS;
    const now = performance.now();
    const [oldest] = this.#waiting.values();
    if (oldest === undefined) return 0;
    // Oldest first. Those that count no more go, so that a thousand holds are not gone through at every add.
    for (const hold of this.#holds) {
      if (now - hold.since < most) return Math.max(0, oldest + most - now);
      this.#holds.delete(hold);
    }
    return 0;
  }

  #pump(): void {
    const heldMs = this.#heldMs;
    if (heldMs > 0) {
      this.#holdTimer ??= setTimeout(() => {
        this.#holdTimer = undefined;
        this.#pump();
      }, heldMs);
      return;
    }
    clearTimeout(this.#holdTimer);
    this.#holdTimer = undefined;
    for (const key of this.#waiting.keys()) {
      if (this.#places >= this.#options.concurrency) return;
      this.#waiting.delete(key);
      void this.#run(key);
    }
  }

  #begin(key: string): Work {
    const timer = setTimeout(() => {
      work.overdue = true;
      this.#places -= 1;
      this.#pump();
    }, this.#options.patienceMs ?? PATIENCE_MS);
    const work: Work = { since: performance.now(), timer, overdue: false };
    this.#places += 1;
    this.#running.set(key, work);
    return work;
  }

  async #run(key: string): Promise<void> {
    const work = this.#begin(key);
    try {
      await this.#options.work(key);
    } finally {
      this.#finished += 1;
      clearTimeout(work.timer);
      if (!work.overdue) this.#places -= 1;
      this.#running.delete(key);
      const since = this.#again.get(key);
      this.#again.delete(key);
      if (since !== undefined) this.#waiting.set(key, since);
      this.#pump();
      this.#settle();
    }
  }

  #settle(): void {
    if (this.depth > 0) return;
    const waiters = this.#idleWaiters;
    this.#idleWaiters = [];
    for (const resolve of waiters) resolve();
  }

  #cancelTimer(key: string): void {
    const present = this.#timers.get(key);
    if (present === undefined) return;
    clearTimeout(present.timer);
    this.#timers.delete(key);
  }
}
