import { jittered } from "../core/backoff.ts";
import type { Reconciler } from "../sync/reconciler.ts";
import type { Report } from "../sync/report.ts";
import type { Watching } from "../watch/watching.ts";
import type { ConfigFollower } from "./config-follower.ts";

/** The net under the watches: a look at everything, every `rescan`, jittered. */
export class Rescanning {
  readonly #reconciler: Reconciler;
  readonly #watching: Watching;
  readonly #follower: ConfigFollower;
  readonly #report: Report;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(reconciler: Reconciler, watching: Watching, follower: ConfigFollower, report: Report) {
    this.#reconciler = reconciler;
    this.#watching = watching;
    this.#follower = follower;
    this.#report = report;
    this.#arm();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #arm(): void {
    if (this.#closed) return;
    const period = jittered(this.#reconciler.config.rescanMs, Math.random());
    const due = Date.now() + period;
    this.#timer = setTimeout(() => void this.#scan(due), period);
  }

  async #scan(due: number): Promise<void> {
    const sleptMs = Date.now() - due;
    if (sleptMs > this.#reconciler.config.rescanMs) this.#report("wake.detected", { sleptMs });
    await this.#follower.check();
    await this.#watching.rescan();
    this.#arm();
  }
}
