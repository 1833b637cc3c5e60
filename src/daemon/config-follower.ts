import { within } from "../concurrently.ts";
import { type Config, ConfigError, loadConfig } from "../config/load.ts";
import { type Registry, sourcesOf } from "../core/registry.ts";
import type { Paths } from "../paths.ts";
import { type Fault, fault, FaultError } from "../errors.ts";
import { type FileIdentity, identityAt } from "../store/identity.ts";
import type { Reconciler } from "../sync/reconciler.ts";
import type { Report } from "../sync/report.ts";
import type { FileWatch } from "../watch/file-watch.ts";
import { Trigger } from "../watch/trigger.ts";

/** Who asks waits: after this long it is left to find out by itself. */
const CATCH_UP_MS = 1_500;

/** What else goes by the config. */
export interface ConfigHooks {
  /** Called before a config is in force: nothing of a repo that it brings may travel until this is done. */
  readonly before: (next: Registry) => void;
  /** Called when it is. */
  readonly after: () => void;
}

/** Keeps the daemon on the config as it is on disk, and on the last good one while that is wrong. */
export class ConfigFollower {
  readonly #paths: Paths;
  readonly #reconciler: Reconciler;
  readonly #report: Report;
  readonly #hooks: ConfigHooks;
  readonly #trigger: Trigger;
  #identity: FileIdentity | undefined;
  /** The file's when it was last read to the end, and what was read brought in force or refused. */
  #settled: FileIdentity | undefined;
  #problem: Fault | undefined;
  #last: Promise<void> = Promise.resolve();

  constructor(paths: Paths, reconciler: Reconciler, report: Report, hooks: ConfigHooks) {
    this.#paths = paths;
    this.#reconciler = reconciler;
    this.#report = report;
    this.#hooks = hooks;
    const { wait, maxWait } = reconciler.config.debounceMs;
    // What is wrong is kept in #problem and logged; there is nobody here to throw it to.
    this.#trigger = new Trigger(() => this.reload().catch(() => undefined), {
      waitMs: wait,
      maxWaitMs: maxWait,
    });
  }

  get problems(): readonly Fault[] {
    return this.#problem === undefined ? [] : [this.#problem];
  }

  /** The first {@link check} reads the file once more: it may have changed since the daemon did. */
  start(files: FileWatch): void {
    void files.add(this.#paths.config, () => this.#trigger.signal());
  }

  /** Looks whether the file changed without an event, and again where it could not be read. */
  async check(): Promise<void> {
    const unread = this.#problem?.code === "CONFIG_UNREADABLE";
    if (unread || (await identityAt(this.#paths.config)) !== this.#identity) this.#trigger.signal();
  }

  /**
   * Reads the config and brings it in force. Reloads follow each other, and the last one has read
   * what is on disk: of two that overlap the older reading must not win.
   *
   * @throws FaultError a CONFIG_ code; the config in force stays.
   */
  async reload(): Promise<void> {
    const reload = async (): Promise<void> => await this.#reload();
    this.#last = this.#last.then(reload, reload);
    await this.#last;
  }

  /**
   * For who is to be answered by the config of this moment: brings what is on disk in force first,
   * where that has still to be done.
   *
   * @returns the identity of the file by which it is. A wrong one is read, too: by the last good one then.
   * @throws FaultError DAEMON_OTHER_CONFIG where it is not done in time.
   */
  async caughtUp(): Promise<FileIdentity | undefined> {
    const path = this.#paths.config;
    const isDone = async (): Promise<boolean> => (await identityAt(path)) === this.#settled;
    if (await isDone()) return this.#settled;
    await within(
      CATCH_UP_MS,
      this.reload().catch(() => undefined),
    );
    if (await isDone()) return this.#settled;
    throw new FaultError("DAEMON_OTHER_CONFIG", `${path} has changed, and is not in force yet`, { path });
  }

  async #reload(): Promise<void> {
    let config: Config;
    do {
      this.#identity = await identityAt(this.#paths.config);
      try {
        config = await this.#load();
      } catch (error) {
        this.#settled = this.#identity;
        throw error;
      }
    } while ((await identityAt(this.#paths.config)) !== this.#identity);
    const wasWrong = this.#problem !== undefined;
    this.#problem = undefined;
    const before = this.#reconciler.config;
    const isSame = config.sha256 === before.sha256;
    const repoCount = config.registry.repos.length;
    if (wasWrong || !isSame)
      this.#report("config.loaded", { config: config.file, sha256: config.sha256, repoCount });
    if (isSame) {
      this.#settled = this.#identity;
      return;
    }
    this.#hooks.before(config.registry);
    const { added, removed, moved } = this.#reconciler.adopt(config);
    this.#settled = this.#identity;
    this.#report("config.changed", { added, removed, moved });
    this.#hooks.after();
    // What is refused, or changed on its way, may be decided otherwise now.
    if (passes(this.#reconciler.config) !== passes(before)) await this.#reconciler.reconcileAll("request");
    const { sources } = this.#reconciler;
    // Not waited for: the disk of a new repo may not answer, and the next edit must not wait for that.
    const unknown = sourcesOf(config.registry).filter(({ name }) => sources.get(name) === undefined);
    const names = new Set([...added, ...moved, ...unknown.map(({ name }) => name)]);
    for (const name of names) void this.#reconciler.observe(name, "start");
  }

  async #load(): Promise<Config> {
    try {
      return await loadConfig(this.#paths.config);
    } catch (error) {
      if (!(error instanceof FaultError)) throw error;
      const { code } = error.fault;
      const message = error instanceof ConfigError ? summaryOf(error) : error.message;
      const problem = fault(code, `the config is not in force: ${message}`, { path: this.#paths.config });
      if (this.#problem?.message !== problem.message) {
        const mistakeCount = error instanceof ConfigError ? error.mistakes.length : 1;
        this.#report("config.rejected", { config: this.#paths.config, mistakeCount, message });
      }
      this.#problem = problem;
      throw error;
    }
  }

  close(): void {
    this.#trigger.close();
  }
}

/** Everything in a config that decides what of a state file travels. */
function passes({ maxBytes, guard, registry }: Config): string {
  const onSecret = registry.repos.map((repo) => [repo.name, repo.onSecret]);
  return JSON.stringify([maxBytes, guard, onSecret]);
}

/** A status and a log have one line for it; `config check` tells them all. */
function summaryOf(error: ConfigError): string {
  const [first = ""] = error.message.split("\n");
  const more = error.mistakes.length - 1;
  return more === 0 ? first : `${first}; and ${more} more: state-syncd config check`;
}
