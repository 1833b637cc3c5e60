import type { Found } from "./scanner.ts";

/** A text with markers where something was found, and what of it is still the original. */
export interface Redacted {
  readonly text: string;
  readonly stretches: readonly Stretch[];
}

/** A piece of the original between two markers. */
interface Stretch {
  /** Where it starts in the redacted text. */
  readonly at: number;
  /** Where it starts in the original. */
  readonly from: number;
}

/** Writes a marker where each secret stands. @param found in order, nothing overlapping. */
export function redact(text: string, found: readonly Found[]): Redacted {
  const pieces: string[] = [];
  const stretches: Stretch[] = [];
  let from = 0;
  let at = 0;
  for (const { rule, start, end } of found) {
    const marker = `[REDACTED:${rule}]`;
    stretches.push({ at, from });
    pieces.push(text.slice(from, start), marker);
    at += start - from + marker.length;
    from = end;
  }
  stretches.push({ at, from });
  pieces.push(text.slice(from));
  return { text: pieces.join(""), stretches };
}

/** The markers that stand in a text already: those with names of rules, or a text could wrap secrets in markers. */
export function markersIn(text: string, rules: ReadonlySet<string>): Found[] {
  const markers: Found[] = [];
  for (const match of text.matchAll(/\[REDACTED:([a-z0-9][a-z0-9._-]{0,63})\]/g)) {
    const rule = match[1] ?? "";
    if (rules.has(rule)) markers.push({ rule, start: match.index, end: match.index + match[0].length });
  }
  return markers;
}

/** What of some findings lies outside markers. Both in order, nothing overlapping. */
export function outside(markers: readonly Found[], found: readonly Found[]): Found[] {
  const rest: Found[] = [];
  let first = 0;
  for (const { rule, start, end } of found) {
    let from = start;
    while ((markers[first]?.end ?? Infinity) <= start) first += 1;
    for (let index = first; (markers[index]?.start ?? Infinity) < end; index += 1) {
      const marker = markers[index];
      if (marker === undefined) break;
      if (marker.start > from) rest.push({ rule, start: from, end: marker.start });
      from = marker.end;
    }
    if (from < end) rest.push({ rule, start: from, end });
  }
  return rest;
}

/** Where findings in a redacted text are in the original. In order, and outside markers. */
export function inOriginal({ stretches }: Redacted, found: readonly Found[]): Found[] {
  let index = 0;
  return found.map(({ rule, start, end }) => {
    while ((stretches[index + 1]?.at ?? Infinity) <= start) index += 1;
    const { at, from } = stretches[index] ?? { at: 0, from: 0 };
    return { rule, start: start - at + from, end: end - at + from };
  });
}

const INVISIBLE = /[\u200B-\u200D\u2060\uFEFF\u180E\u{E0000}-\u{E007F}\p{Variation_Selector}]+/uy;

/**
 * A finding without halves: no half of a character, no CR without its LF, and with the invisible
 * characters that belong to its last one, which would be hidden text without it.
 */
export function widened(text: string, { rule, start, end }: Found): Found {
  let from = isLowSurrogate(text, start) ? start - 1 : start;
  while (text[from] === (from === start ? "\n" : "\r") && text[from - 1] === "\r") from -= 1;
  INVISIBLE.lastIndex = isLowSurrogate(text, end) ? end + 1 : end;
  const behind = INVISIBLE.exec(text)?.[0].length ?? 0;
  return { rule, start: from, end: (isLowSurrogate(text, end) ? end + 1 : end) + behind };
}

function isLowSurrogate(text: string, at: number): boolean {
  const unit = text.charCodeAt(at);
  return unit >= 0xdc00 && unit <= 0xdfff;
}

/** Puts what overlaps together, under the name of what stood first. @returns in order. */
export function merged(found: readonly Found[]): Found[] {
  const ranked = found
    .map((one, rank) => ({ ...one, rank }))
    .sort((a, b) => a.start - b.start || a.rank - b.rank);
  const whole: typeof ranked = [];
  for (const one of ranked) {
    const last = whole.at(-1);
    if (last === undefined || one.start >= last.end) {
      whole.push(one);
    } else {
      const { rule, rank } = one.rank < last.rank ? one : last;
      whole[whole.length - 1] = { rule, rank, start: last.start, end: Math.max(last.end, one.end) };
    }
  }
  return whole.map(({ rule, start, end }) => ({ rule, start, end }));
}
