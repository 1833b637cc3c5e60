/** Ends what was cut. */
export const CUT = "…";
/** A word that would leave less of the line than this is cut inside. */
const LEAST_PART = 0.6;

/** Where every unit is a character of its own. */
const PLAIN = /^[\x20-\x7e]*$/;

/** Takes ten milliseconds to be made, which most texts never need. */
let graphemes: Intl.Segmenter | undefined;

/**
 * A line cut to so many UTF-16 units, at a word where one ends late enough, and never inside what a
 * reader takes for one character.
 */
export function shorten(line: string, most: number): string {
  if (line.length <= most) return line;
  const end = characterEnd(line, Math.max(0, most - CUT.length));
  if (end === 0) return "";
  const blank = line.lastIndexOf(" ", end);
  const kept = blank >= end * LEAST_PART ? line.slice(0, blank) : line.slice(0, end);
  return `${kept.trimEnd()}${CUT}`;
}

/** The last end of a character that is not behind `most`. */
function characterEnd(line: string, most: number): number {
  // What follows may belong to the last character that fits.
  if (PLAIN.test(line.slice(0, most + 1))) return Math.min(most, line.length);
  graphemes ??= new Intl.Segmenter("en", { granularity: "grapheme" });
  let end = 0;
  for (const { index, segment } of graphemes.segment(line)) {
    if (index + segment.length > most) break;
    end = index + segment.length;
  }
  return end;
}
