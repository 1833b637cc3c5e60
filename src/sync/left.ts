import type { ParsedCache } from "../core/cache/document.ts";
import { leftBy } from "../core/cache/left.ts";
import type { MergeResult } from "../core/cache/merge.ts";
import type { Registry } from "../core/registry.ts";
import type { FileIdentity } from "../store/identity.ts";
import type { Replaced } from "../store/replace.ts";
import type { Sources } from "./sources.ts";

/** A cache as a replacement of ours left it. While the file is that one, it need not be read. */
export class Left {
  readonly identity: FileIdentity;
  readonly parsed: ParsedCache;
  readonly #registry: Registry;

  private constructor(identity: FileIdentity, parsed: ParsedCache, registry: Registry) {
    this.identity = identity;
    this.parsed = parsed;
    this.#registry = registry;
  }

  /**
   * @param made.registry by which the merge was made.
   * @returns undefined where the next turn has to read the file.
   */
  static after(
    result: MergeResult,
    made: {
      readonly replaced: NonNullable<Replaced>;
      readonly registry: Registry;
      readonly sources: Sources;
    },
  ): Left | undefined {
    const { identity, isTelling } = made.replaced;
    if (identity === undefined || !isTelling) return undefined;
    const parsed = leftBy(result, (repo, digest) => {
      const known = made.sources.get(repo)?.snapshot;
      return known?.sha256 === digest ? known.body : undefined;
    });
    return parsed === undefined ? undefined : new Left(identity, parsed, made.registry);
  }

  /** With other repos the same text may be another's section. */
  isFor(registry: Registry): boolean {
    return this.#registry === registry;
  }
}
