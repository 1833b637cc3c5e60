import { whileItGetsOn, within } from "../concurrently.ts";
import { removeConfigTemporaries } from "../config/edit.ts";
import { type Config, loadConfig } from "../config/load.ts";
import type { Paths } from "../paths.ts";
import { ControlServer } from "../control/server.ts";
import { cachesOf } from "../core/registry.ts";
import { FaultError } from "../errors.ts";
import type { Level } from "../log/events.ts";
import { openLog } from "../log/logger.ts";
import { WriterLock } from "../store/lock.ts";
import { lockHolder } from "../store/lock-holder.ts";
import { sweepStateDirectory } from "../store/sweep.ts";
import { writable } from "../store/write-scope.ts";
import { Reconciler } from "../sync/reconciler.ts";
import { type Report, reportDefect } from "../sync/report.ts";
import { VERSION } from "../version.ts";
import { FileWatch } from "../watch/file-watch.ts";
import { Watching } from "../watch/watching.ts";
import { routes } from "./api.ts";
import { Canary } from "./canary.ts";
import { ConfigFollower } from "./config-follower.ts";
import { EventsStream } from "./events-stream.ts";
import { giveBackMemory, MemoryAtRest } from "./memory.ts";
import { Metrics } from "./metrics.ts";
import { Overview, queueOf } from "./overview.ts";
import { ALL, Pauses } from "./pauses.ts";
import { Rescanning } from "./rescanning.ts";
import type { Supervisor } from "./supervisor.ts";
import { VitalSigns } from "./vital-signs.ts";

/** A command holds the lock for a moment; a starting daemon waits for it this long. */
const LOCK_WAIT_MS = 30_000;
/** One step of letting go, which a hanging disk may hold up. */
const RELEASE_MS = 2_000;
/** What the start waits for at most before it goes on, when some disk does not answer. */
const START_MS = 5_000;
/** ... and for the first proof: less than a stop during the start is given. */
const FIRST_PROOF_MS = 2_000;
/** A first turn takes a fraction of it. */
const START_QUIET_MS = 1_000;
/** What is due when the daemon is told to stop gets this long. */
const GRACE_MS = 10_000;

export interface DaemonOptions {
  readonly paths: Paths;
  readonly level: Level;
  /** Gets the log in words as well. */
  readonly terminal: NodeJS.WriteStream | undefined;
  /** Who has started the daemon and wants to know how it is. */
  readonly supervisor: Supervisor;
  /** Whether stderr is the journal, and the log's place. */
  readonly journal: boolean;
  /** Called when another process has taken the writer's lock: nothing may be written any more. */
  readonly onLockLost: () => void;
}

/** A running daemon. */
export interface Daemon {
  /**
   * Reads the config again, and goes on in a new log where the old one was moved.
   *
   * @throws FaultError where the config is not right; the old one stays in force.
   */
  readonly reload: () => Promise<void>;
  /** Finishes what is due, within the grace time, and lets go of everything. */
  readonly stop: (signal: string) => Promise<void>;
  /** Logs a defect of the program. */
  readonly internalError: (error: unknown) => void;
}

/**
 * Starts the daemon: everything is acquired in order and released in reverse.
 *
 * @throws FaultError DAEMON_RUNNING where another one runs, or a CONFIG_ code.
 */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const { paths } = options;
  const started = performance.now();
  const startedAt = new Date().toISOString();
  const release: (() => Promise<void> | void)[] = [];
  const letGo = async (): Promise<void> => {
    for (const step of release.splice(0).reverse()) {
      try {
        await within(RELEASE_MS, Promise.resolve(step()));
      } catch {
        // What cannot be let go of in order ends with the process; the lock below it must be reached.
      }
    }
  };
  try {
    const config = await loadConfig(paths.config);
    const lock = await takeLock(paths, config);
    release.push(() => lock.release());

    const { level, terminal } = options;
    const allowed = (path: string) => writable(path, { registry: config.registry, paths });
    const journal = options.journal ? { mark: allowed(paths.journalMark) } : undefined;
    const log = openLog({ file: allowed(paths.logFile), level, terminal, journal });
    release.push(() => log.close());
    log.record("daemon.started", {
      pid: process.pid,
      version: VERSION,
      config: config.file,
      node: process.version,
    });
    const metrics = new Metrics(VERSION, {
      queue: () => queueOf(reconciler),
      secrets: () => reconciler.secretCounts(),
      provenAt: () => canary.proof.provenAt,
    });
    const events = new EventsStream();
    release.push(() => events.close());
    const canary = new Canary({
      stateDirectory: paths.stateDirectory,
      rescanMs: () => reconciler.config.rescanMs,
      rearm: (directory) => files.rearm(directory),
    });
    let vitalSigns: VitalSigns | undefined;
    const report: Report = (event, fields) => {
      if (canary.isAbout(fields)) {
        canary.hear(event, fields);
        vitalSigns?.changed();
        return;
      }
      log.record(event, fields);
      metrics.report(event, fields);
      events.report(event, fields);
      vitalSigns?.changed();
    };
    report("config.loaded", {
      config: config.file,
      sha256: config.sha256,
      repoCount: config.registry.repos.length,
    });

    // Before anybody can ask for anything: what is being written then is no litter.
    const litter = await sweepStateDirectory(paths);
    litter.push(...((await within(START_MS, removeConfigTemporaries(paths.config))) ?? []));
    for (const path of litter) report("litter.removed", { path });

    const now = (): Date => new Date();
    const own = canary.repos;
    const reconciler = new Reconciler({ config, paths, report, resident: true, own, now });
    const files = new FileWatch(report);
    release.push(() => files.close());
    const watching = new Watching(reconciler, files, report);
    release.push(() => watching.close());

    const scope = { registry: config.registry, paths };
    const pauses = new Pauses(writable(paths.pauseFile, scope), () => applyPauses());
    release.push(() => pauses.close());
    const applyPauses = (registry = reconciler.config.registry): void => {
      const at = Date.now();
      for (const { name } of registry.repos) {
        const was = reconciler.isPaused(name);
        const is = pauses.isPaused(name, at);
        reconciler.setPaused(name, is);
        if (was && !is) {
          void reconciler.observe(name, "request");
          reconciler.due(name);
        }
      }
    };
    await pauses.load(Date.now());
    applyPauses();

    const follower = new ConfigFollower(paths, reconciler, report, {
      before: applyPauses,
      after: () => watching.apply(reconciler.registry),
    });
    follower.start(files);
    release.push(() => follower.close());

    const memory = new MemoryAtRest();
    release.push(() => memory.close());
    const overview = new Overview({
      paths,
      startedAt,
      reconciler,
      watching,
      follower,
      metrics,
      canary,
      log,
    });
    const signs = new VitalSigns({ supervisor: options.supervisor, report, overview, canary });
    vitalSigns = signs;
    release.push(() => signs.close());
    const server = await ControlServer.listen(
      paths,
      routes({
        reconciler,
        metrics,
        pauses,
        status: async () => {
          const report = await overview.status();
          memory.settleSoon();
          return report;
        },
        knowledge: () => overview.knowledge(),
        health: () => overview.health(),
        reload: () => follower.reload(),
        pausesChanged: (name, until, paused) => {
          applyPauses();
          const repo = name === ALL ? {} : { repo: name };
          if (!paused) report("pause.ended", repo);
          else
            report(
              "pause.changed",
              until === undefined ? repo : { ...repo, until: new Date(until).toISOString() },
            );
        },
        listen: events.listen,
      }),
      report,
    );
    release.push(() => server.close());

    await within(START_MS, canary.prepare({ registry: reconciler.registry, paths }));
    watching.apply(reconciler.registry);
    await within(START_MS, files.ready());
    const rescanning = new Rescanning({
      periodMs: () => reconciler.config.rescanMs,
      report,
      steps: [
        () => log.keep(),
        async () => {
          if (!(await lock.keep())) options.onLockLost();
        },
        () => server.keep(),
        () => follower.check(),
        () => pauses.check(Date.now()),
        () => watching.rescan(),
        () => memory.settle(),
      ],
    });
    release.push(() => rescanning.close());
    await reconciler.reconcileAll("start");
    // Dead disks keep their turns for ever; the others' are not waited for once more.
    const { queue } = reconciler;
    await within(
      START_MS,
      whileItGetsOn(queue.idle(), START_QUIET_MS, () => queue.finished),
    );
    watching.started();
    release.push(() => canary.close());
    await within(FIRST_PROOF_MS, canary.start(reconciler, { registry: reconciler.registry, paths }));
    report("daemon.ready", {
      repoCount: config.registry.repos.length,
      cacheCount: cachesOf(config.registry).length,
      durationMs: Math.round(performance.now() - started),
    });
    await signs.ready();
    giveBackMemory();
    memory.settleSoon();

    return {
      reload: async () => {
        log.reopen();
        await signs.reload(() => follower.reload());
      },
      internalError: (error) => {
        reportDefect(report, error);
      },
      stop: async (signal) => {
        const stopping = performance.now();
        report("daemon.stopping", { signal });
        const heard = signs.stopping();
        rescanning.close();
        canary.close();
        const finish = async (): Promise<boolean> => {
          // An event that is still on its way must not cost its change the stop.
          await watching.finish();
          await reconciler.close();
          return true;
        };
        const inTime = (await within(GRACE_MS, finish())) === true;
        const durationMs = Math.round(performance.now() - stopping);
        if (!inTime) report("daemon.overdue", { caches: [...reconciler.queue.keys()], durationMs });
        await heard;
        report("daemon.stopped", { durationMs });
        await letGo();
      },
    };
  } catch (error) {
    await letGo();
    throw error;
  }
}

async function takeLock(paths: Paths, config: Config): Promise<WriterLock> {
  const self = { pid: process.pid, role: "daemon", socket: paths.socket, config: config.file } as const;
  // A command at work is waited for, another daemon is not.
  const isDaemon = async (): Promise<boolean> => (await lockHolder(paths))?.role === "daemon";
  const lock = await WriterLock.acquire(paths, self, LOCK_WAIT_MS, isDaemon);
  if (lock !== undefined) return lock;
  const holder = await lockHolder(paths);
  if (holder?.role !== "daemon") throw new FaultError("LOCK_BUSY", `another process holds ${paths.lockFile}`);
  throw new FaultError(
    "DAEMON_RUNNING",
    `a daemon runs already (pid ${holder.pid}, config ${holder.config})`,
  );
}
