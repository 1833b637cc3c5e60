import type { ParsedCache, Part } from "./document.ts";
import { mayHoldMarker } from "./markers.ts";
import type { MergeResult } from "./merge.ts";

/**
 * What {@link parse} would make of the file that a merge has written, without reading it. Nothing in
 * it holds on to the file that was there before.
 *
 * @param bodyOf a text by its repo and digest, where it is held in memory anyway.
 * @returns undefined where only reading tells: a parser that knows other texts, or other repos, may
 *   take damage and text that looks like ours apart in another way.
 */
export function leftBy(
  { document }: MergeResult,
  bodyOf: (repo: string, sha256: string) => Buffer | undefined,
): ParsedCache | undefined {
  const parts: Part[] = [];
  for (const part of document.parts) {
    if (part.kind === "section") {
      const { section } = part;
      const held = bodyOf(section.repo, section.sha256);
      const body = held ?? Buffer.from(section.body);
      parts.push(body === section.body ? part : { kind: "section", section: { ...section, body } });
    } else if (part.kind === "foreign" && !mayHoldMarker(part.bytes)) {
      parts.push({ kind: "foreign", bytes: Buffer.from(part.bytes) });
    } else return undefined;
  }
  if (mayHoldMarker(document.preamble)) return undefined;
  const { updatedAt, fence } = document;
  return {
    preamble: Buffer.from(document.preamble),
    updatedAt,
    parts,
    fence,
    debris: [],
    joined: false,
    marked: true,
    asRendered: true,
  };
}
