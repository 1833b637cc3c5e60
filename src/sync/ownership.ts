import { sep } from "node:path";
import type { Registry, Repo } from "../core/registry.ts";
import { FaultError } from "../errors.ts";
import { realpathOrSame } from "../store/real-path.ts";
import { stateFilePath } from "../store/state-file.ts";
import { cachePath } from "../store/write-scope.ts";

/**
 * Which registered repo a path belongs to, links resolved. Repos may lie in each other, and a
 * link may lead from one into another: a cache must be its own repo's, or groups would mix and a
 * state file could be overwritten.
 */
export class Ownership {
  readonly #roots: readonly { readonly repo: Repo; readonly root: string }[];

  private constructor(roots: readonly { readonly repo: Repo; readonly root: string }[]) {
    this.#roots = roots;
  }

  static async of(registry: Registry): Promise<Ownership> {
    const roots = registry.repos.map(async (repo) => ({ repo, root: await realpathOrSame(repo.path) }));
    return new Ownership(await Promise.all(roots));
  }

  /**
   * @param file the real path of `target`'s cache.
   * @throws FaultError CACHE_OUTSIDE where it is another repo's, or some repo's state file.
   */
  refuseForeign(target: Repo, file: string): void {
    const where = { path: cachePath(target), repo: target.name };
    for (const { repo, root } of this.#roots) {
      if (file !== stateFilePath({ path: root, stateFile: repo.stateFile })) continue;
      throw new FaultError("CACHE_OUTSIDE", `${where.path} leads to the state file of ${repo.name}`, where);
    }
    let owner: { readonly repo: Repo; readonly root: string } | undefined;
    for (const candidate of this.#roots) {
      const inside = file.startsWith(candidate.root + sep);
      if (inside && candidate.root.length > (owner?.root.length ?? 0)) owner = candidate;
    }
    if (owner === undefined || owner.repo.name === target.name) return;
    throw new FaultError("CACHE_OUTSIDE", `${where.path} leads into ${owner.repo.name}, another repo`, where);
  }
}
