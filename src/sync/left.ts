import type { ParsedCache } from "../core/cache/document.ts";
import { leftBy } from "../core/cache/left.ts";
import type { MergeResult } from "../core/cache/merge.ts";
import type { Registry } from "../core/registry.ts";
import { type FileIdentity, isTelling } from "../store/identity.ts";
import type { Sources } from "./sources.ts";

/** A cache as a turn of ours left it, written or found in order. While the file is that one, it need not be read. */
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
      readonly identity: FileIdentity | undefined;
      readonly registry: Registry;
      readonly sources: Sources;
    },
  ): Left | undefined {
    const { identity } = made;
    if (identity === undefined || !isTelling(identity)) return undefined;
    const parsed = leftBy(result, (repo) => made.sources.get(repo)?.snapshot);
    return parsed === undefined ? undefined : new Left(identity, parsed, made.registry);
  }

  /** With other repos the same text may be another's section. */
  isFor(registry: Registry): boolean {
    return this.#registry === registry;
  }
}
