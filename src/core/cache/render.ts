import type { CacheDocument, OwnedPart, Section } from "./document.ts";
import { NAME } from "../name.ts";
import { codeSpan, fenceFor, fenceLines, insideFence } from "./fence.ts";
import { beginMarker, endMarker, INDEX_BEGIN, INDEX_END, lineEnd } from "./markers.ts";

const LF = 0x0a;

export const TITLE = "# Global State Cache";
export const PURPOSE = "**Purpose**: Cached state from other repos for cross-repo context awareness.";
const RULE = "\n---\n";
/** What no body hashes to. */
const NO_DIGEST = "0".repeat(64);

/** The heading that the original utility's readers look for. */
export function sectionHeading(repo: string): string {
  return `## ${repo.toUpperCase()} State`;
}

/**
 * The document as bytes, in pieces: the large ones are the sections' bodies themselves, shared
 * and not copied, so that one body can be written into many caches.
 *
 * @param updatedAt ISO 8601 time for the header.
 */
export function render(document: CacheDocument, updatedAt: string): Buffer[] {
  const pieces: Piece[] = [document.preamble, header(updatedAt, document)];
  for (const part of document.parts) {
    if (part.kind === "foreign") pieces.push(part.bytes);
    else pieces.push("\n", ...(document.fence ? delimitedInFence(part) : delimited(part)), RULE);
  }
  return encoded(pieces);
}

/** Text of ours, or bytes that are written as they are. */
type Piece = string | Buffer;

/** What stands between two bodies makes one chunk: each costs the kernel and us as much as a large one. */
function encoded(pieces: readonly Piece[]): Buffer[] {
  const chunks: Buffer[] = [];
  let text = "";
  const close = (): void => {
    if (text !== "") chunks.push(Buffer.from(text));
    text = "";
  };
  for (const piece of pieces) {
    if (typeof piece === "string") text += piece;
    else if (piece.length > 0) {
      close();
      chunks.push(piece);
    }
  }
  close();
  return chunks;
}

/**
 * From begin marker to end marker. What was found without markers gets some as well, certifying nothing:
 * it has an end from then on, and no text that comes to stand behind it can be taken for a part of it.
 */
function delimited(part: OwnedPart): Piece[] {
  switch (part.kind) {
    case "section": {
      const { section } = part;
      const end = `${endMarker(section.repo, section.sha256)}\n`;
      return [sectionHead(section), ...asLines(section.body), end];
    }
    case "damaged": {
      const end = part.closed ? [] : [`${endMarker(part.repo, part.sha256)}\n`];
      return [...asLines(part.bytes), ...end];
    }
    case "legacy": {
      const begin = `${beginMarker(part.repo, NO_DIGEST)}\n`;
      return [begin, ...asLines(part.bytes), `${endMarker(part.repo, NO_DIGEST)}\n`];
    }
  }
}

/**
 * The same, with the text in a code fence; in the head, which stays outside, the names that others have chosen are
 * inline code. What is damaged is a peer's text as well, and stands in a fence whole.
 */
function delimitedInFence(part: OwnedPart): Piece[] {
  switch (part.kind) {
    case "section": {
      const { section } = part;
      const end = `${endMarker(section.repo, section.sha256)}\n`;
      return [sectionHead(section, codeSpan), ...inFence(section.body), end];
    }
    case "damaged": {
      const { bytes } = part;
      const from = lineEnd(bytes, 0);
      const lastLine = bytes.lastIndexOf(LF, -2) + 1;
      const to = part.closed ? Math.max(from, lastLine) : bytes.length;
      const inside = bytes.subarray(from, to);
      const end = part.closed ? bytes.subarray(to) : Buffer.from(endMarker(part.repo, part.sha256));
      return [
        ...asLines(bytes.subarray(0, from)),
        ...(isInFence(inside) ? [inside] : inFence(inside)),
        ...asLines(end),
      ];
    }
    case "legacy": {
      const begin = `${beginMarker(part.repo, NO_DIGEST)}\n`;
      return [begin, ...inFence(part.bytes), `${endMarker(part.repo, NO_DIGEST)}\n`];
    }
  }
}

function inFence(bytes: Buffer): Piece[] {
  const { open, close } = fenceLines(bytes);
  return [open, bytes, close];
}

function isInFence(bytes: Buffer): boolean {
  const framed = insideFence(bytes);
  return bytes.length === 0 || (framed !== undefined && framed.fence === fenceFor(framed.inside));
}

/** `bytes` and the newline they lack for another line to follow. */
function asLines(bytes: Buffer): Piece[] {
  return bytes.length === 0 || bytes[bytes.length - 1] === LF ? [bytes] : [bytes, "\n"];
}

function header(updatedAt: string, { parts, fence }: CacheDocument): string {
  const lines = [TITLE, "", PURPOSE, "", `**Last Updated**: ${updatedAt}`, ""];
  lines.push(INDEX_BEGIN, "| Repo | State changed | Last synced | Branch | Size |", "|---|---|---|---|---|");
  for (const part of parts) {
    if (part.kind === "section") lines.push(indexRow(part.section, fence ? codeSpan : asItIs));
  }
  lines.push(INDEX_END);
  return `${lines.join("\n")}\n${RULE}`;
}

/** A row as {@link indexRow} makes it, or one of the two above the rows. */
const INDEX_LINE = new RegExp(
  `^\\| (?:Repo \\| State changed \\| Last synced \\| Branch \\| Size|${NAME} \\| \\S+Z \\| \\S+Z \\| .* \\| [\\d,]+ B) \\|$|^\\|---\\|---\\|---\\|---\\|---\\|$`,
);

/** True where a table holds nothing that people have added. */
export function isIndex(rows: string): boolean {
  return rows.split(/\r?\n/).every((row) => row === "" || INDEX_LINE.test(row));
}

/** How a name that others have chosen is written: a path, or a branch's. */
type Writing = (name: string) => string;
const asItIs: Writing = (name) => name;

function indexRow(section: Section, write: Writing): string {
  const branch = gitPosition(section, write)?.replaceAll("|", "\\|") ?? "-";
  const size = `${section.body.length.toString().replaceAll(/\B(?=(\d{3})+$)/g, ",")} B`;
  return `| ${section.repo} | ${toSeconds(section.changedAt)} | ${toSeconds(section.syncedAt)} | ${branch} | ${size} |`;
}

/** Everything of a section that stands before its body. */
function sectionHead(section: Section, write = asItIs): string {
  const position = gitPosition(section, write);
  const source = [write(section.origin), `changed ${section.changedAt}`];
  if (position !== undefined) source.push(position);
  return [
    beginMarker(section.repo, section.sha256),
    sectionHeading(section.repo),
    "",
    `**Last Synced**: ${section.syncedAt}`,
    `**Source**: ${source.join(", ")}`,
    ...guardLine(section),
    "",
    "",
  ].join("\n");
}

/** What a reader has to know of a body that is not the file byte for byte. */
function guardLine({ secrets, hidden }: Section): string[] {
  const done: string[] = [];
  if (secrets !== undefined) done.push(`${secrets} ${secrets === 1 ? "secret" : "secrets"} redacted`);
  if (hidden !== undefined) done.push(`${hidden} hidden ${hidden === 1 ? "place" : "places"} made visible`);
  return done.length === 0 ? [] : [`**Guard**: ${done.join(", ")}`];
}

function gitPosition(section: Section, write: Writing): string | undefined {
  if (section.commit === undefined) return undefined;
  return `${section.branch === undefined ? "detached" : write(section.branch)} @ ${section.commit}`;
}

/** `2026-11-22T16:39:59.123Z` without its fraction, for the index. */
function toSeconds(iso: string): string {
  return iso.replace(/\.\d+Z$/, "Z");
}
