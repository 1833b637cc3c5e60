import type { Fault } from "../errors.ts";
import type { Runtime } from "../status/report.ts";
import { VERSION } from "../version.ts";

export interface NoDaemon {
  /** The file of the config by which one looks. */
  readonly config: string;
  /** Of one that holds its lock and does not answer; null where none runs. */
  readonly pid: number | null;
  readonly running: boolean;
  readonly isPaused: (repo: string) => boolean;
  readonly problem: Fault;
}

/** What a running daemon would add to a report, where none answers. */
export function withoutDaemon({ config, pid, running, isPaused, problem }: NoDaemon): Runtime {
  return {
    daemon: {
      running,
      pid,
      version: VERSION,
      startedAt: null,
      config,
      provenAt: null,
      provenLagMs: null,
    },
    watchOf: () => "off",
    isPaused,
    cacheFault: () => undefined,
    queue: { depth: 0, oldestMs: 0 },
    latency: { p50Ms: 0, p99Ms: 0, count: 0 },
    problems: [problem],
  };
}
