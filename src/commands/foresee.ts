import { within } from "../concurrently.ts";
import type { Config } from "../config/load.ts";
import { type Repo, targetsOf } from "../core/registry.ts";
import { type Fault, fault, FaultError } from "../errors.ts";
import { RuleError } from "../guard/rule-error.ts";
import { type OpenedCache, openCache } from "../store/cache-file.ts";
import { closeQuietly } from "../store/close.ts";
import { isSilent, probeDisks } from "../store/disks.ts";
import { Ownership } from "../store/ownership.ts";
import { cachePath } from "../store/write-scope.ts";
import { type Plan, plan } from "../sync/plan.ts";
import { Sources } from "../sync/sources.ts";
import { unansweredFault } from "../sync/unanswered.ts";

/** A disk that takes longer to answer is told as such. What was dead already is not asked again. */
const PATIENCE_MS = 5_000;
/** Long enough for every text: who asks wants to see the whole. */
const GUARD_PATIENCE_MS = 600_000;

/** What a sync would make of one cache. */
export interface Foreseen extends Pick<Plan, "result" | "before"> {
  readonly target: Repo;
  /** What it holds now; undefined where there is none. */
  readonly bytes: Buffer | undefined;
  /** Some peer's state was read for it just now, so that a sync gives it a turn. */
  readonly due: boolean;
}

export interface ForeseeOptions {
  /** A registry that may not be in force yet, and what else a config says. */
  readonly config: Pick<Config, "registry" | "maxBytes" | "guard">;
  /** Whose states are sent. */
  readonly repos: readonly Repo[];
  /** Somebody means just these. */
  readonly asked: boolean;
  readonly isPaused: (repo: string) => boolean;
}

/**
 * What a sync would do, without doing any of it: no lock is taken and nothing is written.
 *
 * @param each called for each cache, one after the other; what it throws is told as this cache's fault.
 * @returns what would go wrong, each once.
 */
export async function foresee(
  { config, repos, asked, isPaused }: ForeseeOptions,
  each: (foreseen: Foreseen) => Promise<void>,
): Promise<Fault[]> {
  const { registry, maxBytes, guard } = config;
  const paused = (name: string): Fault => fault("PAUSED", `${name} is paused`, { repo: name });
  await probeDisks(registry.repos);
  const sources = new Sources();
  const faults = new Map<string, Fault>();
  const note = (found: Fault): unknown => faults.set(found.message, found);
  const now = new Date();
  const awake = repos.filter((repo) => !isPaused(repo.name));
  const sent = new Set<Repo>();
  for (const repo of repos) {
    if (!awake.includes(repo)) {
      note(paused(repo.name));
      continue;
    }
    const options = { maxBytes, registry, guard, found: "request", asked, now } as const;
    const look = isSilent(repo) ? undefined : sources.observe(repo, options);
    if (look !== undefined) await within(PATIENCE_MS, look);
    // That is no disk's fault, and the guard has a limit of its own.
    if (sources.isInGuard(repo.name)) await look;
    const seen = sources.get(repo.name);
    const held = seen === undefined ? unansweredFault("STATE_FILE_UNREADABLE", repo) : seen.fault;
    if (held === undefined) sent.add(repo);
    else note(held);
  }
  const targets = registry.repos.filter((to) => awake.some((from) => targetsOf(registry, from).includes(to)));
  for (const target of targets) {
    if (isPaused(target.name)) {
      note(paused(target.name));
      continue;
    }
    try {
      const cache = isSilent(target) ? undefined : await within(PATIENCE_MS, openAndClose(target));
      if (cache === undefined) {
        note(unansweredFault("CACHE_IO", target));
        continue;
      }
      const { bytes, linked, file } = cache;
      if (linked) (await Ownership.of(registry)).refuseForeign(target, file);
      const { result, before } = await plan(bytes, target, {
        registry,
        sources,
        guard,
        passed: false,
        patienceMs: GUARD_PATIENCE_MS,
        refresh: new Set<string>(),
        now,
      });
      const due = [...sent].some((from) => targetsOf(registry, from).includes(target));
      await each({ target, bytes, result, before, due });
    } catch (error) {
      note(faultOf(error, cachePath(target)));
    }
  }
  return [...faults.values()];
}

/** @throws what is a defect of the program. */
function faultOf(error: unknown, path: string): Fault {
  if (error instanceof FaultError) return error.fault;
  if (!(error instanceof RuleError)) throw error;
  return fault("STATE_FILE_UNGUARDED", `${path} cannot be shown: ${error.message}`, { path });
}

async function openAndClose(target: Repo): Promise<OpenedCache> {
  const opened = await openCache(target);
  await closeQuietly(opened.handle);
  return opened;
}
