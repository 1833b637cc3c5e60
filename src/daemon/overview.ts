import { Shared } from "../concurrently.ts";
import { cachesOf, findRepo, type Repo, RESERVED_PREFIX } from "../core/registry.ts";
import { type Fault, fault } from "../errors.ts";
import type { Config } from "../config/load.ts";
import type { Knowledge } from "../hooks/knowledge.ts";
import { rulesMark } from "../hooks/rules-mark.ts";
import type { Log } from "../log/logger.ts";
import type { Paths } from "../paths.ts";
import { inspect, type RepoFacts } from "../status/inspect.ts";
import { outlookAt } from "../status/outlook.ts";
import type { StatusReport } from "../status/report.ts";
import { cachePath } from "../store/write-scope.ts";
import type { Reconciler } from "../sync/reconciler.ts";
import { VERSION } from "../version.ts";
import type { Watching } from "../watch/watching.ts";
import type { Canary, Proof } from "./canary.ts";
import { standingLine } from "./standing-line.ts";
import type { ConfigFollower } from "./config-follower.ts";
import type { Metrics } from "./metrics.ts";

export interface OverviewParts {
  readonly paths: Paths;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly reconciler: Reconciler;
  readonly watching: Watching;
  readonly follower: ConfigFollower;
  readonly metrics: Metrics;
  readonly canary: Canary;
  readonly log: Log;
}

/** A turn waits a second for others to finish writing, and a busy disk for as long again. What takes longer is stuck. */
const LONGEST_TURN_MS = 5_000;

/** What `GET /healthz` answers. */
export interface Health extends Omit<Proof, "fault"> {
  readonly ok: boolean;
  readonly problem: Fault | null;
  readonly pid: number;
  readonly version: string;
  readonly startedAt: string;
  readonly queue: StatusReport["queue"];
}

/** What the daemon's parts say of themselves, put together for `status` and for monitors. */
export class Overview {
  readonly #parts: OverviewParts;
  readonly #looks = new Shared<RepoFacts>();
  readonly #reports = new Shared<StatusReport>();

  constructor(parts: OverviewParts) {
    this.#parts = parts;
  }

  /** Looks at every file afresh, see {@link inspect}. Who asks at the same time shares the answer. */
  async status(): Promise<StatusReport> {
    return await this.#reports.run("status", () => this.#look(this.#parts.reconciler.config));
  }

  /**
   * What a coding agent's hook is answered from: what one repo may know of its peers, looked at
   * afresh, by the config of this moment.
   *
   * @throws FaultError DAEMON_OTHER_CONFIG where that is not in force yet.
   */
  async knowledge(): Promise<Knowledge> {
    const { paths, reconciler, follower } = this.#parts;
    const identity = await follower.caughtUp();
    const { config } = reconciler;
    return {
      paths,
      config: { file: config.file, identity, rules: rulesMark(config) },
      now: () => new Date(),
      inForce: config,
      outlook: async (directory) =>
        await outlookAt(directory, config.registry, (repo) =>
          this.#reports.run(`into ${repo.name}`, () => this.#look(config, repo)),
        ),
    };
  }

  /** For a monitor: from memory, so that no repo's disk can hold up the answer. */
  health(): Health {
    const { startedAt, reconciler, canary } = this.#parts;
    const { fault: problem = null, ...proof } = canary.proof;
    const queue = queueOf(reconciler);
    return { ok: problem === null, pid: process.pid, version: VERSION, startedAt, queue, ...proof, problem };
  }

  /** How things are in one line, from memory, for whoever has started the daemon. */
  line(): string {
    const { reconciler } = this.#parts;
    const repos = reconciler.config.registry.repos.filter(({ role }) => role === "execution");
    const paused = repos.filter(({ name }) => reconciler.isPaused(name));
    const ill = repos.flatMap(({ name }) => {
      if (reconciler.isPaused(name)) return [];
      const found = reconciler.sources.get(name)?.fault ?? cacheFault(reconciler, name);
      return found === undefined ? [] : [`${name} (${found.code})`];
    });
    const own = this.#problems().map(({ code, repo }) => (repo === undefined ? code : `${repo} (${code})`));
    const { depth } = queueOf(reconciler);
    return standingLine({
      repoCount: repos.length,
      pausedCount: paused.length,
      troubles: [...own, ...ill],
      depth,
    });
  }

  /** @param into as {@link InspectOptions.into}; of this config, for in another one it would have no peers. */
  async #look(config: Config, into?: Repo): Promise<StatusReport> {
    const { paths, startedAt, reconciler, watching, metrics, canary } = this.#parts;
    const { registry, maxBytes, guard, file } = config;
    const { provenAt, lagMs: provenLagMs } = canary.proof;
    return await inspect({
      looks: this.#looks,
      // Turns go by the config in force, and know the daemon's own repos besides.
      leftIn: (repo) =>
        config === reconciler.config ? reconciler.lane(repo).leftFor(reconciler.registry) : undefined,
      into,
      registry,
      maxBytes,
      guard,
      copiesDirectory: paths.copiesDirectory,
      now: new Date(),
      runtime: {
        daemon: {
          running: true,
          pid: process.pid,
          version: VERSION,
          startedAt,
          config: file,
          provenAt,
          provenLagMs,
        },
        watchOf: (repo) => watching.modeOf(repo),
        isPaused: (repo) => reconciler.isPaused(repo),
        // While a cache is paused nobody tries it: its last fault is a memory.
        cacheFault: (repo) => (reconciler.isPaused(repo) ? undefined : cacheFault(reconciler, repo)),
        queue: queueOf(reconciler),
        latency: metrics.latency(),
        problems: this.#problems(),
      },
    });
  }

  #problems(): Fault[] {
    const { reconciler, watching, follower, canary, log, paths } = this.#parts;
    const unproven = canary.proof.fault;
    return [
      ...(unproven === undefined ? [] : [unproven]),
      ...follower.problems,
      ...contested(reconciler),
      ...watching.problems(),
      ...logTrouble(log, paths),
    ];
  }
}

/** The caches of the config's repos that wait or have their turn. */
export function queueOf({ queue }: Reconciler): StatusReport["queue"] {
  const depth = queue.keys().filter((name) => !name.startsWith(RESERVED_PREFIX)).length;
  return { depth, oldestMs: queue.oldestMs };
}

function logTrouble({ failure, failedLines, diversion }: Log, paths: Paths): Fault[] {
  const path = paths.logFile;
  if (failure !== undefined) {
    const also = diversion === undefined ? "" : `the journal does not take the log (${diversion}), and `;
    const message = `${also}the log cannot be written (${failure}); ${failedLines} lines were lost`;
    return [fault("LOG_UNWRITABLE", message, { path })];
  }
  if (diversion === undefined) return [];
  return [
    fault("LOG_DIVERTED", `the journal does not take the log (${diversion}); it goes to a file`, { path }),
  ];
}

/** Why a cache's turn does not come to its end: of a disk that can be read, and not be written to, nothing else tells. */
function overdue({ queue, config }: Reconciler, name: string): Fault | undefined {
  const repo = findRepo(config.registry, name);
  const turn = queue.overdue().find(({ key, sinceMs }) => key === name && sinceMs >= LONGEST_TURN_MS);
  if (repo === undefined || turn === undefined) return undefined;
  const path = cachePath(repo);
  const message = `${path} has been written for ${Math.round(turn.sinceMs / 1_000)} s: its disk does not answer`;
  return fault("CACHE_IO", message, { repo: name, path });
}

/** What keeps a cache from being written. */
function cacheFault(reconciler: Reconciler, name: string): Fault | undefined {
  return reconciler.lane(name).fault ?? overdue(reconciler, name);
}

function contested(reconciler: Reconciler): Fault[] {
  return cachesOf(reconciler.config.registry)
    .filter((repo) => reconciler.lane(repo.name).contested)
    .map((repo) => {
      const path = cachePath(repo);
      return fault("CACHE_CONTESTED", `${path} is being rewritten by another program`, {
        repo: repo.name,
        path,
      });
    });
}
