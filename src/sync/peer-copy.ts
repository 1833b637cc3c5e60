import { concurrently, Shared } from "../concurrently.ts";
import type { Section } from "../core/cache/document.ts";
import { parse } from "../core/cache/parse.ts";
import { type Registry, type Repo, targetsOf } from "../core/registry.ts";
import type { Snapshot } from "../core/snapshot.ts";
import { FaultError } from "../errors.ts";
import { openCache } from "../store/cache-file.ts";
import { isSilent } from "../store/disks.ts";
import { closeQuietly } from "../store/close.ts";

/** A holder's disk that does not say by then what its cache holds is passed over too. */
const PATIENCE_MS = 2_000;
const SIDE_BY_SIDE = 8;
/** One that takes longer goes without a place. */
const PLACE_MS = 250;
/** Of the whole process: many peers may be out of reach, and one dead holder is asked once for all of them. */
const reads = new Shared<Buffer | undefined>();

/**
 * The newest certified copy of a peer's state that any cache holds which may hold it. For a peer
 * whose own directory is out of reach. A cache that cannot be read is passed over.
 */
export async function newestCopy(peer: Repo, registry: Registry): Promise<Snapshot | undefined> {
  let newest: Section | undefined;
  await concurrently(
    targetsOf(registry, peer),
    SIDE_BY_SIDE,
    async (holder) => {
      const section = await sectionIn(holder, peer.name, registry);
      if (section === undefined) return;
      if (newest === undefined || isNewer(section, newest)) newest = section;
    },
    PLACE_MS,
  );
  if (newest === undefined) return undefined;
  const { syncedAt: _, ...snapshot } = newest;
  return snapshot;
}

async function sectionIn(holder: Repo, peer: string, registry: Registry): Promise<Section | undefined> {
  try {
    if (isSilent(holder)) return undefined;
    const bytes = await reads.ask(holder.path, PATIENCE_MS, () => bytesOf(holder));
    if (bytes === undefined) return undefined;
    const { parts } = parse(bytes, { registered: registry.repos.map((repo) => repo.name) });
    for (const part of parts) if (part.kind === "section" && part.section.repo === peer) return part.section;
    return undefined;
  } catch (error) {
    if (!(error instanceof FaultError)) throw error;
    return undefined;
  }
}

async function bytesOf(holder: Repo): Promise<Buffer | undefined> {
  const opened = await openCache(holder);
  await closeQuietly(opened.handle);
  return opened.bytes;
}

function isNewer(a: Section, b: Section): boolean {
  return a.changedAt === b.changedAt ? a.syncedAt > b.syncedAt : a.changedAt > b.changedAt;
}
