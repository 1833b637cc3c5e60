import { setTimeout as delay } from "node:timers/promises";
import { holdOf } from "../core/hold.ts";
import type { Registry, Repo } from "../core/registry.ts";
import { sha256, type Snapshot } from "../core/snapshot.ts";
import { elapsed } from "../elapsed.ts";
import type { Fault } from "../errors.ts";
import type { Finding, GuardOptions } from "../guard/guarded.ts";
import { gitPosition } from "../store/git.ts";
import { gitRestMs } from "../store/git-operation.ts";
import type { FileIdentity } from "../store/identity.ts";
import { readStateFile, type StateRead } from "../store/state-file.ts";
import { clear, labelsOf } from "./clearance.ts";
import { heldBack } from "./held-back.ts";
import { RulesInForce } from "./rules-in-force.ts";

/** An editor or a shell's `>` truncates before it writes: who is found empty this soon may not be done. */
const EMPTY_REST_MS = 100;

/** A reading takes a millisecond: beside somebody who saves many times a second one of a few finds the file at rest. */
const MOST_READINGS = 5;
/** What lies between them, in milliseconds: more than a write that is in hand takes. */
const BETWEEN_READINGS_MS = 10;

/** Something may refresh a repo's index all day. No save waits longer for it to rest. */
const LONGEST_REST_MS = 1_000;

/** How a change came to be known. */
export type Found = "event" | "rescan" | "start" | "request";

/** What is known of one repo's state file. */
export interface Source {
  /** The last good state. What the file holds now may differ while `fault` stands. */
  readonly snapshot: Snapshot | undefined;
  /** What was found in the text that the snapshot was made from. */
  readonly secrets: readonly Finding[];
  /** How many there were, see {@link Guarded}. */
  readonly secretCount: number;
  /** When the snapshot was saved, in milliseconds since the epoch; undefined of a copy from elsewhere. */
  readonly savedAtMs: number | undefined;
  /** Why what the file holds now is not passed on. */
  readonly fault: Fault | undefined;
  /** The file as it was last looked at. */
  readonly identity: FileIdentity | undefined;
  readonly found: Found;
  /** When it was last read, ISO 8601. */
  readonly readAt: string;
  /** What the snapshot was made from, to tell news by. */
  readonly madeFrom: Origin | undefined;
  /** The rules that the snapshot has passed. */
  readonly passed: Rules | undefined;
}

interface Rules {
  readonly guard: GuardOptions;
  readonly onSecret: Repo["onSecret"];
}

/** A file's content before the guard. It stays in this process. */
interface Origin {
  readonly sha256: string;
  /** Undefined where the guard changed nothing. */
  readonly bytes: Buffer | undefined;
}

const NOTHING: Pick<
  Source,
  "snapshot" | "savedAtMs" | "secrets" | "secretCount" | "found" | "madeFrom" | "passed"
> = {
  snapshot: undefined,
  savedAtMs: undefined,
  secrets: [],
  secretCount: 0,
  found: "start",
  madeFrom: undefined,
  passed: undefined,
};

type Judgement =
  | { readonly fault: Fault }
  /** The file is to be read again after this. */
  | { readonly restMs: number }
  | (Pick<Source, "secrets" | "secretCount" | "madeFrom" | "passed"> & {
      readonly snapshot?: Snapshot;
      readonly savedAtMs?: number;
    });

export interface ObserveOptions {
  readonly maxBytes: number;
  /** Every repo: none is read in another's name. */
  readonly registry: Registry;
  readonly guard: GuardOptions;
  readonly found: Found;
  readonly asked: boolean;
  readonly now: Date;
  /** Asked when the look is done: what was paused meanwhile has not been seen. */
  readonly isWanted?: () => boolean;
}

/** `passed`: the same text, but by other rules than before: now it may be written where those are in force. */
export type Observation = "changed" | "passed" | "same" | "held";

/** Whether the caches that may hold it have something to do. */
export function isNews(observation: Observation | undefined): boolean {
  return observation === "changed" || observation === "passed";
}

/** The newest snapshot of every source, kept in memory; the caches are what persists. */
export class Sources {
  readonly #sources = new Map<string, Source>();
  /** Grows each time a repo is forgotten. */
  readonly #lives = new Map<string, number>();
  /** Whose text the guard is looking through. */
  readonly #inGuard = new Set<string>();
  /** The last look at each repo that was begun. */
  readonly #looks = new Map<string, Promise<unknown>>();

  get(repo: string): Source | undefined {
    return this.#sources.get(repo);
  }

  /** Whether a look at a repo has come as far as the guard: then its disk has answered. */
  isInGuard(repo: string): boolean {
    return this.#inGuard.has(repo);
  }

  /** The snapshots that are known of some repos, as far as they have passed the rules that are in force. */
  snapshotsOf(repos: readonly Repo[], guard: GuardOptions): Map<string, Snapshot> {
    const passed = repos.filter((repo) => {
      const by = this.#sources.get(repo.name)?.passed;
      return by?.guard === guard && by.onSecret === repo.onSecret;
    });
    return this.#collect(passed, (source) => source.snapshot);
  }

  /** The state files of which the guard changed something, as they are. */
  unguardedOf(repos: readonly Repo[]): Map<string, Buffer> {
    return this.#collect(repos, (source) => source.madeFrom?.bytes);
  }

  /**
   * Takes a copy from elsewhere for the newest known state; why the source is out of reach stays.
   * The copy passes the guard as a file does: who wrote it is not known.
   */
  async adopt(repo: Repo, copy: Snapshot, guard: GuardOptions): Promise<void> {
    const source = this.#sources.get(repo.name);
    const clearance = await clear(repo, copy.body, copy.sha256, guard);
    // A look that came to its end meanwhile knows better.
    if (source === undefined || !clearance.ok) return;
    const { body, sha256: digest } = clearance.cleared;
    // Whoever wrote the copy wrote what stands above it as well: only the text and its time are taken.
    const { repo: name, changedAt } = copy;
    const labelled = await labelsOf(repo, undefined, guard);
    if ("fault" in labelled || this.#sources.get(repo.name) !== source) return;
    this.#sources.set(repo.name, {
      ...source,
      snapshot: { repo: name, changedAt, ...labelled.labels, body, sha256: digest },
      savedAtMs: undefined,
      madeFrom: undefined,
      passed: { guard, onSecret: repo.onSecret },
    });
  }

  /** The first look at a repo did not come back in time: why, until it does. */
  miss(repo: string, fault: Fault, now: Date): void {
    if (this.#sources.has(repo)) return;
    this.#sources.set(repo, { ...NOTHING, identity: undefined, fault, readAt: now.toISOString() });
  }

  /** A look at a repo broke off: why. What was known of it stays. */
  fail({ name }: Repo, fault: Fault): void {
    const before = this.#sources.get(name) ?? { ...NOTHING, readAt: new Date().toISOString() };
    this.#sources.set(name, { ...before, identity: undefined, fault });
  }

  /** A look that is under way brings nothing any more: it may be at another directory by that name. */
  forget(repo: string): void {
    this.#sources.delete(repo);
    this.#looks.delete(repo);
    this.#lives.set(repo, (this.#lives.get(repo) ?? 0) + 1);
  }

  /**
   * Reads a repo's state file and takes what the guard lets through for the newest snapshot, unless
   * it has to wait (see {@link heldBack}).
   *
   * Looks at one repo follow each other: of two that overlap the one that began first might be done
   * last, and put an old state in the place of a new one.
   *
   * @param options.asked a person named this repo: a file that rests empty is then meant to be empty.
   */
  async observe(repo: Repo, options: ObserveOptions): Promise<Observation> {
    // By the time that its turn comes, the name may be another directory's.
    const life = this.#lives.get(repo.name);
    const look = async (): Promise<Observation> => await this.#look(repo, options, life);
    const observation = (this.#looks.get(repo.name) ?? Promise.resolve()).then(look, look);
    this.#looks.set(repo.name, observation);
    return await observation;
  }

  async #look(repo: Repo, options: ObserveOptions, life: number | undefined): Promise<Observation> {
    if (this.#lives.get(repo.name) !== life) return "same";
    const started = performance.now();
    let read = await this.#read(repo, options);
    let judged = await this.#judge(repo, read, options, true);
    while ("restMs" in judged) {
      await delay(judged.restMs);
      read = await this.#read(repo, options);
      judged = await this.#judge(repo, read, options, elapsed(started) < LONGEST_REST_MS);
    }
    if (this.#lives.get(repo.name) !== life || options.isWanted?.() === false) return "same";
    const { found, now } = options;
    const before = this.#sources.get(repo.name) ?? NOTHING;
    const base = { ...before, identity: read.identity, readAt: now.toISOString() };
    if ("fault" in judged) {
      this.#sources.set(repo.name, { ...base, found, fault: judged.fault });
      return "held";
    }
    const isNew = judged.snapshot !== undefined && judged.snapshot.sha256 !== before.snapshot?.sha256;
    // A text that differs in what was redacted alone makes no new snapshot, but is known from now
    // on. What stands above it has to pass the rules in force as well.
    const { guard } = options;
    const byOthers = before.passed?.guard !== guard || before.passed.onSecret !== repo.onSecret;
    const snapshot = isNew || byOthers ? judged.snapshot : before.snapshot;
    this.#sources.set(repo.name, {
      ...base,
      ...judged,
      snapshot,
      found: isNew ? found : before.found,
      fault: undefined,
    });
    if (isNew) return "changed";
    return byOthers ? "passed" : "same";
  }

  async #read(repo: Repo, options: ObserveOptions): Promise<StateRead> {
    const read = await this.#readAtRest(repo, options);
    if (!options.asked || !(emptyForMs(read) < EMPTY_REST_MS)) return read;
    await delay(EMPTY_REST_MS);
    return await this.#readAtRest(repo, options);
  }

  /** In a stream of saves the next look is `maxWait` away, and may meet a write again. */
  async #readAtRest(repo: Repo, options: ObserveOptions): Promise<StateRead> {
    for (let reading = 1; ; reading += 1) {
      const read = await readStateFile(repo, options);
      if (read.ok || read.fault.code !== "STATE_FILE_UNSETTLED" || reading === MOST_READINGS) return read;
      await delay(BETWEEN_READINGS_MS);
    }
  }

  /**
   * What of a file's content is new, or why it has to wait.
   *
   * @param patient false where git's index has been waited for long enough.
   */
  async #judge(repo: Repo, read: StateRead, options: ObserveOptions, patient: boolean): Promise<Judgement> {
    if (!read.ok) return { fault: read.fault };
    const { guard, asked, now } = options;
    const { onSecret } = repo;
    const digest = sha256(read.bytes);
    if (asked) RulesInForce.of(guard).retry(digest);
    const known = this.#sources.get(repo.name);
    const { madeFrom, passed } = known ?? {};
    if (madeFrom?.sha256 === digest && passed?.guard === guard && passed.onSecret === onSecret) {
      const { secrets, secretCount } = known ?? NOTHING;
      return { secrets, secretCount, madeFrom, passed };
    }
    const emptyIsMeant = asked && emptyForMs(read) >= EMPTY_REST_MS;
    // Close to the reading: the guard takes its time, and git may go on meanwhile. Where it has gone on
    // since this moment, its index tells.
    const lookedAt = Date.now();
    const locks = heldBack(repo, read, { asked, emptyIsMeant, now });
    const rest = locks.then((held) =>
      held === undefined && patient ? gitRestMs(repo.path, Date.now(), lookedAt) : 0,
    );
    // Where the index is not asked, HEAD is read behind the locks.
    const head = patient ? gitPosition(repo.path) : locks.then(() => gitPosition(repo.path));
    const [held, restMs, position] = await Promise.all([locks, rest, head]);
    if (held !== undefined) return { fault: held };
    if (restMs > 0) return { restMs };
    const { branch, commit } = position ?? {};
    this.#inGuard.add(repo.name);
    const clearance = await clear(repo, read.bytes, digest, guard);
    const labelled = await labelsOf(repo, branch, guard).finally(() => this.#inGuard.delete(repo.name));
    if (!clearance.ok) return clearance;
    if ("fault" in labelled) return labelled;
    const { body, secrets, secretCount, hidden } = clearance.cleared;
    const bytes = body === read.bytes ? undefined : read.bytes;
    const snapshot: Snapshot = {
      repo: repo.name,
      body,
      sha256: clearance.cleared.sha256,
      changedAt: read.changedAt,
      ...labelled.labels,
      ...(commit === undefined ? {} : { commit }),
      ...(secretCount === 0 ? {} : { secrets: secretCount }),
      ...(hidden === 0 ? {} : { hidden }),
    };
    const { savedAtMs } = read;
    const madeOf = { sha256: digest, bytes };
    return { snapshot, savedAtMs, secrets, secretCount, madeFrom: madeOf, passed: { guard, onSecret } };
  }

  #collect<T>(repos: readonly Repo[], pick: (source: Source) => T | undefined): Map<string, T> {
    const found = repos.flatMap(({ name }) => {
      const source = this.#sources.get(name);
      const picked = source === undefined ? undefined : pick(source);
      return picked === undefined ? [] : ([[name, picked]] as const);
    });
    return new Map(found);
  }
}

/** How long a state file has been empty, in milliseconds; not a number where it is not. */
function emptyForMs(read: StateRead): number {
  if (!read.ok || holdOf(read.bytes) !== "empty") return Number.NaN;
  const age = Date.now() - Date.parse(read.changedAt);
  // A time in the future is none that one could wait for.
  return age < 0 ? Number.POSITIVE_INFINITY : age;
}
