import type { Paths } from "../paths.ts";
import { removeCopyTemporaries } from "./copies.ts";
import { removeTemporaries } from "./temporary.ts";

/**
 * Removes what killed processes left in the state directory. Only for the holder of the writer's
 * lock, and before it writes anything there. What lies beside a cache is for the cache's lane.
 *
 * @returns the paths removed.
 */
export async function sweepStateDirectory(
  paths: Pick<Paths, "pauseFile" | "startsFile" | "copiesDirectory">,
): Promise<string[]> {
  return [
    ...(await removeTemporaries(paths.pauseFile)),
    ...(await removeTemporaries(paths.startsFile)),
    ...(await removeCopyTemporaries(paths.copiesDirectory)),
  ];
}
