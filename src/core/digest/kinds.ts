import type { Passage, Piece } from "./blocks.ts";

/** What a passage is for its reader. */
export type Kind = "blockers" | "next" | "status" | "decisions" | "done" | "other";

/** Headings in their many spellings, the first that fits counts. Without marks, emoji and case. */
const SPELLINGS: readonly (readonly [Kind, RegExp])[] = [
  [
    "done",
    /\b(?:completed|done|resolved|finished|shipped|merged|previous(?:ly)?|histor(?:y|ical)|archived?|changelog|milestones reached|recent milestones|what was built|what just happened)\b/,
  ],
  ["done", /(?<!\b\d{1,2}% )\bcomplete\b/],
  [
    "blockers",
    /\b(?:block(?:ers?|ed|ing)|impediments?|(?:known|open|remaining|critical) (?:issues?|problems?|bugs?)|risks?|stuck|waiting (?:on|for))\b/,
  ],
  [
    "next",
    /\b(?:next|to-?dos?|upcoming|what needs|short[- ]term|not started|pending|backlog|roadmap|priorities|action items|immediate|planned|remaining(?: work| tasks)?)\b/,
  ],
  ["decisions", /\b(?:decisions|decision log|adrs)\b/],
  [
    "status",
    /\b(?:status|current|active work|in progress|latest|session context|context for|summary|progress|focus|now|wip|working on|metrics|\d{1,2}% complete)\b/,
  ],
];

/** What a heading announces. */
export function kindOf(title: string): Kind {
  const plain = title.toLowerCase().replaceAll(/[*_`~]/g, "");
  return SPELLINGS.find(([, spelling]) => spelling.test(plain))?.[0] ?? "other";
}

/** What is under way is told before what is as it was: capabilities, metrics. */
const UNDER_WAY =
  /\b(?:active|in progress|latest|working on|focus|now|wip|\d{1,2}% complete|(?:current|this|last) (?:session|sprint|task))\b/i;

/** What is told of the past stays there: even its next steps. */
const PAST = /\b(?:previous(?:ly)?|histor(?:y|ical)|archived?)\b/i;

export interface Announced {
  readonly kind: Kind;
  /** The level of the heading that announces it: what stands under a heading of its own is meant for more than a detail. */
  readonly rank: number;
  /** It, or what it stands below, is under way at this moment. */
  readonly isUnderWay: boolean;
}

/** What each passage is: by its own heading, or the one that it stands below. A document's title announces nothing. */
export function kindsOf(passages: readonly Passage[]): Announced[] {
  const above: (Announced & { readonly level: number; readonly isPast: boolean })[] = [];
  return passages.map(({ level, title }) => {
    while ((above.at(-1)?.level ?? -1) >= level) above.pop();
    if (level <= 1) return { kind: "status", rank: level, isUnderWay: true };
    const outer = above.at(-1);
    const isPast = outer?.isPast === true || PAST.test(title);
    const own = isPast ? "done" : kindOf(title);
    const kind = own === "other" ? (outer?.kind ?? "other") : own;
    const rank = outer?.kind === kind ? outer.rank : level;
    const isUnderWay = outer?.isUnderWay === true || UNDER_WAY.test(title);
    above.push({ level, kind, rank, isPast, isUnderWay });
    return { kind, rank, isUnderWay };
  });
}

const DONE_MARK = /^[ \t]*(?:[-*+•]|\d+[.)])[ \t]+(?:\[[xX]\]|✅|✔️?|☑️?)/;
const STRUCK_ITEM = /^[ \t]*(?:[-*+•]|\d+[.)])[ \t]+(?:\[.\][ \t]+)?~~.*~~[ \t]*$/;
const WHOLLY_DONE = /\(100% complete\)$/i;
const DONE_CELL = /^(?:[✅✔☑]\ufe0f?[ \t]*)?(?:done|completed?|resolved|closed|merged|fixed)\b/iu;

/** The pieces that still matter: without what is done, struck or checked off, and what stands below that. */
export function pending(pieces: readonly Piece[]): Piece[] {
  let droppedAt = Infinity;
  return pieces.filter((piece) => {
    if (piece.kind !== "item") {
      droppedAt = Infinity;
      if (piece.kind === "prose" && WHOLLY_DONE.test(piece.lines[0] ?? "")) return false;
      return piece.kind !== "row" || !saysNothing(piece.lines[0] ?? "");
    }
    if (piece.indent > droppedAt) return false;
    const [line = ""] = piece.lines;
    const isDone = DONE_MARK.test(line) || STRUCK_ITEM.test(line) || WHOLLY_DONE.test(line);
    droppedAt = isDone ? piece.indent : Infinity;
    return !isDone;
  });
}

/** A row of something done, or one that was never filled in. */
function saysNothing(row: string): boolean {
  const cells = row
    .trim()
    .slice(1, -1)
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim());
  const isEmpty = cells.every((cell) => /^[-–—.?]*$/.test(cell));
  return isEmpty || /^~~.*~~$/.test(cells[0] ?? "") || cells.some((cell) => DONE_CELL.test(cell));
}
