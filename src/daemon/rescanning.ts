import { jittered } from "../core/backoff.ts";
import { type Report, reportDefect } from "../sync/report.ts";

export interface RescanningOptions {
  /** The period in force, in milliseconds. */
  readonly periodMs: () => number;
  /** What is looked at each time, one after the other. What one throws keeps none of the others from it. */
  readonly steps: readonly (() => Promise<unknown> | void)[];
  readonly report: Report;
}

/** The net under everything that should have been told: a look at it all, every `rescan`, jittered. */
export class Rescanning {
  readonly #options: RescanningOptions;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: RescanningOptions) {
    this.#options = options;
    this.#arm();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #arm(): void {
    if (this.#closed) return;
    const period = jittered(this.#options.periodMs(), Math.random());
    const due = Date.now() + period;
    this.#timer = setTimeout(() => void this.#scan(due), period);
  }

  async #scan(due: number): Promise<void> {
    const { report, steps, periodMs } = this.#options;
    const sleptMs = Date.now() - due;
    if (sleptMs > periodMs()) report("wake.detected", { sleptMs });
    for (const step of steps) {
      if (this.#closed) return;
      try {
        await step();
      } catch (error) {
        reportDefect(report, error);
      }
    }
    this.#arm();
  }
}
