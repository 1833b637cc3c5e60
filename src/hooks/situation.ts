import type { Peer, Report } from "../core/briefing/peer.ts";
import type { Situation } from "../core/briefing/briefing.ts";
import type { Section } from "../core/cache/document.ts";
import { parse } from "../core/cache/parse.ts";
import type { Outlook, PeerOutlook } from "../status/outlook.ts";
import { closeQuietly } from "../store/close.ts";
import { identityAt } from "../store/identity.ts";
import { openCache } from "../store/cache-file.ts";
import type { Knowledge } from "./knowledge.ts";

/** What an agent may be told, and what was read for it. */
export interface Looked {
  readonly situation: Situation;
  /** Of the cache when it was read; null where there is none. */
  readonly cache: string | null;
}

/** Reads what the repo's cache holds of its peers. */
export async function lookAt(outlook: Outlook, knowledge: Knowledge): Promise<Looked> {
  // Before the reading: what is written meanwhile is news for the next time.
  const identity = await identityAt(outlook.cache);
  const sections = new Map((await sectionsOf(outlook, knowledge)).map((section) => [section.repo, section]));
  const peers = outlook.peers.map((peer): Peer => peerOf(peer, sections.get(peer.repo)));
  const { repo, cache, daemonRuns, worktree } = outlook;
  const situation = {
    repo,
    cache,
    now: knowledge.now().getTime(),
    daemonRuns,
    worktree: worktree ?? undefined,
    peers,
  };
  return { situation, cache: identity ?? null };
}

/**
 * A section that is what the daemon calls fresh has passed the guard by the rules in force. Any other
 * has passed those of the day on which it was written: it passes again.
 */
async function sectionsOf(outlook: Outlook, knowledge: Knowledge): Promise<readonly Section[]> {
  const { repo: name, path, peers } = outlook;
  const names = peers.map((peer) => peer.repo);
  const freshDigests = new Map(
    peers.flatMap(({ repo, status, sha256 }) =>
      status === "fresh" && sha256 !== null ? [[repo, sha256] as const] : [],
    ),
  );
  const { bytes, linked, handle } = await openCache({
    name,
    path,
    stateFile: outlook.stateFile.slice(path.length + 1),
  });
  await closeQuietly(handle);
  const { parts } = parse(bytes ?? Buffer.alloc(0), { registered: names });
  const standing = parts.flatMap((part) =>
    part.kind === "section" && names.includes(part.section.repo) ? [part.section] : [],
  );
  const sure = new Set(
    standing.filter(({ repo, sha256 }) => freshDigests.get(repo) === sha256).map(({ repo }) => repo),
  );
  const allowed =
    !linked && sure.size === standing.length ? standing : await knowledge.sections(outlook, sure);
  return await Promise.all(allowed.map((section) => knowledge.labelled(section)));
}

function peerOf({ repo, status, trouble, lagMs }: PeerOutlook, section: Section | undefined): Peer {
  return { repo, status, trouble: trouble ?? undefined, lagMs, report: section && reportOf(section) };
}

function reportOf({ sha256, changedAt, body, branch, commit }: Section): Report {
  return { sha256, changedAt, text: body.toString("utf8"), bytes: body.length, branch, commit };
}
