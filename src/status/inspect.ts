import { concurrently, Shared, within } from "../concurrently.ts";
import { edgeStatus, overallStatus, type SectionState, sourceTrouble } from "../core/health.ts";
import { cachesOf, peersOf, type Repo, targetsOf } from "../core/registry.ts";
import { sha256 } from "../core/snapshot.ts";
import { type Fault, fault, type FaultCode } from "../errors.ts";
import { copiesOf } from "../store/copies.ts";
import { isSilent } from "../store/disks.ts";
import { readStateFile, stateFilePath, type StateRead } from "../store/state-file.ts";
import { cachePath } from "../store/write-scope.ts";
import type { GuardOptions } from "../guard/guarded.ts";
import { verdictOn } from "../sync/clearance.ts";
import type { Verdict } from "../sync/rules-in-force.ts";
import { heldBack } from "../sync/held-back.ts";
import { unansweredFault } from "../sync/unanswered.ts";
import { type CacheFacts, cacheFacts, type CacheOptions, type SectionFacts } from "./cache-facts.ts";
import type { EdgeReport, RepoStatus, Runtime, StatusReport } from "./report.ts";

export interface InspectOptions extends CacheOptions {
  readonly maxBytes: number;
  readonly guard: GuardOptions;
  readonly copiesDirectory: string;
  readonly runtime: Runtime;
  readonly now: Date;
  /** The looks that are under way; for one who inspects again and again, so that a dead disk is not asked each time. */
  readonly looks?: Shared<RepoFacts>;
  /** Only the edges into this repo, and nothing of whom it does not read. */
  readonly into?: Repo | undefined;
}

/** What one look at a repo's disk saw. */
export interface RepoFacts {
  readonly file: FileFacts;
  /** Undefined where the repo keeps none. */
  readonly cache: CacheFacts | undefined;
}

interface FileFacts {
  readonly read: StateRead;
  /** Why a content that could be read has to wait. */
  readonly held: Fault | undefined;
}

interface SourceFacts {
  readonly bytes?: number;
  readonly changedAt?: string;
  readonly savedAtMs?: number;
  /** What the guard said; absent where nothing may travel. */
  readonly verdict?: Verdict | undefined;
  readonly fault: Fault | undefined;
}

/** A disk that does not answer is told as such, and the others are told all the same. */
const PATIENCE_MS = 3_000;
/** So is a text that takes the guard longer: one of many megabytes does. */
const GUARD_PATIENCE_MS = 3_000;
const SIDE_BY_SIDE = 32;
/** A disk that takes longer to answer goes without a place: many dead ones hold up no other for long. */
const PLACE_MS = 250;

function silent(repo: Repo, subscribes: boolean, patienceMs: number | undefined): RepoFacts {
  const why = unansweredFault("STATE_FILE_UNREADABLE", repo, patienceMs);
  const read = { ok: false, fault: why, identity: undefined } as const;
  const trouble = unansweredFault("CACHE_IO", repo, patienceMs);
  const cache = { sections: new Map(), damaged: new Set<string>(), fault: trouble };
  return { file: { read, held: undefined }, cache: subscribes ? cache : undefined };
}

/**
 * Looks at every state file and every cache as they are on disk at this moment, and compares
 * them. Nothing that the daemon remembers can make an edge look fresh. Reads only.
 */
export async function inspect(options: InspectOptions): Promise<StatusReport> {
  const { registry, runtime, into } = options;
  const sources = new Map<string, SourceFacts>();
  const caches = new Map<string, CacheFacts>();
  const subscribers = new Set(into === undefined ? cachesOf(registry) : [into]);
  const concerned = into === undefined ? registry.repos : [into, ...peersOf(registry, into)];
  const readable = concerned.filter((repo) => repo.role === "execution");
  const { looks = new Shared<RepoFacts>() } = options;
  await concurrently(
    readable,
    SIDE_BY_SIDE,
    async (repo) => {
      const subscribes = subscribers.has(repo);
      // One file after the other: a disk that does not answer is asked for nothing more.
      const look = async (): Promise<RepoFacts> => ({
        file: await fileFacts(repo, options),
        cache: subscribes ? await cacheFacts(repo, options) : undefined,
      });
      const facts = isSilent(repo)
        ? silent(repo, subscribes, undefined)
        : ((await looks.ask(subscribes ? repo.path : `${repo.path} alone`, PATIENCE_MS, look)) ??
          silent(repo, subscribes, PATIENCE_MS));
      sources.set(repo.name, await sourceFacts(repo, facts.file, options));
      if (facts.cache !== undefined) caches.set(repo.name, facts.cache);
    },
    PLACE_MS,
  );
  const edges = concerned.flatMap((from) =>
    targetsOf(registry, from)
      .filter((to) => into === undefined || to === into)
      .map((to) => edgeReport(from, to, sources, caches, options)),
  );
  const problems = once([...runtime.problems, ...faultsOf(sources, caches, edges, runtime)]);
  const repos = concerned.map((repo) => repoStatus(repo, sources.get(repo.name), runtime));
  const copies = Promise.all(
    concerned.map(async ({ name }) =>
      (await copiesOf(name, options.copiesDirectory)).map((copy) => ({ repo: name, ...copy })),
    ),
  );
  return {
    status: overallStatus(runtime.daemon.running, edges, problems.length),
    daemon: runtime.daemon,
    repos,
    edges,
    queue: runtime.queue,
    latency: runtime.latency,
    problems,
    // Where dead disks hold every thread, these wait for one too.
    copies: ((await within(PATIENCE_MS, copies)) ?? []).flat(),
  };
}

async function fileFacts(repo: Repo, options: InspectOptions): Promise<FileFacts> {
  const read = await readStateFile(repo, options);
  if (!read.ok) return { read, held: undefined };
  const { now } = options;
  return { read, held: await heldBack(repo, read, { asked: false, emptyIsMeant: false, now }) };
}

async function sourceFacts(
  repo: Repo,
  { read, held }: FileFacts,
  options: InspectOptions,
): Promise<SourceFacts> {
  if (!read.ok) return { fault: read.fault };
  const { bytes, changedAt, savedAtMs } = read;
  const look = verdictOn(repo, bytes, sha256(bytes), options.guard);
  const passed = (await within(GUARD_PATIENCE_MS, look)) ?? { ok: false, fault: stillLooking(repo) };
  const verdict = passed.ok ? passed.cleared : undefined;
  const refusal = passed.ok ? undefined : passed.fault;
  const why = options.runtime.isPaused(repo.name)
    ? fault("PAUSED", `${repo.name} is paused`, { repo: repo.name })
    : (held ?? refusal);
  return { bytes: bytes.length, changedAt, savedAtMs, verdict, fault: why };
}

function stillLooking(repo: Repo): Fault {
  const path = stateFilePath(repo);
  const message = `the guard has looked through ${path} for ${GUARD_PATIENCE_MS / 1_000} s, and is not done`;
  return fault("STATE_FILE_IN_GUARD", message, { repo: repo.name, path });
}

function edgeReport(
  from: Repo,
  to: Repo,
  sources: ReadonlyMap<string, SourceFacts>,
  caches: ReadonlyMap<string, CacheFacts>,
  options: InspectOptions,
): EdgeReport {
  const source = sources.get(from.name);
  const cache = caches.get(to.name);
  const section = cache?.sections.get(from.name);
  const paused = options.runtime.isPaused(to.name)
    ? fault("PAUSED", `${to.name} is paused`, { repo: to.name })
    : undefined;
  const cacheFault = cache?.fault ?? options.runtime.cacheFault(to.name);
  const trouble = source?.fault ?? paused;
  const status = edgeStatus({
    sourceSha256: source?.verdict?.sha256,
    sourceTrouble: trouble === undefined ? undefined : sourceTrouble(trouble.code),
    cacheFails: cacheFault !== undefined,
    section: sectionState(section, cache?.damaged.has(from.name) === true),
  });
  const error = status === "failed" ? (cacheFault ?? trouble) : trouble;
  const behindSince = source?.savedAtMs;
  return {
    from: from.name,
    to: to.name,
    cache: cachePath(to),
    status,
    syncedAt: section?.syncedAt ?? null,
    lagMs:
      status === "fresh" || behindSince === undefined ? 0 : Math.max(0, options.now.getTime() - behindSince),
    error: status === "fresh" ? null : (error ?? null),
  };
}

function sectionState(section: SectionFacts | undefined, damaged: boolean): SectionState {
  // Of two the one that is certified counts, as it does for the turn that takes the other out.
  if (section !== undefined) return { kind: "section", sha256: section.sha256 };
  return { kind: damaged ? "damaged" : "absent" };
}

/** What only says that a content waits is no news where the peers hold that content already. */
const NO_TROUBLE_WHERE_FRESH: ReadonlySet<FaultCode> = new Set([
  "STATE_FILE_EMPTY",
  "STATE_FILE_GIT_BUSY",
  "STATE_FILE_GIT_MIDWAY",
]);

/** Each fault once, however many edges it concerns; a fault that hurts no edge is still told. */
function faultsOf(
  sources: ReadonlyMap<string, SourceFacts>,
  caches: ReadonlyMap<string, CacheFacts>,
  edges: readonly EdgeReport[],
  runtime: Runtime,
): Fault[] {
  const found: Fault[] = [];
  for (const [name, { fault: trouble }] of sources) {
    const settled = edges.filter((edge) => edge.from === name).every((edge) => edge.status === "fresh");
    if (trouble !== undefined && !(settled && NO_TROUBLE_WHERE_FRESH.has(trouble.code))) found.push(trouble);
  }
  for (const [name, cache] of caches) {
    const trouble = cache.fault ?? runtime.cacheFault(name);
    if (trouble !== undefined) found.push(trouble);
  }
  return found;
}

/** A directory that is gone is both a source's and a cache's fault, and still one. */
function once(faults: readonly Fault[]): Fault[] {
  const seen = new Map(faults.map((one) => [`${one.code} ${one.repo ?? ""} ${one.message}`, one]));
  return [...seen.values()];
}

function repoStatus(repo: Repo, source: SourceFacts | undefined, runtime: Runtime): RepoStatus {
  return {
    name: repo.name,
    path: repo.path,
    role: repo.role,
    stateFile: {
      exists: source?.bytes !== undefined,
      sha256: source?.verdict?.sha256 ?? null,
      bytes: source?.bytes ?? 0,
      changedAt: source?.changedAt ?? null,
    },
    guard: guardOf(source?.verdict),
    watch:
      repo.role === "passive"
        ? "off"
        : source?.fault?.code === "REPO_MISSING"
          ? "lost"
          : runtime.watchOf(repo.name),
    paused: runtime.isPaused(repo.name),
  };
}

function guardOf(verdict: Verdict | undefined): RepoStatus["guard"] {
  const { secrets = [], secretCount = 0, hidden = 0 } = verdict ?? {};
  return { secrets, secretCount, hidden };
}
