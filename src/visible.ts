/**
 * Makes every character visible that could act on a terminal, or hide or reorder text: C0 and C1
 * controls, line separators, bidi controls, zero-width marks without a use of their own, tag
 * characters, halves of surrogate pairs. Joiners stay, for emoji and several scripts need them.
 */
export function visible(text: string): string {
  return text.replace(UNSAFE, (character) => {
    const code = character.codePointAt(0) ?? 0;
    const named = { 9: "\\t", 10: "\\n", 13: "\\r" }[code];
    if (named !== undefined) return named;
    const hex = code.toString(16);
    if (code < 0x100) return `\\x${hex.padStart(2, "0")}`;
    return code < 0x10000 ? `\\u${hex.padStart(4, "0")}` : `\\u{${hex}}`;
  });
}

const UNSAFE =
  /[\p{Cc}\p{Cs}\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060-\u2069\ufeff\u{e0000}-\u{e007f}]/gu;
