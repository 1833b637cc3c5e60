import { setTimeout as delay } from "node:timers/promises";
import { holdOf } from "../core/hold.ts";
import type { Repo } from "../core/registry.ts";
import { sha256, type Snapshot } from "../core/snapshot.ts";
import type { Fault } from "../errors.ts";
import type { Finding, GuardOptions } from "../guard/guard.ts";
import { gitPosition } from "../store/git.ts";
import type { FileIdentity } from "../store/identity.ts";
import { readStateFile, stateFilePath, type StateRead } from "../store/state-file.ts";
import { clear, presentable } from "./clearance.ts";
import { heldBack } from "./held-back.ts";

/** An editor or a shell's `>` truncates before it writes: who is found empty this soon may not be done. */
const EMPTY_REST_MS = 100;

/** How a change came to be known. */
export type Found = "event" | "rescan" | "start" | "request";

/** What is known of one repo's state file. */
export interface Source {
  /** The last good state. What the file holds now may differ while `fault` stands. */
  readonly snapshot: Snapshot | undefined;
  /** What was found in the text that the snapshot was made from. */
  readonly secrets: readonly Finding[];
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

const NOTHING: Pick<Source, "snapshot" | "savedAtMs" | "secrets" | "found" | "madeFrom" | "passed"> = {
  snapshot: undefined,
  savedAtMs: undefined,
  secrets: [],
  found: "start",
  madeFrom: undefined,
  passed: undefined,
};

type Judgement =
  | { readonly fault: Fault }
  | (Pick<Source, "secrets" | "madeFrom" | "passed"> & {
      readonly snapshot?: Snapshot;
      readonly savedAtMs?: number;
    });

export interface ObserveOptions {
  readonly maxBytes: number;
  readonly guard: GuardOptions;
  readonly found: Found;
  readonly asked: boolean;
  readonly now: Date;
}

export type Observation = "changed" | "same" | "held";

/** The newest snapshot of every source, kept in memory; the caches are what persists. */
export class Sources {
  readonly #sources = new Map<string, Source>();
  /** Grows each time a repo is forgotten. */
  readonly #lives = new Map<string, number>();
  /** The last look at each repo that was begun. */
  readonly #looks = new Map<string, Promise<unknown>>();

  get(repo: string): Source | undefined {
    return this.#sources.get(repo);
  }

  /** The snapshots that are known of some repos, as far as they have passed the rules that are in force. */
  snapshotsOf(repos: readonly Repo[], guardOf: (repo: Repo) => GuardOptions): Map<string, Snapshot> {
    const passed = repos.filter((repo) => {
      const by = this.#sources.get(repo.name)?.passed;
      return by?.guard === guardOf(repo) && by.onSecret === repo.onSecret;
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
    const origin = await labelled(stateFilePath(repo), guard);
    if (this.#sources.get(repo.name) !== source) return;
    this.#sources.set(repo.name, {
      ...source,
      snapshot: { repo: name, changedAt, origin, body, sha256: digest },
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
    const look = async (): Promise<Observation> => await this.#look(repo, options);
    const observation = (this.#looks.get(repo.name) ?? Promise.resolve()).then(look, look);
    this.#looks.set(repo.name, observation);
    return await observation;
  }

  async #look(repo: Repo, options: ObserveOptions): Promise<Observation> {
    const life = this.#lives.get(repo.name);
    let read = await readStateFile(repo, options.maxBytes);
    if (options.asked && emptyForMs(read) < EMPTY_REST_MS) {
      await delay(EMPTY_REST_MS);
      read = await readStateFile(repo, options.maxBytes);
    }
    const judged: Judgement = read.ok ? await this.#judge(repo, read, options) : { fault: read.fault };
    if (this.#lives.get(repo.name) !== life) return "same";
    const { found, now } = options;
    const before = this.#sources.get(repo.name) ?? NOTHING;
    const base = { ...before, identity: read.identity, readAt: now.toISOString() };
    if ("fault" in judged) {
      this.#sources.set(repo.name, { ...base, found, fault: judged.fault });
      return "held";
    }
    const isNews = judged.snapshot !== undefined && judged.snapshot.sha256 !== before.snapshot?.sha256;
    // A text that differs in what was redacted alone makes no new snapshot, but is known from now on.
    const snapshot = isNews ? judged.snapshot : before.snapshot;
    this.#sources.set(repo.name, {
      ...base,
      ...judged,
      snapshot,
      found: isNews ? found : before.found,
      fault: undefined,
    });
    return isNews ? "changed" : "same";
  }

  /** What of a file's content is new, or why it has to wait. */
  async #judge(
    repo: Repo,
    read: Extract<StateRead, { readonly ok: true }>,
    options: ObserveOptions,
  ): Promise<Judgement> {
    const { guard, asked, now } = options;
    const { onSecret } = repo;
    const digest = sha256(read.bytes);
    const known = this.#sources.get(repo.name);
    const { madeFrom, passed } = known ?? {};
    if (madeFrom?.sha256 === digest && passed?.guard === guard && passed.onSecret === onSecret) {
      return { secrets: known?.secrets ?? [], madeFrom, passed };
    }
    const emptyIsMeant = asked && emptyForMs(read) >= EMPTY_REST_MS;
    const held = await heldBack(repo, read.bytes, { asked, emptyIsMeant, now });
    if (held !== undefined) return { fault: held };
    const clearance = await clear(repo, read.bytes, digest, guard);
    if (!clearance.ok) return clearance;
    const { body, secrets, hidden } = clearance.cleared;
    const { branch, commit } = (await gitPosition(repo.path)) ?? {};
    const bytes = body === read.bytes ? undefined : read.bytes;
    const snapshot: Snapshot = {
      repo: repo.name,
      body,
      sha256: clearance.cleared.sha256,
      changedAt: read.changedAt,
      origin: await labelled(stateFilePath(repo), guard),
      ...(commit === undefined ? {} : { commit }),
      ...(branch === undefined ? {} : { branch: await labelled(branch, guard) }),
      ...(secrets.length === 0 ? {} : { secrets: secrets.length }),
      ...(hidden === 0 ? {} : { hidden }),
    };
    const { savedAtMs } = read;
    return { snapshot, savedAtMs, secrets, madeFrom: { sha256: digest, bytes }, passed: { guard, onSecret } };
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

/** A path may hold a newline, and a path or a branch's name may be a secret; a metadata line must not. */
async function labelled(name: string, guard: GuardOptions): Promise<string> {
  return await presentable(name.replaceAll(/\p{Cc}/gu, "?"), guard);
}
