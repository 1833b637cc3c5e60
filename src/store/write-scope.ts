import { join, normalize, sep } from "node:path";
import { CACHE_DIRECTORY, CACHE_FILE, cachesOf, type Registry, type Repo } from "../core/registry.ts";
import type { Paths } from "../paths.ts";

/** A path that {@link writable} has let through. Nothing else can be given to what writes. */
export type WritablePath = string & { readonly writable: true };

export interface WriteScope {
  readonly registry: Registry;
  readonly paths: Pick<Paths, "stateDirectory" | "runDirectory">;
}

/** Where a repo's cache is, by the paths of the config. */
export function cachePath(repo: Pick<Repo, "path">): string {
  return join(repo.path, CACHE_DIRECTORY, CACHE_FILE);
}

const cachePaths = new WeakMap<Registry, ReadonlySet<string>>();

function cachePathsOf(registry: Registry): ReadonlySet<string> {
  const known = cachePaths.get(registry) ?? new Set(cachesOf(registry).map(cachePath));
  cachePaths.set(registry, known);
  return known;
}

/**
 * The allow-list of everything that state-syncd writes by itself: the caches of registered,
 * subscribing repos, and its own state and run directories. (`init` and `repos` write the config
 * file, which the user names.)
 *
 * @param real where `path` leads, if it is a link that was found to stay inside its repo.
 * @throws Error on any other path. That is a defect of the program, never the user's mistake.
 */
export function writable(path: string, scope: WriteScope, real = path): WritablePath {
  const own = [scope.paths.stateDirectory, scope.paths.runDirectory];
  // A path that takes detours (`..`) does not lead where its beginning says.
  const direct = normalize(path) === path && !path.endsWith(sep);
  const allowed =
    (direct && own.some((directory) => path.startsWith(directory + sep))) ||
    cachePathsOf(scope.registry).has(path);
  if (!allowed) throw new Error(`refusing to write ${path}: it is neither a registered cache nor our own`);
  return real as WritablePath;
}

/** A git repository's own list of what it does not see, for `init` and `repos add`, where the user wants that. */
export function writableExclude(path: string): WritablePath {
  return path as WritablePath;
}

/** The config file, for the commands whose work it is to edit it: `init` and `repos`. */
export function writableConfig(path: string): WritablePath {
  return path as WritablePath;
}

/** An agent's settings file, for the commands whose work it is to put hooks into it, and to take them out: `hook` and `migrate`. */
export function writableSettings(path: string): WritablePath {
  return path as WritablePath;
}

/** A file of the service, for the commands whose work it is to install it: `service` and `doctor --fix`. */
export function writableService(path: string): WritablePath {
  return path as WritablePath;
}
