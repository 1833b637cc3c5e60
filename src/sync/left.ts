import type { ParsedCache } from "../core/cache/document.ts";
import { leftBy } from "../core/cache/left.ts";
import type { MergeResult } from "../core/cache/merge.ts";
import type { Registry } from "../core/registry.ts";
import { type FileIdentity, isTelling } from "../store/identity.ts";
import type { Sources } from "./sources.ts";

/** What only compares is not worth more memory than this beside what is held anyway, a cache. */
const MOST_BYTES_OF_FOUND = 64 * 1024;

/** A cache as a turn of ours left it, written or found in order. One that we wrote need not be read while it is that file. */
export class Left {
  readonly identity: FileIdentity;
  readonly parsed: ParsedCache;
  /** What others wrote last may be changed further without another identity: by a mapping, or with its time put back. */
  readonly isFound: boolean;
  readonly #registry: Registry;

  private constructor(identity: FileIdentity, parsed: ParsedCache, isFound: boolean, registry: Registry) {
    this.identity = identity;
    this.parsed = parsed;
    this.isFound = isFound;
    this.#registry = registry;
  }

  /**
   * @param made.registry by which the merge was made.
   * @param made.isFound the turn has written nothing: the file is as others may have written it.
   * @returns undefined where nothing is to be known of the file without reading it.
   */
  static after(
    result: MergeResult,
    made: {
      readonly identity: FileIdentity | undefined;
      readonly isFound: boolean;
      readonly registry: Registry;
      readonly sources: Sources;
    },
  ): Left | undefined {
    const { identity, isFound, registry } = made;
    if (identity === undefined || !isTelling(identity)) return undefined;
    const mostBytes = isFound ? MOST_BYTES_OF_FOUND : Number.POSITIVE_INFINITY;
    const parsed = leftBy(result, (repo) => made.sources.get(repo)?.snapshot, mostBytes);
    return parsed === undefined ? undefined : new Left(identity, parsed, isFound, registry);
  }

  /** With other repos the same text may be another's section. */
  isFor(registry: Registry): boolean {
    return this.#registry === registry;
  }
}
