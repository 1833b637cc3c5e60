import type { Snapshot } from "../snapshot.ts";
import type { ParsedCache, Part, Section } from "./document.ts";
import { mayHoldMarker } from "./markers.ts";
import type { MergeResult } from "./merge.ts";

/**
 * What {@link parse} would make of the file that a merge has written, or found in order, without reading
 * it. Nothing in it holds on to the file that was read.
 *
 * @param snapshotOf what is held in memory anyway of a repo: many caches have a section of it.
 * @param mostBytes of texts that are not held anyway.
 * @returns undefined where they are more, and where only reading tells: a parser that knows other texts, or other repos, may
 *   take damage and text that looks like ours apart in another way.
 */
export function leftBy(
  { document, chunks }: MergeResult,
  snapshotOf: (repo: string) => Snapshot | undefined,
  mostBytes = Number.POSITIVE_INFINITY,
): ParsedCache | undefined {
  // A file in which nothing is ours, and nothing is to be, was not rendered.
  if (chunks.length === 0) return undefined;
  const parts: Part[] = [];
  let bytes = document.preamble.length;
  for (const part of document.parts) {
    if (part.kind === "section") {
      const held = snapshotOf(part.section.repo);
      const section = ofItsOwn(part.section, held);
      if (section.body !== held?.body) bytes += section.body.length;
      parts.push(section === part.section ? part : { kind: "section", section });
    } else if (part.kind === "foreign" && !mayHoldMarker(part.bytes)) {
      bytes += part.bytes.length;
      parts.push({ kind: "foreign", bytes: Buffer.from(part.bytes) });
    } else return undefined;
    if (bytes > mostBytes) return undefined;
  }
  if (mayHoldMarker(document.preamble)) return undefined;
  const { updatedAt, fence } = document;
  return {
    preamble: Buffer.from(document.preamble),
    updatedAt: updatedAt === undefined ? undefined : copyOf(updatedAt),
    parts,
    fence,
    debris: [],
    joined: false,
    marked: true,
    asRendered: true,
  };
}

/** The same section: what of it is held anyway, and the rest apart from what was read. */
function ofItsOwn(section: Section, held: Snapshot | undefined): Section {
  if (section.body === held?.body) return section;
  if (section.sha256 !== held?.sha256) return { ...section, body: Buffer.from(section.body) };
  const shared = { ...section, body: held.body, syncedAt: copyOf(section.syncedAt) };
  for (const label of LABELS)
    if (section[label] === held[label]) Object.assign(shared, { [label]: held[label] });
  return shared;
}

const LABELS = ["repo", "sha256", "changedAt", "origin", "branch", "commit"] as const;

/** A string that was cut out of another one keeps that one, all of the file, in memory. */
function copyOf(text: string): string {
  return Buffer.from(text).toString();
}
