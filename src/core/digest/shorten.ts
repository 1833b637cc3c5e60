/** Ends what was cut. */
export const CUT = "…";
/** A word that would leave less of the line than this is cut inside. */
const LEAST_PART = 0.6;

const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });

/**
 * A line cut to so many UTF-16 units, at a word where one ends late enough, and never inside what a
 * reader takes for one character.
 */
export function shorten(line: string, most: number): string {
  if (line.length <= most) return line;
  let end = 0;
  for (const { index, segment } of graphemes.segment(line)) {
    if (index + segment.length > most - CUT.length) break;
    end = index + segment.length;
  }
  if (end === 0) return "";
  const blank = line.lastIndexOf(" ", end);
  const kept = blank >= end * LEAST_PART ? line.slice(0, blank) : line.slice(0, end);
  return `${kept.trimEnd()}${CUT}`;
}
