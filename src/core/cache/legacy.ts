import { lineEnd } from "./markers.ts";
import { PURPOSE, sectionHeading, TITLE } from "./render.ts";

/**
 * What the original utility, and the people who wrote its first caches by hand, left in the
 * files. All patterns run over latin1 text, one char a byte, so that offsets are byte offsets.
 */

const escape = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");

/**
 * Our header and the original's, which begin alike. The original strips the title line of the
 * file it found and puts a new header on top, so the remnant without a title counts as well.
 */
const HEADER = new RegExp(
  `${escape(PURPOSE)}\\r?\\n(?:\\r?\\n)*\\*\\*Last Updated\\*\\*: (?<updatedAt>[^\\r\\n]*)(?:\\r?\\n|$)`,
  "y",
);
const TITLE_ABOVE = new RegExp(`${TITLE}[ \\t]*\\r?\\n(?:\\r?\\n)*$`);
/** A title stands right above; this many empty lines between are no title of this header. */
const TITLE_REACH = 512;

/** `\n---\n`, the rule that closes a header and each section. */
const RULE = /^((?:\r?\n)+)---\r?(?:\n|$)/;

/** A first cache made by hand: its header and what follows are the users' own text. */
const HANDMADE_HEADER = /^# Cross-Repo State Cache \([^\r\n]*\)/m;
const CLOSING_NOTE = /^\*\*Note\*\*: This file enables agents/m;

const SYNCED_LINE = /^(?:\r?\n)*\*\*Last Synced\*\*:[^\r\n]*(?:\r?\n|$)/;
const PLACEHOLDER =
  /^(?:\r?\n)*\*\*Last Synced\*\*: Never\r?\n(?:\r?\n)*\*No state cached yet[^\r\n]*\r?(?:\n|$)(?:\r?\n---\r?(?:\n|$))?/;

export interface HeaderMatch {
  readonly start: number;
  readonly end: number;
  readonly updatedAt: string;
  /** False for a remnant: the original took its title line away. */
  readonly titled: boolean;
}

/** All headers, ours and the original's, in file order. */
export function findHeaders(text: string): HeaderMatch[] {
  const found: HeaderMatch[] = [];
  for (let at = text.indexOf(PURPOSE); at !== -1; at = text.indexOf(PURPOSE, at + 1)) {
    HEADER.lastIndex = at;
    const match = isLineStart(text, at) ? HEADER.exec(text) : null;
    if (match === null) continue;
    const reach = Math.max(found.at(-1)?.end ?? 0, at - TITLE_REACH);
    const title = TITLE_ABOVE.exec(text.slice(reach, at));
    const titled = title !== null && isLineStart(text, reach + title.index);
    found.push({
      start: titled ? reach + title.index : at,
      end: at + match[0].length,
      updatedAt: match.groups?.["updatedAt"] ?? "",
      titled,
    });
  }
  return found;
}

/** A line's first byte, the one behind a byte order mark included. A lone CR ends no line. */
function isLineStart(text: string, at: number): boolean {
  return at === 0 || text[at - 1] === "\n" || (at === 3 && text.startsWith("\u00ef\u00bb\u00bf"));
}

/** Length of a closing rule (an empty line or at most as many as said, `---`) at `at`, or 0. */
export function ruleLength(text: string, at: number, mostBlankLines = 1): number {
  const [rule = "", blank = ""] = RULE.exec(text.slice(at, at + 16)) ?? [];
  return blank.split("\n").length - 1 <= mostBlankLines ? rule.length : 0;
}

export interface LegacyHeading {
  readonly repo: string;
  readonly start: number;
  /** Offset behind the heading's line. */
  readonly next: number;
}

/** All lines `## NAME State` of registered repos, in file order. */
export function findHeadings(text: string, repos: readonly string[]): LegacyHeading[] {
  const byHeading = headingsOf(repos);
  const found: LegacyHeading[] = [];
  for (let at = text.indexOf("## "); at !== -1; at = text.indexOf("## ", at + 1)) {
    if (!isLineStart(text, at)) continue;
    const newline = text.indexOf("\n", at);
    const next = newline === -1 ? text.length : newline + 1;
    const repo = byHeading.get(text.slice(at, next).trimEnd());
    if (repo !== undefined) found.push({ repo, start: at, next });
  }
  return found;
}

const headings = new WeakMap<readonly string[], ReadonlyMap<string, string>>();

/** Each repo by its heading; worked out once for an array, which is a registry's. */
function headingsOf(repos: readonly string[]): ReadonlyMap<string, string> {
  const known = headings.get(repos) ?? new Map(repos.map((repo) => [sectionHeading(repo), repo]));
  headings.set(repos, known);
  return known;
}

/** True where the `**Last Synced**:` line follows that the original writes under its headings. */
export function hasSyncedLine(text: string, at: number): boolean {
  return SYNCED_LINE.test(text.slice(at, at + 256));
}

/**
 * Where a legacy section surely ends, or undefined where only the next heading or marker tells:
 * after a placeholder, or after exactly the body that its repo's state file is known to hold.
 */
export function certainEnd(
  bytes: Buffer,
  text: string,
  heading: LegacyHeading,
  known: readonly Buffer[],
): number | undefined {
  const placeholder = PLACEHOLDER.exec(text.slice(heading.next, heading.next + 1024));
  if (placeholder !== null) return heading.next + placeholder[0].length;
  const synced = SYNCED_LINE.exec(text.slice(heading.next, heading.next + 256));
  if (synced === null) return undefined;
  const bodyStart = lineEnd(bytes, heading.next + synced[0].length);
  for (const body of known) {
    const end = bodyStart + body.length;
    // The original puts an empty line and a rule behind the body; anything else is another text
    // that merely begins like the known one. One more empty line stands before what follows.
    const closing = /^\r?\n\r?\n---\r?(?:\n(?:\r?\n)?|$)/.exec(text.slice(end, end + 16));
    if (closing === null || end > bytes.length) continue;
    if (bytes.compare(body, 0, body.length, bodyStart, end) === 0) return end + closing[0].length;
  }
  return undefined;
}

/** Where the users' own text begins inside the reach `[from, to)` of a legacy section, else `to`. */
export function usersTextStart(text: string, from: number, to: number): number {
  const reach = text.slice(from, to);
  const starts = [HANDMADE_HEADER, CLOSING_NOTE].map((pattern) => reach.search(pattern));
  return Math.min(to, ...starts.filter((at) => at !== -1).map((at) => from + at));
}

/** The original reads with universal newlines and so turns CRLF and CR into LF. */
export function asTheOriginalReads(body: Buffer): Buffer {
  if (!body.includes(0x0d)) return body;
  return Buffer.from(body.toString("latin1").replaceAll(/\r\n?/g, "\n"), "latin1");
}
