import { access, constants, lstat, readdir, realpath } from "node:fs/promises";
import { dirname, join, sep } from "node:path";
import { CACHE_DIRECTORY, cachesOf, type Registry, type Repo } from "../core/registry.ts";
import { systemCode } from "../errors.ts";
import type { Paths } from "../paths.ts";
import { realpathOrSame } from "../store/real-path.ts";
import { cachePath } from "../store/write-scope.ts";
import type { Change } from "./change.ts";
import type { Confinement } from "./manager.ts";

/** What a daemon with this registry needs of the disk. Links are followed: a unit names where they lead. */
export async function confinementOf(registry: Registry, paths: Paths): Promise<Confinement> {
  const caches = await Promise.all(cachesOf(registry).map(cacheDirectories));
  const reads = await Promise.all(registry.repos.map(({ path }) => realpathOrSame(path)));
  const configs = new Set([paths.config, await realpathOrSame(paths.config)]);
  return {
    writes: [...new Set([await realpathOrSame(paths.stateDirectory), ...caches.flat()])],
    reads,
    configs: [...configs],
  };
}

/**
 * The directories that have to be there before the service starts: what a confined daemon may
 * write is settled then, and it cannot make them itself. A repo that is away has none made, nor has
 * one where that cannot be done: the daemon tells of it, and the others have theirs.
 */
export async function missingDirectories(registry: Registry, paths: Paths): Promise<Change[]> {
  const own: Change = { kind: "makeDirectory", path: paths.stateDirectory, mode: 0o700 };
  const changes = (await isThere(paths.stateDirectory)) ? [] : [own];
  for (const { path } of cachesOf(registry)) {
    const directory = join(path, CACHE_DIRECTORY);
    if (!(await isThere(path)) || !(await mayMake(directory))) continue;
    changes.push({ kind: "makeDirectory", path: directory, mode: 0o755 });
  }
  return changes;
}

/** Where the cache's directory is, and where the cache is if it is a link of its own. */
async function cacheDirectories(repo: Repo): Promise<string[]> {
  const root = await realpathOrSame(repo.path);
  const directory = await realpathOrSame(join(root, CACHE_DIRECTORY));
  const cache = dirname(await realpathOrSame(cachePath(repo)));
  // A link that leads out of its repo opens nothing: the daemon would not follow it either.
  return [directory, cache].filter((path) => path.startsWith(root + sep));
}

/** False also where a link leads nowhere. */
async function mayMake(directory: string): Promise<boolean> {
  try {
    if ((await lstat(directory).catch(() => undefined)) !== undefined) return false;
    await access(dirname(directory), constants.W_OK | constants.X_OK);
    return true;
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return false;
  }
}

/** False for a directory without anything in it as well: that is a mount point whose disk is away, or soon has something. */
async function isThere(directory: string): Promise<boolean> {
  try {
    await realpath(directory);
    return (await readdir(directory)).length > 0 || directory.endsWith(CACHE_DIRECTORY);
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return false;
  }
}
