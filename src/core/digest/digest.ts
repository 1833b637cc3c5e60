import { type Blocks, type Passage, type Piece, readBlocks } from "./blocks.ts";
import { withoutEchoes } from "./echoes.ts";
import { type Announced, type Kind, kindsOf, pending } from "./kinds.ts";
import { shares } from "./share.ts";
import { shorten } from "./shorten.ts";

export interface Digest {
  readonly text: string;
  /** Whether the text has all that the state file says, but for what is done. */
  readonly isWhole: boolean;
}

/** What an agent in another repo wants to know first. */
const ORDER: readonly Kind[] = ["blockers", "next", "status", "decisions"];
const LONGEST_LINE = 280;
const LONGEST_FACT = 160;
/** The outline takes at most this part. */
const OUTLINE_PART = 0.2;
const LONGEST_OUTLINE = 400;
const LONGEST_NAME = 60;
/** Ranks are levels of headings. */
const LOWEST_RANK = 10;
const UNKNOWN: Announced = { kind: "other", rank: 0, isUnderWay: false };
/** A budget that no text needs. */
const MOST = 1_000_000_000;

/** A state file that has been read, and can be shortened to any length. */
export interface Gist {
  /** How long it is with all that it has, in UTF-16 units. */
  readonly length: number;
  /** @param budget the longest that the text may become, in UTF-16 units. */
  readonly within: (budget: number) => Digest;
}

/**
 * The gist of a state file, by rules alone: the same text gives the same digest. Facts of its front
 * matter, then what blocks, what is next, how things are, what was decided; what is done is left
 * out, and an outline says what else there is. Where no heading is known, as in other languages,
 * its beginning stands for it.
 *
 * @param peers names of the other repos, whose states may have been copied into this one.
 */
export function gistOf(text: string, peers: readonly string[]): Gist {
  const { facts, passages } = readBlocks(withoutEchoes(text, peers));
  const kinds = kindsOf(passages);
  const groups = groupsOf(facts, passages, kinds);
  const whole = groups
    .map((group) => group.take(Infinity))
    .filter((part) => part !== "")
    .join("\n\n");
  const others = passages.filter(
    (passage, at) =>
      kinds[at]?.kind !== "done" && !groups.some((group) => group.has(passage)) && passage.pieces.length > 0,
  );
  const fits = (budget: number): boolean => whole.length <= budget && others.length === 0;
  const within = (budget: number): Digest =>
    fits(budget)
      ? { text: whole, isWhole: true }
      : { text: fitted(groups, passages, budget), isWhole: false };
  return { length: fits(Infinity) ? whole.length : within(MOST).text.length, within };
}

function groupsOf(
  facts: Blocks["facts"],
  passages: readonly Passage[],
  kinds: readonly Announced[],
): Group[] {
  const known = passages.some(({ level }, at) => level > 1 && ORDER.includes(kinds[at]?.kind ?? "other"));
  const wanted: readonly Kind[] = known ? ORDER : [...ORDER, "other"];
  return [
    new Group([
      { title: "", pieces: facts.map(([key, value]) => fact(`${key}: ${value}`)), passage: undefined },
    ]),
    ...wanted.map((wantedKind) => {
      const parts = passages.flatMap((passage, at) => {
        const pieces = pending(passage.pieces);
        const { kind, rank, isUnderWay } = kinds[at] ?? UNKNOWN;
        const title = [...passage.above, passage.title].join(" > ");
        return kind === wantedKind && pieces.length > 0
          ? [
              {
                title,
                pieces,
                passage,
                order: isUnderWay || wantedKind !== "status" ? rank : rank + LOWEST_RANK,
              },
            ]
          : [];
      });
      return new Group(parts.toSorted((one, other) => one.order - other.order));
    }),
  ];
}

function fitted(groups: readonly Group[], passages: readonly Passage[], budget: number): string {
  const most = Math.min(LONGEST_OUTLINE, Math.floor(budget * OUTLINE_PART));
  const first = arranged(groups, passages, budget, most);
  // What the outline does not need is the states'.
  return first.outlineLength < most
    ? arranged(groups, passages, budget, first.outlineLength).text
    : first.text;
}

/** @param reserved what the outline gets. */
function arranged(
  groups: readonly Group[],
  passages: readonly Passage[],
  budget: number,
  reserved: number,
): { readonly text: string; readonly outlineLength: number } {
  // Between two parts stands an empty line.
  const room = budget - reserved - 2 * groups.length;
  const needs = groups.map((group) => group.length);
  const given = shares(needs, room);
  const parts = groups.map((group, at) => group.take(given[at] ?? 0));
  let spare = room - parts.reduce((sum, part) => sum + part.length, 0);
  for (const [at, group] of groups.entries()) {
    const before = parts[at]?.length ?? 0;
    const part = group.take(before + spare);
    parts[at] = part;
    spare -= part.length - before;
  }
  const text = parts.filter((part) => part !== "").join("\n\n");
  const left = outline(
    passages.filter((passage) => !groups.some((group) => group.tookAll(passage))),
    passages,
    Math.min(reserved, budget - text.length - 2),
  );
  const whole = [text, left].filter((part) => part !== "").join("\n\n");
  return { text: whole, outlineLength: left.length };
}

interface Part {
  readonly title: string;
  readonly pieces: readonly Piece[];
  readonly passage: Passage | undefined;
}

/** What is taken with any budget that it does not exceed, and that lets nothing more in. */
interface Fit {
  readonly text: string;
  /** The passages of which it has all. */
  readonly whole: ReadonlySet<Passage>;
  readonly length: number;
  readonly tooMuch: number;
}

/** A state is told with one budget after another, of about the same length. */
const MOST_FITS = 8;

/** What is weighed again for every budget, and therefore measured once. */
interface Measured extends Piece {
  /** Of its lines with their ends, in UTF-16 units. */
  readonly size: number;
}

/** Passages of one kind, of which as much is taken as there is room for. */
class Group {
  readonly #parts: readonly (Part & { readonly pieces: readonly Measured[] })[];
  readonly #passages: ReadonlySet<Passage | undefined>;
  /** With all that it has. */
  readonly #all: string;
  readonly #everything: ReadonlySet<Passage>;
  #whole: ReadonlySet<Passage>;
  /** The last ones that were found. */
  readonly #fits: Fit[] = [];

  constructor(parts: readonly Part[]) {
    this.#parts = parts.map(({ pieces, ...part }) => ({
      ...part,
      pieces: pieces.map((piece) => measured(shown(piece))),
    }));
    this.#passages = new Set(parts.map(({ passage }) => passage));
    const { text, whole } = this.#fitting(Infinity);
    this.#all = text;
    this.#everything = whole;
    this.#whole = whole;
  }

  /** How long it is with all that it has. */
  get length(): number {
    return this.#all.length;
  }

  has(passage: Passage): boolean {
    return this.#passages.has(passage);
  }

  /** Whether all of it was taken the last time. */
  tookAll(passage: Passage): boolean {
    return this.#whole.has(passage);
  }

  /** Takes pieces in their order until one does not fit. A fence that does not fit is left, and what follows is tried. */
  take(budget: number): string {
    if (budget >= this.#all.length) {
      this.#whole = this.#everything;
      return this.#all;
    }
    const known = this.#fits.find(({ length, tooMuch }) => length <= budget && budget < tooMuch);
    const fit = known ?? this.#fitting(budget);
    if (known === undefined) this.#fits.push(fit);
    if (this.#fits.length > MOST_FITS) this.#fits.shift();
    this.#whole = fit.whole;
    return fit.text;
  }

  #fitting(budget: number): Fit {
    const whole = new Set<Passage>();
    const lines: string[] = [];
    let length = -1;
    let tooMuch = Infinity;
    const fit = (): Fit => ({ text: lines.join("\n"), whole, length, tooMuch });
    for (const { title, pieces, passage } of this.#parts) {
      let heads = title === "" ? [] : [`### ${shorten(title, LONGEST_FACT)}`];
      let table: readonly string[] | undefined;
      let isAll = true;
      for (const piece of pieces) {
        // Two tables without a line between them are one, to who reads them.
        const apart = table !== undefined && piece.head !== undefined && piece.head !== table ? [""] : [];
        const head = piece.head !== undefined && piece.head !== table ? [...apart, ...piece.head] : [];
        const size = sizeOf(heads) + sizeOf(head) + piece.size;
        if (length + size <= budget) {
          lines.push(...heads, ...head, ...piece.lines);
          length += size;
          heads = [];
          table = piece.head;
        } else {
          isAll = false;
          tooMuch = Math.min(tooMuch, length + size);
          if (piece.kind !== "fence") return fit();
        }
      }
      if (isAll && passage !== undefined) whole.add(passage);
    }
    return fit();
  }
}

function measured(piece: Piece): Measured {
  return { ...piece, size: sizeOf(piece.lines) };
}

function sizeOf(lines: readonly string[]): number {
  return lines.reduce((sum, line) => sum + line.length + 1, 0);
}

/** A table's row and a fence are never cut; other lines are, where they are long. */
function shown(piece: Piece): Piece {
  if (piece.kind === "row" || piece.kind === "fence") return piece;
  return { ...piece, lines: piece.lines.map((line) => shorten(line.trimEnd(), LONGEST_LINE)) };
}

function fact(line: string): Piece {
  return { kind: "prose", lines: [shorten(line, LONGEST_FACT)], indent: 0 };
}

/** What was left out, by the headings of the highest rank, with sizes. */
function outline(left: readonly Passage[], all: readonly Passage[], budget: number): string {
  const rank = all.reduce((highest, { level }) => (level > 1 ? Math.min(highest, level) : highest), Infinity);
  const isLeft = new Set(left);
  const sums: { readonly title: string; missing: number }[] = [];
  let open: { readonly title: string; missing: number } | undefined;
  for (const passage of all) {
    if (passage.level === rank) {
      open = { title: passage.title, missing: 0 };
      sums.push(open);
    } else if (passage.level < rank) open = undefined;
    if (open !== undefined && isLeft.has(passage)) open.missing += passage.size;
  }
  const missing = sums.filter((sum) => sum.missing > 0);
  // Each takes more than a character: of thousands only as many are tried as there may be room for.
  const names = missing
    .slice(0, Math.max(0, budget))
    .map((sum) => `${shorten(sum.title, LONGEST_NAME)} (${inThousands(sum.missing)})`);
  for (let count = names.length; count > 0; count -= 1) {
    const more = missing.length - count;
    const text = `Not shown, in characters: ${names.slice(0, count).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
    if (text.length <= budget) return text;
  }
  return "";
}

function inThousands(size: number): string {
  return size < 1_000 ? `${size}` : `${(size / 1_000).toFixed(1)}k`;
}
