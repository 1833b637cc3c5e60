import { sha256 } from "../snapshot.ts";
import { asTheOriginalReads } from "./legacy.ts";
import type { Marker } from "./markers.ts";

/** What is known of the repos' texts when a cache is taken apart. */
export interface KnownTexts {
  /**
   * The text that a repo's state file is known to hold. Where the original utility copied just
   * that, its section's end is known exactly, and the text around it is safe.
   */
  readonly known?: (repo: string) => Buffer | undefined;
  /** The same as it was before the guard changed something in it, where it did. */
  readonly unguarded?: (repo: string) => Buffer | undefined;
}

/** The known texts, each digested and turned once however often it is asked for. */
export class KnownBodies {
  readonly #known: (repo: string) => Buffer | undefined;
  readonly #unguarded: (repo: string) => Buffer | undefined;
  readonly #copied = new Map<string, readonly Buffer[]>();
  readonly #digests = new Map<string, string>();

  constructor({ known, unguarded }: KnownTexts) {
    this.#known = (repo) => known?.(repo);
    this.#unguarded = (repo) => unguarded?.(repo);
  }

  of(repo: string): Buffer | undefined {
    return this.#known(repo);
  }

  /** The body that a marker certifies, where it is known. */
  certified({ repo, sha256: digest }: Marker): Buffer | undefined {
    const body = this.#known(repo);
    if (body === undefined) return undefined;
    const known = this.#digests.get(repo) ?? sha256(body);
    this.#digests.set(repo, known);
    return known === digest ? body : undefined;
  }

  /** The texts that the original utility may have copied of a repo. */
  copied(repo: string): readonly Buffer[] {
    let bodies = this.#copied.get(repo);
    if (bodies === undefined) {
      const copied = [this.#unguarded(repo), this.#known(repo)].filter((text) => text !== undefined);
      bodies = copied.flatMap((text) => [asTheOriginalReads(text), text]);
      this.#copied.set(repo, bodies);
    }
    return bodies;
  }
}
