import type { ParsedCache, Section } from "../core/cache/document.ts";
import { parse } from "../core/cache/parse.ts";
import { render } from "../core/cache/render.ts";
import { namesOf, type Registry, type Repo } from "../core/registry.ts";
import { type Fault, FaultError } from "../errors.ts";
import { CacheError, openCache } from "../store/cache-file.ts";
import { closeQuietly } from "../store/close.ts";
import { holdsJust } from "../store/holds.ts";
import type { Left } from "../sync/left.ts";

export interface CacheOptions {
  readonly registry: Registry;
  /** What a turn has left in a repo's cache, for who makes turns: what the disk holds is compared with it. */
  readonly leftIn?: (repo: string) => Left | undefined;
}

/** Without its text, which would keep the whole file in memory. */
export type SectionFacts = Pick<Section, "sha256" | "syncedAt">;

/** What a look at a cache saw. */
export interface CacheFacts {
  readonly sections: ReadonlyMap<string, SectionFacts>;
  readonly damaged: ReadonlySet<string>;
  readonly fault: Fault | undefined;
}

/** @throws what is no fault of the repo's. */
export async function cacheFacts(repo: Repo, options: CacheOptions): Promise<CacheFacts> {
  try {
    const { parts } = await standingIn(repo, options);
    const sections = new Map<string, SectionFacts>();
    const damaged = new Set<string>();
    for (const part of parts) {
      if (part.kind === "section") {
        const { repo: from, sha256: digest, syncedAt } = part.section;
        sections.set(from, { sha256: digest, syncedAt });
      } else if (part.kind === "damaged") damaged.add(part.repo);
    }
    return { sections, damaged, fault: undefined };
  } catch (error) {
    if (!(error instanceof FaultError)) throw error;
    return { sections: new Map(), damaged: new Set(), fault: { ...error.fault, repo: repo.name } };
  }
}

/**
 * A cache as it is on the disk, taken apart. Of one that holds, byte for byte, what a turn has left in it
 * that is known.
 */
async function standingIn(repo: Repo, { registry, leftIn }: CacheOptions): Promise<ParsedCache> {
  const left = leftIn?.(repo.name);
  const opened = await openCache(repo, left?.identity);
  const { handle } = opened;
  try {
    let { bytes } = opened;
    if (left !== undefined && handle !== undefined && bytes === undefined) {
      const { parsed } = left;
      if (await holdsJust(handle, render(parsed, parsed.updatedAt ?? ""))) return parsed;
      bytes = await handle.readFile();
    }
    return parse(bytes ?? Buffer.alloc(0), { registered: namesOf(registry) });
  } catch (cause) {
    throw cause instanceof FaultError ? cause : new CacheError(cause, repo);
  } finally {
    await closeQuietly(handle);
  }
}
