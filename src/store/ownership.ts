import { join, sep } from "node:path";
import type { Registry, Repo } from "../core/registry.ts";
import { FaultError } from "../errors.ts";
import { realpathOrSame } from "./real-path.ts";
import { cachePath } from "./write-scope.ts";

interface Root {
  readonly repo: Repo;
  readonly root: string;
}

const LATELY_MS = 60_000;
const asked = new WeakMap<Registry, { readonly at: number; readonly ownership: Promise<Ownership> }>();

/**
 * Which registered repo a path belongs to, links resolved. Repos may lie in each other, and a
 * link may lead from one into another: a state file and a cache must be their own repo's, or
 * groups would mix, a passive repo be read and a state file be overwritten.
 */
export class Ownership {
  readonly #roots: readonly Root[];

  private constructor(roots: readonly Root[]) {
    this.#roots = roots;
  }

  /** Asks every repo's disk where its links lead now. */
  static async of(registry: Registry): Promise<Ownership> {
    const roots = registry.repos.map(async (repo) => ({ repo, root: await realpathOrSame(repo.path) }));
    return new Ownership(await Promise.all(roots));
  }

  /** The same as it was within the last minute: of links on the way to a repo, which its user makes. */
  static async lately(registry: Registry): Promise<Ownership> {
    const last = asked.get(registry);
    if (last !== undefined && performance.now() - last.at < LATELY_MS) return await last.ownership;
    const ownership = Ownership.of(registry);
    asked.set(registry, { at: performance.now(), ownership });
    return await ownership;
  }

  /**
   * The innermost repo around a file, where it is another one than `repo`.
   *
   * @param file a real path.
   */
  otherOwner(repo: Pick<Repo, "name">, file: string): Repo | undefined {
    let owner: Root | undefined;
    for (const candidate of this.#roots) {
      const inside = file.startsWith(candidate.root + sep);
      if (inside && candidate.root.length > (owner?.root.length ?? 0)) owner = candidate;
    }
    return owner?.repo.name === repo.name ? undefined : owner?.repo;
  }

  /**
   * @param file the real path of `target`'s cache.
   * @throws FaultError CACHE_OUTSIDE where it is another repo's, or some repo's state file.
   */
  refuseForeign(target: Pick<Repo, "name" | "path">, file: string): void {
    const where = { path: cachePath(target), repo: target.name };
    for (const { repo, root } of this.#roots) {
      if (file !== join(root, repo.stateFile)) continue;
      throw new FaultError("CACHE_OUTSIDE", `${where.path} leads to the state file of ${repo.name}`, where);
    }
    const owner = this.otherOwner(target, file);
    if (owner === undefined) return;
    throw new FaultError("CACHE_OUTSIDE", `${where.path} leads into ${owner.name}, another repo`, where);
  }
}
