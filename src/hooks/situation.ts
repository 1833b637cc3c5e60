import { Shared } from "../concurrently.ts";
import type { Peer, Report } from "../core/briefing/peer.ts";
import type { OwnState, Situation } from "../core/briefing/briefing.ts";
import type { Section } from "../core/cache/document.ts";
import { parse } from "../core/cache/parse.ts";
import { FaultError } from "../errors.ts";
import type { Outlook, PeerOutlook } from "../status/outlook.ts";
import { closeQuietly } from "../store/close.ts";
import { type FileIdentity, identityAt } from "../store/identity.ts";
import { Ownership } from "../store/ownership.ts";
import { labelled, passing } from "../sync/pulled.ts";
import { openCache } from "../store/cache-file.ts";
import type { Knowledge } from "./knowledge.ts";

/** What an agent may be told, and what was read for it. */
export interface Looked {
  readonly situation: Situation;
  /** Of the cache when it was read; null where there is none. */
  readonly cache: string | null;
}

/** A disk that does not say by then what the cache holds is not waited for, nor asked again while it is silent. */
const PATIENCE_MS = 2_000;
const reads = new Shared<Read>();

/** The cache as it was found. */
interface Read {
  readonly identity: FileIdentity | undefined;
  readonly bytes: Buffer | undefined;
  /** Where a link inside the repo leads to, if it is one. */
  readonly linkedTo: string | undefined;
}

/** Reads what the repo's cache holds of its peers. Of one that cannot be read the outlook tells why. */
export async function lookAt(outlook: Outlook, knowledge: Knowledge): Promise<Looked> {
  const { read, found } = await readThrough(outlook, knowledge);
  const sections = new Map(found.map((section) => [section.repo, section]));
  const peers = outlook.peers.map((peer): Peer => peerOf(peer, sections.get(peer.repo)));
  const { repo, cache, daemon, worktree } = outlook;
  const now = knowledge.now().getTime();
  const situation: Situation = {
    repo,
    cache,
    now,
    daemon,
    worktree: worktree ?? undefined,
    peers,
    // What does not answer, or is not as it should be, is there.
    isHere: read === undefined || read.identity !== undefined,
    own: worktree === null ? ownStateIn(outlook) : undefined,
  };
  return { situation, cache: read?.identity ?? null };
}

function ownStateIn({ path, stateFile, changedAt, readers, isPaused }: Outlook): OwnState {
  const name = stateFile.slice(path.length + 1);
  return { stateFile: name, changedAt: changedAt ?? undefined, readers, isPaused };
}

async function readThrough(
  outlook: Outlook,
  knowledge: Knowledge,
): Promise<{ readonly read: Read | undefined; readonly found: readonly Section[] }> {
  try {
    const read = await reads.ask(outlook.path, PATIENCE_MS, () => readCache(outlook));
    return { read, found: read === undefined ? [] : await sectionsIn(read, outlook, knowledge) };
  } catch (error) {
    if (!(error instanceof FaultError)) throw error;
    return { read: undefined, found: [] };
  }
}

async function readCache({ repo: name, path, cache, stateFile }: Outlook): Promise<Read> {
  // Before the reading: what is written meanwhile is news for the next time.
  const identity = await identityAt(cache);
  const opened = await openCache({ name, path, stateFile: stateFile.slice(path.length + 1) });
  await closeQuietly(opened.handle);
  return { identity, bytes: opened.bytes, linkedTo: opened.linked ? opened.file : undefined };
}

/**
 * A section that is what the daemon calls fresh has passed the guard by the rules in force. Any other
 * has passed those of the day on which it was written: it passes again.
 */
async function sectionsIn(
  { bytes, linkedTo }: Read,
  outlook: Outlook,
  { inForce }: Knowledge,
): Promise<readonly Section[]> {
  if (bytes === undefined) return [];
  const { repo: name, path } = outlook;
  // Without a link the cache is where it belongs.
  if (linkedTo !== undefined) (await Ownership.of(inForce.registry)).refuseForeign({ name, path }, linkedTo);
  const names = outlook.peers.map((peer) => peer.repo);
  const freshDigests = new Map(
    outlook.peers.flatMap(({ repo, status, sha256 }) =>
      status === "fresh" && sha256 !== null ? [[repo, sha256] as const] : [],
    ),
  );
  const { parts } = parse(bytes, { registered: names });
  const standing = parts.flatMap((part) =>
    part.kind === "section" && names.includes(part.section.repo) ? [part.section] : [],
  );
  const unsure = new Set(
    standing.filter(({ repo, sha256 }) => freshDigests.get(repo) !== sha256).map(({ repo }) => repo),
  );
  const { sections } = await passing(standing, unsure, () => Promise.resolve(inForce));
  return await Promise.all(sections.map((section) => labelled(section, inForce.guard)));
}

function peerOf({ repo, status, trouble, lagMs }: PeerOutlook, section: Section | undefined): Peer {
  return { repo, status, trouble: trouble ?? undefined, lagMs, report: section && reportOf(section) };
}

/** An agent waits: of a state of megabytes what it begins with has to do. In bytes. */
const MOST_LOOKED_AT = 128 * 1024;
const LF = 0x0a;

function reportOf({ sha256, changedAt, body, branch, commit }: Section): Report {
  const end = body.length <= MOST_LOOKED_AT ? body.length : body.lastIndexOf(LF, MOST_LOOKED_AT) + 1;
  return {
    sha256,
    changedAt,
    text: body.toString("utf8", 0, end),
    isBeginning: end < body.length,
    bytes: body.length,
    branch,
    commit,
  };
}
