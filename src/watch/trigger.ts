import { performance } from "node:perf_hooks";
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
  readonly #run: () => Promise<void>;
  readonly #debounced: () => Promise<void>;
  readonly #abort = new AbortController();
  #lastSignal = Number.NEGATIVE_INFINITY;
  /** When the first unanswered signal came. */
  #pendingSince: number | undefined;
  #deadline: NodeJS.Timeout | undefined;

  /** @param job must not reject. */
  constructor(job: () => Promise<void>, options: TriggerOptions) {
    this.#options = options;
    // p-debounce alone lets a slow job overlap itself, and starves under a steady stream: hence
    // its single-flight wrapper around the job, and our own deadline beside the debounce.
    this.#run = pDebounce.promise(job, { after: true });
    const { signal } = this.#abort;
    this.#debounced = pDebounce(() => this.#fire(), options.waitMs, { signal });
  }

  get pending(): boolean {
    return this.#pendingSince !== undefined;
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

  /** Drops what waits. */
  close(): void {
    clearTimeout(this.#deadline);
    this.#pendingSince = undefined;
    this.#abort.abort();
  }

  async #fire(): Promise<void> {
    if (this.#pendingSince === undefined) return;
    this.#pendingSince = undefined;
    clearTimeout(this.#deadline);
    await this.#run();
  }
}
