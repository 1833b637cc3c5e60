import { setTimeout as delay } from "node:timers/promises";
import { holdOf } from "../core/hold.ts";
import type { Repo } from "../core/registry.ts";
import { sha256, type Snapshot } from "../core/snapshot.ts";
import { fault, type Fault } from "../errors.ts";
import { gitPosition } from "../store/git.ts";
import type { FileIdentity } from "../store/identity.ts";
import { readStateFile, type StateRead, stateFilePath } from "../store/state-file.ts";

/** An editor or a shell's `>` truncates before it writes: who is found empty this soon may not be done. */
const EMPTY_REST_MS = 100;

/** How a change came to be known. */
export type Found = "event" | "rescan" | "start" | "request";

/** What is known of one repo's state file. */
export interface Source {
  /** The last good state. What the file holds now may differ while `fault` stands. */
  readonly snapshot: Snapshot | undefined;
  /** Why what the file holds now is not passed on. */
  readonly fault: Fault | undefined;
  /** The file as it was last looked at. */
  readonly identity: FileIdentity | undefined;
  readonly found: Found;
  /** When it was last read, ISO 8601. */
  readonly readAt: string;
}

export interface ObserveOptions {
  readonly maxBytes: number;
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

  /** The snapshots that are known of some repos. */
  snapshotsOf(repos: readonly Repo[]): Map<string, Snapshot> {
    const known = repos.flatMap(({ name }) => {
      const snapshot = this.#sources.get(name)?.snapshot;
      return snapshot === undefined ? [] : ([[name, snapshot]] as const);
    });
    return new Map(known);
  }

  /** Takes a copy from elsewhere for the newest known state; why the source is out of reach stays. */
  adopt(repo: string, snapshot: Snapshot): void {
    const source = this.#sources.get(repo);
    if (source !== undefined) this.#sources.set(repo, { ...source, snapshot });
  }

  /** A look that is under way brings nothing any more: it may be at another directory by that name. */
  forget(repo: string): void {
    this.#sources.delete(repo);
    this.#looks.delete(repo);
    this.#lives.set(repo, (this.#lives.get(repo) ?? 0) + 1);
  }

  /**
   * Reads a repo's state file and takes what it holds for the newest snapshot, unless it has to
   * wait (see {@link holdOf}).
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
    const meant = options.asked && emptyForMs(read) >= EMPTY_REST_MS;
    const digest = read.ok ? sha256(read.bytes) : undefined;
    const isNews = digest !== undefined && digest !== this.#sources.get(repo.name)?.snapshot?.sha256;
    const git = isNews ? await gitPosition(repo.path) : undefined;
    if (this.#lives.get(repo.name) !== life) return "same";
    const before = this.#sources.get(repo.name);
    const base = { identity: read.identity, found: options.found, readAt: options.now.toISOString() };
    if (!read.ok) {
      this.#sources.set(repo.name, { ...base, snapshot: before?.snapshot, fault: read.fault });
      return "held";
    }
    if (!isNews) {
      const snapshot = before?.snapshot;
      this.#sources.set(repo.name, {
        ...base,
        snapshot,
        found: before?.found ?? options.found,
        fault: undefined,
      });
      return "same";
    }
    const held = heldBack(repo, read.bytes, meant);
    if (held !== undefined) {
      this.#sources.set(repo.name, { ...base, snapshot: before?.snapshot, fault: held });
      return "held";
    }
    const snapshot: Snapshot = {
      repo: repo.name,
      body: read.bytes,
      sha256: digest,
      changedAt: read.changedAt,
      origin: printable(stateFilePath(repo)),
      ...git,
    };
    this.#sources.set(repo.name, { ...base, snapshot, fault: undefined });
    return "changed";
  }
}

/** How long a state file has been empty, in milliseconds; not a number where it is not. */
function emptyForMs(read: StateRead): number {
  if (!read.ok || holdOf(read.bytes) !== "empty") return Number.NaN;
  const age = Date.now() - Date.parse(read.changedAt);
  // A time in the future is none that one could wait for.
  return age < 0 ? Number.POSITIVE_INFINITY : age;
}

/**
 * The fault that holds a content back, if one does.
 *
 * @param meant an empty file is meant to be empty.
 */
export function heldBack(repo: Repo, body: Buffer, meant: boolean): Fault | undefined {
  const path = stateFilePath(repo);
  const where = { repo: repo.name, path };
  switch (holdOf(body)) {
    case "empty":
      return meant ? undefined : fault("STATE_FILE_EMPTY", `${path} is empty`, where);
    case "conflict":
      return fault("STATE_FILE_CONFLICT", `${path} holds git conflict markers`, where);
    case undefined:
      return undefined;
  }
}

/** A path may hold a newline; a metadata line must not. */
function printable(path: string): string {
  return path.replaceAll(/\p{Cc}/gu, "?");
}
