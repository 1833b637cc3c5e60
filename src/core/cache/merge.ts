import { sha256, type Snapshot } from "../snapshot.ts";
import type { CacheDocument, OwnedPart, ParsedCache, Part, Section } from "./document.ts";
import { parse } from "./parse.ts";
import { render } from "./render.ts";

export interface MergeRequest {
  /** The peers that this cache may hold, in the order of the registry. Everyone else is purged. */
  readonly peers: readonly string[];
  /** Every registered repo, see {@link parse}. */
  readonly registered: readonly string[];
  /** What is known of the peers. A peer without a snapshot keeps what it has. */
  readonly snapshots: ReadonlyMap<string, Snapshot>;
  /** What stands in the cache and may not any more. */
  readonly unfit?: Unfit;
  /** The state files of which the guard changed something, as they are: the original utility copies them so. */
  readonly unguarded?: ReadonlyMap<string, Buffer>;
  /** Peers whose `Last Synced` is renewed although nothing changed: the user asked. */
  readonly refresh?: ReadonlySet<string>;
  /** Whether the sections' texts are to stand in code fences. */
  readonly fence?: boolean;
  /** ISO 8601, UTC. */
  readonly now: string;
}

/** What takes the place of texts that may not stand as they do. */
export interface Unfit {
  /** By the digest of the text: of a section its body's, of anything else that of all its bytes. */
  readonly texts: ReadonlyMap<string, CleanText>;
  /** Of the origins and branches in the sections' heads. */
  readonly labels: ReadonlyMap<string, string>;
}

/** A text from which the guard has taken something out. */
export interface CleanText {
  readonly bytes: Buffer;
  /** How many secrets it took out, and how many hidden places it made visible. */
  readonly secrets: number;
  readonly hidden: number;
}

export type EdgeOutcome =
  /** The section was made or replaced. */
  | "written"
  /** Same body, new `Last Synced`. */
  | "refreshed"
  /** Held this snapshot already. */
  | "unchanged"
  /** No snapshot is known; whatever stands there was left alone. */
  | "kept"
  /** The same, but for what may not stand there any more. */
  | "cleaned";

export interface MergeResult {
  /** False where the file needs no byte changed. */
  readonly changed: boolean;
  /** The new file, in pieces, see {@link render}. */
  readonly chunks: readonly Buffer[];
  readonly document: CacheDocument;
  readonly outcomes: ReadonlyMap<string, EdgeOutcome>;
  /** Repos whose sections were taken out because this cache may not hold them. */
  readonly purged: readonly string[];
  /** Why the old file deserves a copy before it is replaced: text in it is not carried over. */
  readonly copyFirst: "adopted" | "damaged" | undefined;
}

/** Each round takes something out, so that they come to an end; hostile text is not worth more of them. */
const MOST_ROUNDS = 8;

/**
 * One turn of a cache, as a pure function: the file as it stands and what is known of the peers
 * in, the file as it should stand out. Merging the result again changes nothing.
 *
 * @param bytes the cache as it was read, undefined where there is none, or where `before` is known
 *   without the reading.
 * @param before the same, taken apart, for who has done so already.
 */
export function merge(
  bytes: Buffer | undefined,
  request: MergeRequest,
  before = parseToMerge(bytes, request),
): MergeResult {
  let { result, tookOut } = mergeOnce(bytes, request, before);
  // Where something was taken out, the text above and below it meet, and may read as a header or an old section.
  for (let round = 1; tookOut && round < MOST_ROUNDS; round += 1) {
    const merged = Buffer.concat(result.chunks);
    const again = mergeOnce(merged, { ...request, refresh: new Set() }, parseToMerge(merged, request));
    if (!again.result.changed) break;
    tookOut = again.tookOut;
    result = {
      ...again.result,
      outcomes: result.outcomes,
      purged: [...new Set([...result.purged, ...again.result.purged])],
      copyFirst: result.copyFirst ?? again.result.copyFirst,
    };
  }
  return result;
}

/** Takes a cache apart to be merged into. */
export function parseToMerge(
  bytes: Buffer | undefined,
  known: Pick<MergeRequest, "registered" | "snapshots" | "unguarded">,
): ParsedCache {
  return parse(bytes ?? Buffer.alloc(0), {
    registered: known.registered,
    known: (repo) => known.snapshots.get(repo)?.body,
    unguarded: (repo) => known.unguarded?.get(repo),
  });
}

function mergeOnce(
  bytes: Buffer | undefined,
  request: MergeRequest,
  before: ParsedCache,
): { readonly result: MergeResult; readonly tookOut: boolean } {
  const slots = new Slots(before, request);
  const outcomes = new Map<string, EdgeOutcome>();
  for (const peer of request.peers) {
    const snapshot = request.snapshots.get(peer);
    const kept = slots.cleaned.has(peer) ? "cleaned" : "kept";
    outcomes.set(peer, snapshot === undefined ? kept : slots.put(snapshot, request));
  }
  const parts = slots.arrange();
  // A file in which nothing is ours, and nothing is to be, is nobody's business.
  const ours =
    before.marked ||
    before.updatedAt !== undefined ||
    slots.purged.length > 0 ||
    parts.some((part) => part.kind === "section");
  const { preamble, updatedAt } = before;
  const document: CacheDocument = { preamble, updatedAt, parts, fence: request.fence === true };
  if (!ours) {
    const result = { changed: false, chunks: [], document, outcomes, purged: [], copyFirst: undefined };
    return { result, tookOut: false };
  }
  const asBefore = before.asRendered === true ? undefined : render(document, before.updatedAt ?? request.now);
  const changed =
    asBefore === undefined
      ? !sameDocument(before, document)
      : bytes === undefined || !sameBytes(asBefore, bytes);
  const result: MergeResult = {
    changed,
    chunks: changed
      ? render(document, request.now)
      : (asBefore ?? render(document, before.updatedAt ?? request.now)),
    document: { ...document, updatedAt: changed ? request.now : before.updatedAt },
    outcomes,
    purged: slots.purged,
    copyFirst: changed ? needsCopy(before, parts) : undefined,
  };
  return { result, tookOut: slots.tookOut || before.joined || before.debris.length > 0 };
}

type Slot = Part | { readonly kind: "free" };

/** The parts of a cache in file order, where each peer's section has one place. */
class Slots {
  /** True where a part has lost its place, so that its neighbours meet. */
  tookOut = false;
  /** The peers of whose standing text something was taken out. */
  readonly cleaned = new Set<string>();
  readonly #purged = new Set<string>();
  readonly #peers: readonly string[];
  readonly #slots: Slot[] = [];
  readonly #sections = new Map<string, OwnedPart>();

  constructor(before: ParsedCache, { peers, unfit }: MergeRequest) {
    this.#peers = peers;
    const allowed = new Set(peers);
    const places = new Map<string, Slot>();
    for (const found of before.parts) {
      if (found.kind === "foreign") {
        this.#slots.push(found);
        continue;
      }
      const part = fit(found, unfit);
      const repo = part.kind === "section" ? part.section.repo : part.repo;
      const rival = this.#sections.get(repo);
      if (rival !== undefined || !allowed.has(repo)) this.tookOut = true;
      if (!allowed.has(repo)) {
        this.#purged.add(repo);
        continue;
      }
      // The original writes on top; the place among the notes is where the delimiters are.
      const misplaced = rival?.kind === "legacy" && part.kind !== "legacy";
      if (misplaced) this.#slots.splice(this.#slots.indexOf(places.get(repo) ?? part), 1);
      if (rival === undefined || misplaced) {
        const place: Slot = { kind: "free" };
        places.set(repo, place);
        this.#slots.push(place);
      }
      if (rival !== undefined && !isBetter(part, rival)) continue;
      this.#sections.set(repo, part);
      if (part === found) this.cleaned.delete(repo);
      else this.cleaned.add(repo);
    }
  }

  /** The repos that were taken out, in file order. */
  get purged(): string[] {
    return [...this.#purged];
  }

  put(snapshot: Snapshot, request: MergeRequest): EdgeOutcome {
    const part = this.#sections.get(snapshot.repo);
    const same = part?.kind === "section" && part.section.sha256 === snapshot.sha256;
    const refresh = request.refresh?.has(snapshot.repo) === true;
    if (same && !refresh) return "unchanged";
    if (part === undefined) this.#makeRoom(snapshot.repo);
    const section: Section = { ...snapshot, syncedAt: request.now };
    this.#sections.set(snapshot.repo, { kind: "section", section });
    return same ? "refreshed" : "written";
  }

  /** The sections in the registry's order, over the places that sections have. */
  arrange(): Part[] {
    const inOrder = this.#peers.flatMap((peer) => this.#sections.get(peer) ?? []);
    const parts = this.#slots.flatMap((slot) => (slot.kind === "free" ? (inOrder.shift() ?? []) : slot));
    return parts;
  }

  /** A place behind the peers that come before this one; behind the header where there are none. */
  #makeRoom(repo: string): void {
    const earlier = this.#peers.slice(0, this.#peers.indexOf(repo));
    let ahead = earlier.filter((peer) => this.#sections.has(peer)).length;
    let at = 0;
    const first = this.#slots.findIndex((slot) => slot.kind === "free");
    if (first !== -1) at = first;
    for (let index = at; ahead > 0 && index < this.#slots.length; index += 1) {
      if (this.#slots[index]?.kind !== "free") continue;
      ahead -= 1;
      at = index + 1;
    }
    this.#slots.splice(at, 0, { kind: "free" });
  }
}

/** A part as it may stand: the same where nothing is wrong with it. */
function fit(part: OwnedPart, unfit: Unfit | undefined): OwnedPart {
  if (unfit === undefined) return part;
  if (part.kind === "section") {
    const section = fitSection(part.section, unfit);
    return section === part.section ? part : { kind: "section", section };
  }
  const clean = unfit.texts.size === 0 ? undefined : unfit.texts.get(sha256(part.bytes));
  return clean === undefined ? part : { ...part, bytes: clean.bytes };
}

function fitSection(section: Section, { texts, labels }: Unfit): Section {
  const clean = texts.get(section.sha256);
  const origin = labels.get(section.origin) ?? section.origin;
  const branch = labels.get(section.branch ?? "") ?? section.branch;
  if (clean === undefined && origin === section.origin && branch === section.branch) return section;
  const labelled = { ...section, origin, ...(branch === undefined ? {} : { branch }) };
  if (clean === undefined) return labelled;
  const secrets = (section.secrets ?? 0) + clean.secrets;
  const hidden = (section.hidden ?? 0) + clean.hidden;
  return {
    ...labelled,
    body: clean.bytes,
    sha256: sha256(clean.bytes),
    ...(secrets === 0 ? {} : { secrets }),
    ...(hidden === 0 ? {} : { hidden }),
  };
}

/** Of two parts for one repo: a certified section before any other, of two sections the newer. */
function isBetter(part: Part, rival: Part): boolean {
  if (part.kind !== "section") return false;
  return rival.kind !== "section" || part.section.syncedAt > rival.section.syncedAt;
}

function needsCopy(before: ParsedCache, after: readonly Part[]): MergeResult["copyFirst"] {
  const kept = new Set(after);
  const lost = before.parts.filter(
    (part) => part.kind !== "foreign" && part.kind !== "section" && !kept.has(part),
  );
  // From this turn on the file is marked as ours, be it that a later one takes the old sections out.
  if (!before.marked && (lost.length > 0 || before.parts.some(({ kind }) => kind === "legacy")))
    return "adopted";
  const uncertain = lost.some((part) => part.kind === "damaged" || (part.kind === "legacy" && !part.certain));
  return uncertain || before.debris.some((d) => d.why === "stale-text") ? "damaged" : undefined;
}

/** Parts that nothing happened to are the same objects. */
function sameDocument(before: CacheDocument, after: CacheDocument): boolean {
  const sameForm = before.fence === after.fence || !after.parts.some(({ kind }) => kind === "section");
  return (
    sameForm &&
    before.parts.length === after.parts.length &&
    before.parts.every((part, index) => part === after.parts[index])
  );
}

function sameBytes(chunks: readonly Buffer[], bytes: Buffer): boolean {
  let at = 0;
  for (const chunk of chunks) {
    const end = at + chunk.length;
    if (end > bytes.length || bytes.compare(chunk, 0, chunk.length, at, end) !== 0) return false;
    at = end;
  }
  return at === bytes.length;
}
