import { type Passage, readBlocks } from "../digest/blocks.ts";
import { withoutEchoes } from "../digest/echoes.ts";
import { type Kind, kindsOf } from "../digest/kinds.ts";
import { shares } from "../digest/share.ts";
import { CUT, shorten } from "../digest/shorten.ts";
import { lineMark, type Seen, tellingLines } from "./seen.ts";

/** What is done is news too, and comes after what is pending. */
const ORDER: readonly Kind[] = ["blockers", "next", "status", "decisions", "done", "other"];
const LONGEST_LINE = 280;
const LONGEST_HEADING = 160;

export interface Changes {
  /** `+ ` before what is new, `- ` before what was shown and is not there any more. */
  readonly text: string;
  /** The new lines that the text has. */
  readonly added: readonly string[];
  /** The lines that were shown and are gone. */
  readonly gone: readonly string[];
}

/**
 * What a state says that it did not say before, line by line, and what of that which was shown it
 * does not say any more.
 *
 * @param budget the longest that the text may become, in UTF-16 units.
 * @param peers names of other repos, whose states may have been copied into this one.
 * @returns undefined where there is nothing to tell: lines have only moved, or gone that were never shown.
 */
export function changesSince(
  seen: Seen,
  text: string,
  { budget, peers }: { readonly budget: number; readonly peers: readonly string[] },
): Changes | undefined {
  const news = newLines(withoutEchoes(text, peers), new Set(seen.marks));
  const gone = goneLines(seen.shown, text);
  if (news.length === 0 && gone.length === 0) return undefined;
  const added = news.map(({ heading, line }) => ({ heading, line: `+ ${line}` }));
  const lost = gone.map((line) => ({ heading: "", line: `- ${line}` }));
  const [forNews = 0, forGone = 0] = shares([lengthOf(added), lengthOf(lost)], budget - 1);
  const parts = [fitted(added, forNews, "new"), fitted(lost, forGone, "gone")];
  const [said = ""] = parts;
  return {
    text: parts.filter((part) => part !== "").join("\n"),
    added: said.split("\n").flatMap((line) => (line.startsWith("+ ") ? [line.slice(2)] : [])),
    gone,
  };
}

interface Line {
  /** What it stands under. */
  readonly heading: string;
  readonly line: string;
}

function newLines(text: string, known: ReadonlySet<string>): Line[] {
  const { facts, passages } = readBlocks(text);
  const kinds = kindsOf(passages);
  const isNew = (line: string): boolean => !known.has(lineMark(line));
  const stated = facts.map(([key, value]) => ({ heading: "", line: `${key}: ${value}` }));
  const told = ORDER.flatMap((wanted) =>
    passages.flatMap((passage, at) => ((kinds[at]?.kind ?? "other") === wanted ? linesIn(passage) : [])),
  );
  return [...stated, ...told].filter(({ line }) => isNew(line));
}

function linesIn({ above, title, pieces }: Passage): Line[] {
  const heading = [...above, title].filter((name) => name !== "").join(" > ");
  return pieces.flatMap(({ lines }) =>
    lines.filter((line) => line.trim() !== "").map((line) => ({ heading, line: line.trim() })),
  );
}

function goneLines(shown: readonly string[], text: string): string[] {
  const present = tellingLines(text).map((line) => line.trim());
  const whole = new Set(present);
  return shown.filter((line) => {
    const plain = line.trim();
    if (whole.has(plain)) return false;
    // A line that was too long has been shown by its beginning.
    return !plain.endsWith(CUT) || !present.some((one) => one.startsWith(plain.slice(0, -CUT.length)));
  });
}

function lengthOf(lines: readonly Line[]): number {
  return worded(lines).reduce((sum, part) => sum + part.length + 1, 0) - 1;
}

/** Each line with the heading that it brings, where that is not the one before it. */
function worded(lines: readonly Line[]): string[] {
  return lines.map(({ heading, line }, at) => {
    const isUnder = heading === "" || heading === lines[at - 1]?.heading;
    const text = shorten(line, LONGEST_LINE);
    return isUnder ? text : `### ${shorten(heading, LONGEST_HEADING)}\n${text}`;
  });
}

/** As many lines as there is room for, under their headings, and how many more there are. */
function fitted(lines: readonly Line[], budget: number, what: string): string {
  const parts = worded(lines);
  if (lengthOf(lines) <= budget) return parts.join("\n");
  const rest = (count: number): string => `(${count} more ${what})`;
  let text = "";
  for (const [at, part] of parts.entries()) {
    const longer = text === "" ? part : `${text}\n${part}`;
    if (`${longer}\n${rest(parts.length - at - 1)}`.length > budget) {
      const noted = [text, rest(parts.length - at)].filter((one) => one !== "").join("\n");
      return noted.length <= budget ? noted : text;
    }
    text = longer;
  }
  return text;
}
