/**
 * Text that a person does not see and a model or a terminal does. It is made visible and never
 * dropped: whoever reads a cache should know that something was there.
 */

/** Zero-width characters: ZWSP, ZWNJ, ZWJ, word joiner, BOM, Mongolian vowel separator. */
const ZERO_WIDTH = String.raw`\u200B-\u200D\u2060\uFEFF\u180E`;
/** The flags of England, Scotland and Wales: the tag sequences of RGI_Emoji_Tag_Sequence (UTS #51). */
const FLAG = String.raw`\u{1F3F4}\u{E0067}\u{E0062}(?:\u{E0065}\u{E006E}\u{E0067}|\u{E0073}\u{E0063}\u{E0074}|\u{E0077}\u{E006C}\u{E0073})\u{E007F}`;
const TAGS = String.raw`[\u{E0000}-\u{E007F}]+`;
/** C0 without TAB, LF and CR, and DEL: they have pictures of their own. */
const PICTURED = String.raw`\0-\x08\v\f\x0E-\x1F\x7F`;
/**
 * C1 without NEL; embeddings, overrides and isolates, but not the marks LRM, RLM and ALM, which
 * right-to-left text needs; invisible operators and deprecated format characters; annotations.
 */
const NUMBERED = String.raw`\x80-\x84\x86-\x9F\u202A-\u202E\u2061-\u2064\u2066-\u206F\uFFF9-\uFFFB`;
/** Sends a terminal back to the start of its line, to write over it. A run that a LF closes is a line's end. */
const LONE_CR = String.raw`(?<!\r)\r+(?![\r\n])`;

const SUSPECTS = String.raw`[${PICTURED}${NUMBERED}]+|[${ZERO_WIDTH}\p{Variation_Selector}]+|${FLAG}|${TAGS}`;
const WITH_LF = new RegExp(`${SUSPECTS}|${LONE_CR}`, "gu");
/** In a text without LF, as old Macs wrote it, a CR is what ends a line. */
const WITHOUT_LF = new RegExp(SUSPECTS, "gu");

/** They choose a form of an ideograph (the Ideographic Variation Database) and are used with nothing else. */
const IDEOGRAPHS_SELECTOR = /^[\u{E0100}-\u{E01EF}]/u;
const AFTER_IDEOGRAPH = /\p{Ideographic}$/u;
const VARIATION_SELECTOR = /^\p{Variation_Selector}/u;
const INVISIBLE = new RegExp(`^[${ZERO_WIDTH}\\p{Variation_Selector}]`, "u");
const BLACK_FLAG = 0x1f3f4;
const BOM = "\uFEFF";

/**
 * The longest run that a script needs: ZWJ ZWNJ ZWJ joins two letters and keeps them from forming
 * a ligature (The Unicode Standard, 23.2, "Cursive Connection and Ligatures").
 */
const MOST_ZERO_WIDTH = 3;

/**
 * Makes visible what would hide text, or act on a terminal. Text of every script and every emoji
 * stays as it is. Doing it twice changes nothing more.
 *
 * @returns the same string where nothing was hidden; `count` is the number of places.
 */
export function revealHidden(text: string): { readonly text: string; readonly count: number } {
  let count = 0;
  const revealed = text.replace(text.includes("\n") ? WITH_LF : WITHOUT_LF, (run: string, offset: number) => {
    const shown = reveal(run, offset, text);
    if (shown !== run) count += 1;
    return shown;
  });
  return { text: count === 0 ? text : revealed, count };
}

function reveal(run: string, offset: number, text: string): string {
  const first = run.codePointAt(0) ?? 0;
  if (first === BLACK_FLAG) return run;
  if (first >= 0xe0000 && first <= 0xe007f) return hiding(run.length / 2, "tag");
  if (INVISIBLE.test(run)) return revealInvisible(run, offset, text);
  return Array.from(run, visibleControl).join("");
}

/** What is longer than writing ever needs carries something else: a byte a character, as it is done. */
function revealInvisible(run: string, offset: number, text: string): string {
  if (offset === 0 && run.startsWith(BOM)) return BOM + revealInvisible(run.slice(1), 1, text);
  let selectors = 0;
  let others = 0;
  for (const character of run) {
    if (VARIATION_SELECTOR.test(character)) selectors += 1;
    else others += 1;
  }
  const stray =
    IDEOGRAPHS_SELECTOR.test(run) && !AFTER_IDEOGRAPH.test(text.slice(Math.max(0, offset - 2), offset));
  if (!stray && selectors <= 1 && others <= MOST_ZERO_WIDTH) return run;
  const kept = stray ? "" : (VARIATION_SELECTOR.exec(run)?.[0] ?? "");
  return kept + hiding(selectors + others - (kept === "" ? 0 : 1), "invisible");
}

function hiding(length: number, kind: string): string {
  return `[HIDDEN:${length} ${kind} character${length === 1 ? "" : "s"}]`;
}

/** ESC as `\u241B`, a picture of the letters ESC; what has no picture as its number. */
function visibleControl(character: string): string {
  const code = character.charCodeAt(0);
  if (code < 0x20) return String.fromCharCode(0x2400 + code);
  if (code === 0x7f) return "\u2421";
  return `[U+${code.toString(16).toUpperCase().padStart(4, "0")}]`;
}
