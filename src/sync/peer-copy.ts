import type { Section } from "../core/cache/document.ts";
import { parse } from "../core/cache/parse.ts";
import { type Registry, type Repo, targetsOf } from "../core/registry.ts";
import type { Snapshot } from "../core/snapshot.ts";
import { FaultError } from "../errors.ts";
import { openCache } from "../store/cache-file.ts";
import { closeQuietly } from "../store/close.ts";

/**
 * The newest certified copy of a peer's state that any cache holds which may hold it. For a peer
 * whose own directory is out of reach. A cache that cannot be read is passed over.
 */
export async function newestCopy(peer: Repo, registry: Registry): Promise<Snapshot | undefined> {
  let newest: Section | undefined;
  for (const holder of targetsOf(registry, peer)) {
    const section = await sectionIn(holder, peer.name, registry);
    if (section === undefined) continue;
    if (newest === undefined || isNewer(section, newest)) newest = section;
  }
  if (newest === undefined) return undefined;
  const { syncedAt: _, ...snapshot } = newest;
  return snapshot;
}

async function sectionIn(holder: Repo, peer: string, registry: Registry): Promise<Section | undefined> {
  try {
    const opened = await openCache(holder);
    await closeQuietly(opened.handle);
    if (opened.bytes === undefined) return undefined;
    const { parts } = parse(opened.bytes, { registered: registry.repos.map((repo) => repo.name) });
    for (const part of parts) if (part.kind === "section" && part.section.repo === peer) return part.section;
    return undefined;
  } catch (error) {
    if (!(error instanceof FaultError)) throw error;
    return undefined;
  }
}

function isNewer(a: Section, b: Section): boolean {
  return a.changedAt === b.changedAt ? a.syncedAt > b.syncedAt : a.changedAt > b.changedAt;
}
