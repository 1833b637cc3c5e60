import { sep } from "node:path";
import type { Registry, Repo } from "../core/registry.ts";
import { realpathOrSame } from "../store/real-path.ts";

/** The registered repo that a directory is, or lies in. */
export interface Place {
  readonly repo: Repo;
  /** The top of the worktree around it, where that is one of the repo's and not registered itself. */
  readonly worktree?: string;
}

/** Of nested repos the innermost. */
export async function locateRepo(registry: Registry, directory: string): Promise<Place | undefined> {
  const inside = await realpathOrSame(directory);
  let found: { readonly repo: Repo; readonly path: string } | undefined;
  for (const repo of registry.repos) {
    const path = await realpathOrSame(repo.path);
    const around = inside === path || inside.startsWith(path.endsWith(sep) ? path : path + sep);
    if (around && (found === undefined || path.length > found.path.length)) found = { repo, path };
  }
  return found === undefined ? undefined : { repo: found.repo };
}
