import pDebounce from "p-debounce";

export interface TriggerOptions {
  /** Quiet time that ends a burst, in milliseconds. */
  readonly waitMs: number;
  /** The longest that a signal may wait for its run, in milliseconds. At least `waitMs`. */
  readonly maxWaitMs: number;
}

/**
 * Turns bursts of signals into few runs of a job. The first signal after a quiet spell runs it at
 * once; later ones when nothing came for `waitMs`, and at the latest `maxWaitMs` after the first
 * that no run has answered. The job never overlaps itself: a run that comes due during another
 * follows it, once. A signal carries nothing; the job reads what is there when it runs.
 */
export class Trigger {
  readonly #options: TriggerOptions;
  readonly #job: () => Promise<void>;
  readonly #debounced: () => Promise<void>;
  readonly #abort = new AbortController();
  #lastSignal = Number.NEGATIVE_INFINITY;
  /** When the first unanswered signal came. */
  #pendingSince: number | undefined;
  #deadline: NodeJS.Timeout | undefined;
  #due = false;
  #inHand: Promise<void> | undefined;

  /** @param job must not reject. */
  constructor(job: () => Promise<void>, options: TriggerOptions) {
    this.#options = options;
    this.#job = job;
    // p-debounce alone lets a slow job overlap itself, and starves under a steady stream: hence
    // the loop around the job and the deadline beside the debounce. Its own single-flight wrapper
    // loses a call that comes between the end of the job and the end of the wrapper's promise.
    const { signal } = this.#abort;
    this.#debounced = pDebounce(() => this.#fire(), options.waitMs, { signal });
  }

  get pending(): boolean {
    return this.#pendingSince !== undefined;
  }

  /** A signal waits for its run, or has it. */
  get busy(): boolean {
    return this.pending || this.#inHand !== undefined;
  }

  signal(): void {
    if (this.#abort.signal.aborted) return;
    const now = performance.now();
    const quiet = now - this.#lastSignal >= this.#options.waitMs;
    this.#lastSignal = now;
    if (quiet && this.#pendingSince === undefined) {
      this.#pendingSince = now;
      void this.#fire();
      return;
    }
    if (this.#pendingSince === undefined) {
      this.#pendingSince = now;
      this.#deadline = setTimeout(() => void this.#fire(), this.#options.maxWaitMs);
    }
    // Each call returns a promise of its own that rejects when the trigger is closed.
    this.#debounced().catch(() => undefined);
  }

  /** Runs the job now if a signal waits for it, and waits for a run in hand. */
  async flush(): Promise<void> {
    await this.#fire();
  }

  /** Drops what waits. A run in hand goes on to its end. */
  close(): void {
    clearTimeout(this.#deadline);
    this.#pendingSince = undefined;
    this.#due = false;
    this.#abort.abort();
  }

  /** Resolves when every run is over that is due now. */
  async #fire(): Promise<void> {
    if (this.#pendingSince !== undefined) {
      this.#pendingSince = undefined;
      clearTimeout(this.#deadline);
      this.#due = true;
      this.#inHand ??= this.#work();
    }
    await this.#inHand;
  }

  async #work(): Promise<void> {
    try {
      while (this.#due) {
        this.#due = false;
        await this.#job();
      }
    } finally {
      this.#inHand = undefined;
    }
  }
}
