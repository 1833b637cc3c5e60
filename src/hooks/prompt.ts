import { identityAt } from "../store/identity.ts";
import { lockHolder } from "../store/lock-holder.ts";
import type { HookEvent } from "./event.ts";
import type { HookWorld } from "./consult.ts";
import type { Answer, Budgets } from "./question.ts";
import { placeOf, readTold, sessionFiles, type ToldRecord } from "./session.ts";

const NOTHING: Answer = { text: null };

/**
 * What an agent is told with a prompt: what changed since it was told last, and nothing where
 * nothing did.
 */
export async function prompt(event: HookEvent, budgets: Budgets, world: HookWorld): Promise<Answer> {
  // Without a session nobody knows what was told.
  if (event.sessionId === undefined) return NOTHING;
  const files = sessionFiles(world.paths, event.sessionId);
  const place = await placeOf(files, event.cwd);
  if (place?.repo === null) return NOTHING;
  const before = place === undefined ? undefined : readTold(files, place.repo.name);
  if (before !== undefined && place !== undefined && (await isAsTold(before, place.repo.cache, world)))
    return NOTHING;
  const { consult } = await import("./consult.ts");
  return await consult({ kind: "news", directory: event.cwd, sessionId: event.sessionId, budgets }, world);
}

/**
 * Neither has the cache been written since, nor has the daemon ended, or come back. One that was
 * silent is not asked again before there is something else to ask: it would cost each prompt seconds.
 */
async function isAsTold(told: ToldRecord, cache: string, { paths }: HookWorld): Promise<boolean> {
  const [identity, holder] = await Promise.all([identityAt(cache), lockHolder(paths)]);
  const isThere = holder?.role === "daemon";
  return (identity ?? null) === told.cache && isThere === (told.daemon !== "off");
}
