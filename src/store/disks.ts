import { concurrently, Shared } from "../concurrently.ts";
import { FaultError } from "../errors.ts";
import { statIfThere } from "./identity.ts";

/** A disk that does not answer by then is not asked for anything more. */
const PATIENCE_MS = 2_000;
const SIDE_BY_SIDE = 16;
/** One that takes longer goes without a place: many dead ones hold up no other for long. */
const PLACE_MS = 50;
const MOST_NAMED = 20;

/** Of the whole process, as the threads are that a dead disk holds. */
const asked = new Shared<void>();

interface Place {
  readonly path: string;
}

/**
 * Asks each repo's disk for a sign of life, once. For who does not stay: with the dead ones known,
 * each holds one thread and costs one wait, whatever is to be done with the others.
 *
 * @throws FaultError DISK_SILENT where they leave no thread.
 */
export async function probeDisks(repos: readonly Place[]): Promise<void> {
  const probe = async ({ path }: Place): Promise<void> => {
    await asked.ask(path, PATIENCE_MS, async () => {
      await statIfThere(path);
    });
  };
  await concurrently(repos, SIDE_BY_SIDE, probe, PLACE_MS);
  // Each that is silent holds one, and with none left nothing more can be read anywhere.
  const threads = Number(process.env["UV_THREADPOOL_SIZE"] ?? 4);
  if (silentPaths().length >= threads) throw silentDisks("nothing could be read", PATIENCE_MS);
}

/** The repos whose disks answer. @throws FaultError as {@link probeDisks}. */
export async function answering<T extends Place>(repos: readonly T[]): Promise<readonly T[]> {
  await probeDisks(repos);
  return repos.filter((repo) => !isSilent(repo));
}

/** What has not answered when the probe is over. */
function silentPaths(): string[] {
  return asked.overdue(0);
}

/** Whether a repo's disk was probed and has not answered yet. */
export function isSilent({ path }: Place): boolean {
  return asked.isOverdue(path, 0);
}

/** The fault of what was not done in time: names the disks that do not answer. */
export function silentDisks(what: string, afterMs: number): FaultError {
  const paths = silentPaths();
  const named = paths.slice(0, MOST_NAMED).join(", ");
  const more = paths.length > MOST_NAMED ? ` and ${paths.length - MOST_NAMED} more` : "";
  const who = paths.length === 0 ? "some disk does not answer" : `no answer from ${named}${more}`;
  return new FaultError("DISK_SILENT", `${what} within ${Math.round(afterMs / 1_000)} s: ${who}`);
}
