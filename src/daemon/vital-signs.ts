import { within } from "../concurrently.ts";
import type { Report } from "../sync/report.ts";
import type { Canary } from "./canary.ts";
import type { Overview } from "./overview.ts";
import type { Supervisor } from "./supervisor.ts";

/** What changes comes in crowds; one word about it is enough. */
const GATHER_MS = 1_000;
/** Until somebody has heard that the daemon is ready it is told again, after this long and then after twice as long. */
const RETRY_MS = 2_000;
const LONGEST_RETRY_MS = 60_000;
/** A stop does not wait longer for systemd to hear of it. */
const STOP_MS = 500;

export interface VitalSignsParts {
  readonly supervisor: Supervisor;
  readonly report: Report;
  readonly overview: Pick<Overview, "line">;
  readonly canary: Pick<Canary, "proof">;
}

/** Keeps whoever has started the daemon informed of how it is; costs nothing where nobody listens. */
export class VitalSigns {
  readonly #parts: VitalSignsParts;
  #told = "";
  #gathering: NodeJS.Timeout | undefined;
  #watchdog: NodeJS.Timeout | undefined;
  #retry: NodeJS.Timeout | undefined;
  #isReady = false;

  constructor(parts: VitalSignsParts) {
    this.#parts = parts;
  }

  /** The daemon does its work from now on. */
  async ready(): Promise<void> {
    const { supervisor } = this.#parts;
    this.#isReady = true;
    await this.#tellReady(RETRY_MS);
    const { watchdogMs } = supervisor;
    if (watchdogMs === undefined || !this.#isReady) return;
    // A third of the time leaves room for two that come late.
    this.#watchdog = setInterval(() => this.#feed(), watchdogMs / 3);
  }

  /** Something has happened, whatever it was. */
  changed(): void {
    if (!this.#parts.supervisor.listens || !this.#isReady) return;
    this.#gathering ??= setTimeout(() => {
      this.#gathering = undefined;
      if (this.#isReady && this.#parts.overview.line() !== this.#told) void this.#tell(this.#status());
    }, GATHER_MS).unref();
  }

  /** Has the config read again, and says so before and after. @throws what that throws. */
  async reload(work: () => Promise<void>): Promise<void> {
    // CLOCK_MONOTONIC in microseconds, as sd_notify(3) wants it.
    const since = process.hrtime.bigint() / 1_000n;
    void this.#tell("RELOADING=1", `MONOTONIC_USEC=${since}`, "STATUS=reading the config again");
    try {
      await work();
    } finally {
      void this.#tellReady(RETRY_MS);
    }
  }

  /** The daemon is on its way out. Resolves when that was heard, or soon. */
  async stopping(): Promise<void> {
    this.close();
    await within(STOP_MS, this.#tell("STOPPING=1", "STATUS=finishing what is due"));
  }

  close(): void {
    this.#isReady = false;
    clearTimeout(this.#gathering);
    clearInterval(this.#watchdog);
    clearTimeout(this.#retry);
  }

  /**
   * A turn that is stuck, or a canary that is silent, goes away with a restart. A disk that is full
   * does not: a daemon that says so is worth more than one that is killed for it again and again.
   */
  #feed(): void {
    if (this.#parts.canary.proof.fault?.code === "DAEMON_STUCK") return;
    void this.#tell("WATCHDOG=1", this.#status());
  }

  /** A start of which systemd has not heard in its time is ended by it, however well the daemon does. */
  async #tellReady(retryMs: number): Promise<void> {
    clearTimeout(this.#retry);
    if ((await this.#tell("READY=1", this.#status())) || !this.#isReady) return;
    const next = Math.min(2 * retryMs, LONGEST_RETRY_MS);
    this.#retry = setTimeout(() => void this.#tellReady(next), retryMs);
  }

  #status(): string {
    this.#told = this.#parts.overview.line();
    return `STATUS=${this.#told}`;
  }

  /** @returns whether it was heard, or nobody is to hear it. */
  async #tell(...assignments: readonly string[]): Promise<boolean> {
    const why = await this.#parts.supervisor.tell(...assignments);
    if (why !== undefined) this.#parts.report("supervisor.unheard", { message: why });
    return why === undefined;
  }
}
