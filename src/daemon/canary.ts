import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { mkdir, open, readFile, writeFile } from "node:fs/promises";
import { join, sep } from "node:path";
import { within } from "../concurrently.ts";
import { jittered } from "../core/backoff.ts";
import { parse } from "../core/cache/parse.ts";
import { RESERVED_PREFIX, type Repo } from "../core/registry.ts";
import { elapsed } from "../elapsed.ts";
import { type Fault, fault, systemCode } from "../errors.ts";
import type { EventName } from "../log/events.ts";
import { closeQuietly } from "../store/close.ts";
import { stateFilePath } from "../store/state-file.ts";
import { cachePath, writable, type WriteScope } from "../store/write-scope.ts";
import type { Reconciler } from "../sync/reconciler.ts";

/** A save that has not come through by then has met something that is broken, not slow. */
const PATIENCE_MS = 5_000;
/** What came through, but took this long, shows that something held the daemon up. */
const SLOW_MS = 2_000;
/** Proof that is older than a minute or so is no news; a shorter rescan makes for more of it. */
const LONGEST_PERIOD_MS = 60_000;
/** Beats that may be missing before the last good one is no proof any more. */
const MOST_MISSED = 3;

const SOURCE = `${RESERVED_PREFIX}canary`;
const PEER = `${RESERVED_PREFIX}canary-peer`;
/** No config can name this group: it is none by the rule for names. */
const GROUP = "the canary's";

const README = `The daemon proves with these two directories that it works: it saves a state file in
one of them, as an agent would, and sees whether it arrives in the other one's cache.
`;

export interface CanaryOptions {
  readonly stateDirectory: string;
  /** Time between two rescans, in milliseconds. */
  readonly rescanMs: () => number;
  /** Watches the files of a directory anew. */
  readonly rearm: (directory: string) => Promise<void>;
}

/** What the canary says of the daemon. */
export interface Proof {
  /** When a save last came through from end to end, ISO 8601; null where none has yet. */
  readonly provenAt: string | null;
  /** How long that save took, in milliseconds. */
  readonly lagMs: number | null;
  readonly fault: Fault | undefined;
}

/**
 * A pair of pseudo-repos that goes the way of every other: saved, noticed by the watcher, read,
 * queued, written into a cache. What says that the daemon is well is that a save came through, and
 * not that nothing has complained.
 */
export class Canary {
  /** The repos, for the registry that is kept in step. */
  readonly repos: readonly [source: Repo, peer: Repo];
  readonly #options: CanaryOptions;
  readonly #startedAt = performance.now();
  #beats = 0;
  /** Of the beat that is under way. */
  #awaited = "";
  #stage: "saving" | "saved" | "noticed" = "saving";
  #arrived: () => void = () => undefined;
  #fault: Fault | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  #provenAt: { readonly iso: string; readonly at: number; readonly lagMs: number } | undefined;

  constructor(options: CanaryOptions) {
    this.#options = options;
    const directory = join(options.stateDirectory, "canary");
    this.repos = [pseudoRepo(SOURCE, join(directory, "source")), pseudoRepo(PEER, join(directory, "peer"))];
  }

  /** True for what the daemon reports of its own repos, which is nobody else's business. */
  isAbout({ repo, cache, path }: Readonly<Record<string, unknown>>): boolean {
    const within = typeof path === "string" && this.repos.some((own) => path.startsWith(own.path + sep));
    return within || [repo, cache].some((name) => name === SOURCE || name === PEER);
  }

  /** Takes what is reported of its repos. */
  hear(event: EventName, fields: Readonly<Record<string, unknown>>): void {
    if (fields["sha256"] !== this.#awaited) return;
    if (event === "state.changed") this.#stage = "noticed";
    if (event === "section.written") this.#arrived();
  }

  get proof(): Proof {
    const { iso = null, lagMs = null } = this.#provenAt ?? {};
    return { provenAt: iso, lagMs, fault: this.#fault ?? this.#silence() };
  }

  /** Makes the directories, so that they are watched from the start. What cannot be made, the first beat tells. */
  async prepare(scope: WriteScope): Promise<void> {
    try {
      for (const repo of this.repos) await makeRepo(repo, scope);
    } catch (error) {
      if (systemCode(error) === undefined) throw error;
    }
  }

  /** Beats now, and from now on. Resolves when the first beat is over, and never rejects. */
  async start(reconciler: Reconciler, scope: WriteScope): Promise<void> {
    const beat = async (): Promise<void> => {
      await this.#beat(reconciler, scope);
      if (this.#closed) return;
      this.#timer = setTimeout(() => void beat(), jittered(this.#periodMs, Math.random()));
    };
    await beat();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  get #periodMs(): number {
    return Math.min(LONGEST_PERIOD_MS, this.#options.rescanMs());
  }

  /** Saves and waits for the save to come through. Never rejects. */
  async #beat(reconciler: Reconciler, scope: WriteScope): Promise<void> {
    let problem = await this.#tried(reconciler, scope);
    if (problem !== undefined && !this.#closed) {
      // The directory may have been removed or made anew, or the machine have slept meanwhile: that is no illness.
      await within(PATIENCE_MS, this.prepare(scope));
      await within(PATIENCE_MS, this.#options.rearm(this.repos[0].path));
      problem = await this.#tried(reconciler, scope);
    }
    this.#fault = problem;
  }

  /** As {@link #attempt}. What nobody has thought of is no proof either, and not the daemon's end. */
  async #tried(reconciler: Reconciler, scope: WriteScope): Promise<Fault | undefined> {
    try {
      return await this.#attempt(reconciler, scope);
    } catch (error) {
      return unsaved(this.repos[0], systemCode(error) ?? String(error));
    }
  }

  async #attempt(reconciler: Reconciler, scope: WriteScope): Promise<Fault | undefined> {
    const [source, peer] = this.repos;
    const started = performance.now();
    let came: true | undefined;
    try {
      const saved = this.#save(scope);
      let finished: number;
      do {
        finished = reconciler.queue.finished;
        came = await within(PATIENCE_MS, saved);
        // What was heard of may wait for others' turns. What was not is not heard of because others are busy.
      } while (
        came === undefined &&
        this.#stage === "noticed" &&
        reconciler.queue.finished !== finished &&
        !this.#closed
      );
    } catch (error) {
      return unsaved(source, systemCode(error) ?? String(error));
    }
    const lagMs = elapsed(started);
    if (came === undefined) return this.#whereItStopped(reconciler);
    if ((await within(PATIENCE_MS, this.#isInCache(peer))) !== true) {
      return fault("DAEMON_UNPROVEN", `${peer.path} does not hold what was written into it`, {
        path: peer.path,
      });
    }
    this.#provenAt = { iso: new Date().toISOString(), at: performance.now(), lagMs };
    return lagMs < SLOW_MS ? undefined : slow(lagMs);
  }

  /** Resolves when the save has come through. */
  async #save(scope: WriteScope): Promise<true> {
    const [source] = this.repos;
    this.#beats += 1;
    // Of one length, so that a single write replaces all of it and nobody ever reads half.
    const text = `beat ${String(this.#beats).padStart(12, "0")} at ${new Date().toISOString()}\n`;
    this.#awaited = createHash("sha256").update(text).digest("hex");
    this.#stage = "saving";
    const arrived = new Promise<true>((resolve) => {
      this.#arrived = () => resolve(true);
    });
    const file = writable(stateFilePath(source), scope);
    const handle = await open(file, constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
    try {
      await handle.write(text, 0);
      if (this.#stage === "saving") this.#stage = "saved";
    } finally {
      await closeQuietly(handle);
    }
    return await arrived;
  }

  #whereItStopped(reconciler: Reconciler): Fault {
    const [source, peer] = this.repos;
    const seen = reconciler.sources.get(source.name);
    const { fault: unreadable } = seen ?? {};
    const unwritten = reconciler.lane(peer.name).fault;
    const why = unwritten ?? unreadable;
    if (why !== undefined) return fault("DAEMON_UNPROVEN", why.message, { path: why.path ?? source.path });
    if (this.#stage === "saving") return unsaved(source, `no answer within ${PATIENCE_MS / 1_000} s`);
    if (this.#stage === "saved") return deaf();
    const { depth, oldestMs } = reconciler.queue;
    const waits = `${depth} caches wait or have their turn, the oldest for ${Math.round(oldestMs / 1_000)} s`;
    return fault("DAEMON_STUCK", `a save was read and not written within ${PATIENCE_MS / 1_000} s: ${waits}`);
  }

  /** Reads the cache as anybody would; where it has to lie, the turn that wrote it has seen to. */
  async #isInCache(peer: Repo): Promise<boolean> {
    let bytes: Buffer;
    try {
      bytes = await readFile(cachePath(peer), { flag: constants.O_RDONLY | constants.O_NONBLOCK });
    } catch (error) {
      if (systemCode(error) === undefined) throw error;
      return false;
    }
    const { parts } = parse(bytes, { registered: [SOURCE] });
    return parts.some((part) => part.kind === "section" && part.section.sha256 === this.#awaited);
  }

  /** A daemon that does not beat yet, or any more, says nothing, and that is not good news. */
  #silence(): Fault | undefined {
    const last = this.#provenAt?.at ?? this.#startedAt;
    const patience = MOST_MISSED * this.#periodMs + 2 * PATIENCE_MS;
    const silentMs = performance.now() - last;
    if (silentMs < patience) return this.#provenAt === undefined ? starting() : undefined;
    const seconds = Math.round(silentMs / 1_000);
    return fault("DAEMON_STUCK", `the daemon has not tried itself for ${seconds} s`);
  }
}

function unsaved(source: Repo, why: string): Fault {
  return fault("DAEMON_UNPROVEN", `cannot save ${stateFilePath(source)}: ${why}`, { path: source.path });
}

function starting(): Fault {
  return fault("DAEMON_STARTING", "the daemon has started, and no save of its own has come through yet");
}

function deaf(): Fault {
  const message = `a save brought no event within ${PATIENCE_MS / 1_000} s: changes are found by the rescan alone`;
  return fault("DAEMON_DEAF", message);
}

function slow(lagMs: number): Fault {
  const seconds = Math.round(lagMs / 100) / 10;
  return fault("DAEMON_SLOW", `a save of the daemon's own took ${seconds} s to come through`);
}

function pseudoRepo(name: string, path: string): Repo {
  return {
    name,
    path,
    writtenPath: path,
    role: "execution",
    stateFile: "STATE.md",
    groups: [GROUP],
    publish: name === SOURCE,
    subscribe: name === PEER,
    onSecret: "redact",
    fence: false,
  };
}

/** An empty directory would be taken for a mount point whose disk is away. */
async function makeRepo(repo: Repo, scope: WriteScope): Promise<void> {
  await mkdir(writable(repo.path, scope), { recursive: true, mode: 0o700 });
  try {
    await writeFile(writable(join(repo.path, "README.md"), scope), README, { flag: "wx", mode: 0o600 });
  } catch (error) {
    if (systemCode(error) !== "EEXIST") throw error;
  }
}
