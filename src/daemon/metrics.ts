import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { EventName } from "../log/events.ts";
import type { StatusReport } from "../status/report.ts";
import type { Report } from "../sync/report.ts";

/** Latencies kept for the percentiles of `status`. */
const RECENT = 1_000;

/** What is not counted but looked at. */
export interface MetricsWorld {
  readonly queue: () => StatusReport["queue"];
  /** How many secrets are known of in each repo's state file. */
  readonly secrets: () => Iterable<readonly [repo: string, count: number]>;
  readonly provenAt: () => string | null;
}

/** What the daemon counts, in Prometheus' text format and for `status`. Fed by the same facts as the log. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #recent: number[] = [];
  #count = 0;
  readonly #propagation = new Histogram({
    name: "state_syncd_propagation_seconds",
    help: "From a state file's change to the moment a peer's cache held it.",
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60],
    registers: [this.#registry],
  });
  readonly #writes = this.#counter("state_syncd_cache_writes_total", "Caches replaced.");
  readonly #sections = this.#counter(
    "state_syncd_sections_written_total",
    "Sections with new content written into caches.",
  );
  readonly #noops = this.#counter(
    "state_syncd_noop_turns_total",
    "Turns that found their cache right and wrote nothing.",
  );
  readonly #heals = this.#counter(
    "state_syncd_cache_heals_total",
    "Caches put right after another program had changed them.",
  );
  readonly #rescanFinds = this.#counter(
    "state_syncd_rescan_only_changes_total",
    "Changes that no file event told of and only a rescan found.",
  );
  readonly #failures = this.#counter("state_syncd_failures_total", "Faults, by code.", ["code"]);

  /** @param world asked at each scrape. */
  constructor(version: string, world: MetricsWorld) {
    const { queue, secrets } = world;
    const registers = [this.#registry];
    new Gauge({
      name: "state_syncd_queue_depth",
      help: "Caches waiting for their turn or having it.",
      registers,
      collect() {
        this.set(queue().depth);
      },
    });
    new Gauge({
      name: "state_syncd_queue_oldest_seconds",
      help: "How long the oldest waiting cache has waited.",
      registers,
      collect() {
        this.set(queue().oldestMs / 1_000);
      },
    });
    new Gauge({
      name: "state_syncd_secrets",
      help: "Secrets that the guard keeps from a repo's peers.",
      labelNames: ["repo"],
      registers,
      collect() {
        this.reset();
        for (const [repo, count] of secrets()) this.set({ repo }, count);
      },
    });
    new Gauge({
      name: "state_syncd_proven_timestamp_seconds",
      help: "When a save of the daemon's own last came through from end to end.",
      registers,
      collect() {
        const at = world.provenAt();
        if (at !== null) this.set(Date.parse(at) / 1_000);
      },
    });
    new Gauge({
      name: "state_syncd_build_info",
      help: "Always 1; the version is in the label.",
      labelNames: ["version"],
      registers,
    }).set({ version }, 1);
    new Gauge({
      name: "process_resident_memory_bytes",
      help: "Resident memory.",
      registers,
      collect() {
        this.set(process.memoryUsage.rss());
      },
    });
  }

  readonly report: Report = (event, fields) => {
    this.#observe(event, fields);
  };

  async text(): Promise<{ readonly text: string; readonly type: string }> {
    return { text: await this.#registry.metrics(), type: this.#registry.contentType };
  }

  latency(): StatusReport["latency"] {
    const sorted = [...this.#recent].sort((a, b) => a - b);
    const at = (share: number): number =>
      sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
    return { p50Ms: at(0.5), p99Ms: at(0.99), count: this.#count };
  }

  #observe(event: EventName, fields: Readonly<Record<string, unknown>>): void {
    if (event === "cache.replaced") this.#writes.inc();
    else if (event === "cache.unchanged") this.#noops.inc();
    else if (event === "cache.healed") this.#heals.inc();
    else if (event === "state.changed" && fields["found"] === "rescan") this.#rescanFinds.inc();
    else if (event === "section.written") {
      this.#sections.inc();
      if (typeof fields["lagMs"] === "number") this.#latency(fields["lagMs"]);
    } else if (event === "cache.failed" || event === "state.held" || event === "state.unreadable") {
      if (typeof fields["code"] === "string") this.#failures.inc({ code: fields["code"] });
    }
  }

  #latency(lagMs: number): void {
    this.#propagation.observe(lagMs / 1_000);
    this.#count += 1;
    this.#recent.push(lagMs);
    if (this.#recent.length > RECENT) this.#recent.shift();
  }

  #counter(name: string, help: string, labelNames: string[] = []): Counter {
    return new Counter({ name, help, labelNames, registers: [this.#registry] });
  }
}
