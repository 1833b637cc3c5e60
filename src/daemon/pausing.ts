import { findRepo, type Registry } from "../core/registry.ts";
import { repoNamed } from "../sync/select.ts";
import { ALL, type Pauses } from "./pauses.ts";

/** Pausing and resuming, as the daemon does it, and a command where none runs. */

export interface Paused {
  readonly repo: string;
  /** ISO 8601; null where only `resume` ends it. */
  readonly until: string | null;
}

export interface Resumed {
  readonly repo: string;
  /** False where it was not paused. */
  readonly resumed: boolean;
  /** True where it still is: all repos are. */
  readonly paused: boolean;
}

/** The name by which a pause is kept. @throws FaultError REPO_UNKNOWN. */
export function pauseTarget(repo: string | undefined, registry: Registry): string {
  if (repo === undefined) return ALL;
  return (findRepo(registry, repo) ?? repoNamed(registry, repo)).name;
}

export async function pauseRepo(pauses: Pauses, repo: string, forMs: number | undefined): Promise<Paused> {
  const now = Date.now();
  const until = forMs === undefined ? undefined : now + forMs;
  await pauses.pause(repo, until, now);
  return { repo, until: until === undefined ? null : new Date(until).toISOString() };
}

export async function resumeRepo(pauses: Pauses, repo: string): Promise<Resumed> {
  const now = Date.now();
  const resumed = await pauses.resume(repo, now);
  return { repo, resumed, paused: pauses.isPaused(repo, now) };
}
