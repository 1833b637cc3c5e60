import { whileItGetsOn } from "../concurrently.ts";
import type { Repo } from "../core/registry.ts";
import { type Fault, fault, type FaultCode } from "../errors.ts";
import type { TurnResult } from "./lane.ts";

const REMEDY = "Look at the disk, or at the server it is mounted from. It is tried again by itself.";

/** The fault of a repo whose disk did not answer in time. */
export function unansweredFault(code: FaultCode, repo: Repo, patienceMs?: number): Fault {
  const said = patienceMs === undefined ? "does not answer" : `did not answer within ${patienceMs / 1_000} s`;
  const where = { repo: repo.name, path: repo.path, remedy: REMEDY };
  return fault(code, `${repo.path} ${said}`, where);
}

export function unansweredTurn(repo: Repo): TurnResult {
  return { outcomes: new Map(), fault: unansweredFault("CACHE_IO", repo) };
}

/**
 * How the turns of some repos' caches ended. Those that hang are given up when none has come to its
 * end for so long: then their number does not matter, and many that follow each other are no hang.
 */
export async function endedTurns(
  turns: ReadonlyMap<Repo, Promise<TurnResult>>,
  patienceMs: number,
): Promise<ReadonlyMap<string, TurnResult>> {
  const results = new Map<string, TurnResult>();
  const ends = [...turns].map(async ([{ name }, turn]) => {
    results.set(name, await turn);
  });
  await whileItGetsOn(Promise.all(ends), patienceMs, () => results.size);
  const ended = new Map(results);
  for (const repo of turns.keys()) if (!ended.has(repo.name)) ended.set(repo.name, unansweredTurn(repo));
  return ended;
}
