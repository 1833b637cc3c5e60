import type { Config } from "../config/load.ts";
import { within } from "../concurrently.ts";
import { type Registry, RESERVED_PREFIX, type Repo } from "../core/registry.ts";
import { fault } from "../errors.ts";
import type { GuardOptions } from "../guard/guarded.ts";
import { isSilent } from "../store/disks.ts";
import { type Report, reportDefect } from "./report.ts";
import { SourceAccount } from "./source-account.ts";
import { type Found, isNews, type Observation, Sources } from "./sources.ts";

const NO_PATTERNS: GuardOptions = { patterns: {}, allow: [] };

/** How long somebody who asked waits for one disk. */
const PATIENCE_MS = 5_000;

/** What a look has to know of the world at its moment. */
export interface LookingWorld {
  readonly config: () => Config;
  readonly registry: () => Registry;
  readonly isPaused: (repo: string) => boolean;
  /** Called with a repo whose news came when nobody waited for it any more. */
  readonly onLateNews: (repo: string) => void;
  readonly report: Report;
  readonly now: () => Date;
}

/** The reconciler's eyes: reads state files, keeps what is known of each, and tells of it once. */
export class Looking {
  readonly sources = new Sources();
  readonly #world: LookingWorld;
  readonly #accounts = new Map<string, SourceAccount>();
  #onHeld: (repo: string, code: string) => void = () => undefined;

  constructor(world: LookingWorld) {
    this.#world = world;
  }

  /** @param listener called after each look that left a state file held back, with the fault's code. */
  onHeld(listener: (repo: string, code: string) => void): void {
    this.#onHeld = listener;
  }

  forget(repo: string): void {
    this.sources.forget(repo);
    this.#accounts.delete(repo);
  }

  /**
   * Reads a repo's state file.
   *
   * @param asked somebody means just this one: an empty file is then meant to be empty.
   */
  async look(repo: Repo, found: Found, asked: boolean): Promise<Observation> {
    const { config, registry, isPaused, now, report } = this.#world;
    const { maxBytes } = config();
    const isWanted = (): boolean => !isPaused(repo.name);
    const guard = this.guardOf(repo);
    const options = { maxBytes, registry: registry(), guard, found, asked, now: now(), isWanted };
    let observation: Observation;
    try {
      observation = await this.sources.observe(repo, options);
    } catch (error) {
      // A defect of ours in one repo's look is that repo's trouble, and no reason to end everyone's.
      const message = `internal error: ${reportDefect(report, error)}`;
      this.sources.fail(repo, fault("STATE_FILE_UNREADABLE", message, { repo: repo.name, path: repo.path }));
      observation = "held";
    }
    const { code } = this.sources.get(repo.name)?.fault ?? {};
    if (code !== undefined) this.#onHeld(repo.name, code);
    this.#account(repo.name).looked(this.sources.get(repo.name), observation, found);
    return observation;
  }

  /** @returns undefined where the disk does not answer. What it tells later is news all the same. */
  async lookInTime(repo: Repo, asked: boolean): Promise<Observation | undefined> {
    if (isSilent(repo)) return undefined;
    const look = this.look(repo, "request", asked);
    const looked = await within(PATIENCE_MS, look);
    // That is no disk's fault, and the guard has a limit of its own.
    if (looked === undefined && this.sources.isInGuard(repo.name)) return await look;
    const late = (observation: Observation): void => {
      if (isNews(observation)) this.#world.onLateNews(repo.name);
    };
    if (looked === undefined) void look.then(late);
    return looked;
  }

  /** A user's patterns are for users' texts: what we write to prove ourselves has dates and numbers in it. */
  guardOf(repo: Repo): GuardOptions {
    return repo.name.startsWith(RESERVED_PREFIX) ? NO_PATTERNS : this.#world.config().guard;
  }

  #account(repo: string): SourceAccount {
    const account = this.#accounts.get(repo) ?? new SourceAccount(repo, this.#world.report);
    this.#accounts.set(repo, account);
    return account;
  }
}
