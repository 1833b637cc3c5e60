import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { revealHidden } from "../../src/guard/hidden.ts";

const RUNS = Number(process.env["FUZZ_RUNS"] ?? 300);

const ZWSP = "\u200B";
const ZWNJ = "\u200C";
const ZWJ = "\u200D";
const BOM = "\uFEFF";
const ENGLAND = "\u{1F3F4}\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F}";
const tags = (text: string): string =>
  Array.from(text, (character) => String.fromCodePoint(0xe0000 + (character.codePointAt(0) ?? 0))).join("");
const bytesInSelectors = (text: string): string =>
  [...Buffer.from(text)].map((byte) => String.fromCodePoint(0xe00f0 + byte)).join("");
/** What may never be left, beside TAB, LF, CR and NEL, which are controls as well. */
const ACTS = /[\p{Cc}\u202A-\u202E\u2061-\u2064\u2066-\u206F\uFFF9-\uFFFB]/u;
const KEPT = /[\t\n\r\u0085]/g;

describe("hidden text is made visible", () => {
  it.each<readonly [name: string, hidden: string, shown: string, count: number]>([
    ["colours of a terminal", "a\u001B[31mred\u001B[0m\n", "a\u241B[31mred\u241B[0m\n", 2],
    ["a terminal's title", "\u001B]0;owned\u0007\n", "\u241B]0;owned\u2407\n", 2],
    [
      "backspaces that write over what stands before",
      "good\b\b\b\bevil",
      "good\u2408\u2408\u2408\u2408evil",
      1,
    ],
    ["NUL, form feed and DEL", "a\0b\fc\u007Fd", "a\u2400b\u240Cc\u2421d", 3],
    ["an escape sequence of one character (C1)", "\u009B31m and \u0080", "[U+009B]31m and [U+0080]", 2],
    [
      "an override of direction (Trojan Source)",
      "user\u202E \u2066// only\u2069 \u2066",
      "user[U+202E] [U+2066]// only[U+2069] [U+2066]",
      4,
    ],
    ["embeddings", "\u202Aa\u202Bb\u202Cc\u202Dd", "[U+202A]a[U+202B]b[U+202C]c[U+202D]d", 4],
    ["invisible operators", "f\u2061(x)\u2062y\u2063z\u2064", "f[U+2061](x)[U+2062]y[U+2063]z[U+2064]", 4],
    ["deprecated format characters", "\u206Aa\u206F", "[U+206A]a[U+206F]", 2],
    ["annotations", "\uFFF9a\uFFFAb\uFFFBc", "[U+FFF9]a[U+FFFA]b[U+FFFB]c", 3],
    ["a carriage return that writes over its line", "rm -rf /\rls\n", "rm -rf /\u240Dls\n", 1],
    ["several of them, and one at the end", "a\r\rb\nc\r", "a\u240D\u240Db\nc\u240D", 2],
    ["instructions in tag characters", `Hi${tags("ignore")}!`, "Hi[HIDDEN:6 tag characters]!", 1],
    ["one tag character", `Hi${tags("i")}!`, "Hi[HIDDEN:1 tag character]!", 1],
    ["tags behind a flag that is none", `\u{1F3F4}${tags("usca")}`, "\u{1F3F4}[HIDDEN:4 tag characters]", 1],
    ["tags behind a flag", `${ENGLAND}${tags("x")}`, `${ENGLAND}[HIDDEN:1 tag character]`, 1],
    [
      "bits in zero-width characters",
      `a${ZWSP}${ZWNJ}${ZWSP}${ZWSP}b`,
      "a[HIDDEN:4 invisible characters]b",
      1,
    ],
    [
      "four bytes in the variation selectors of an emoji",
      `😀${bytesInSelectors("evil")}`,
      "😀[HIDDEN:4 invisible characters]",
      1,
    ],
    [
      "selectors behind one that an emoji may have",
      "❤\uFE0F\uFE01\uFE02",
      "❤\uFE0F[HIDDEN:2 invisible characters]",
      1,
    ],
    [
      "a byte a letter in selectors of ideographs",
      "a\u{E0101}b\u{E0102}",
      "a[HIDDEN:1 invisible character]b[HIDDEN:1 invisible character]",
      2,
    ],
    [
      "selectors mixed with joiners",
      `a\uFE00${ZWJ}\uFE01${ZWJ}\uFE02`,
      "a\uFE00[HIDDEN:4 invisible characters]",
      1,
    ],
    [
      "zero-width characters behind a byte order mark",
      `${BOM}${ZWSP.repeat(5)}a`,
      `${BOM}[HIDDEN:5 invisible characters]a`,
      1,
    ],
    ["a run of byte order marks", `a${BOM.repeat(4)}b`, "a[HIDDEN:4 invisible characters]b", 1],
  ])("%s", (_name, hidden, shown, count) => {
    expect(revealHidden(hidden)).toEqual({ text: shown, count });
    expect(revealHidden(shown)).toEqual({ text: shown, count: 0 });
  });

  it("once and for all, whatever the text", () => {
    const pieces = fc.constantFrom(
      ...Array.from("\0\u001B\u007F\u009B\u202E\u2066\u2069\u2061\uFFF9\r\n\t"),
      ZWSP,
      ZWNJ,
      ZWJ,
      BOM,
      "\uFE0F",
      "\u{E0100}",
      "\u{E01EF}",
      "\u{E0041}",
      "\u{E007F}",
      "\u{1F3F4}",
      ENGLAND,
      "a",
      "葛",
      "😀",
      "[HIDDEN:",
      "\r\n",
    );
    const text = fc.array(fc.oneof(pieces, fc.string({ unit: "binary" })), { maxLength: 30 });
    fc.assert(
      fc.property(text, (parts) => {
        const { text: shown, count } = revealHidden(parts.join(""));
        expect(count === 0).toBe(shown === parts.join(""));
        expect(revealHidden(shown)).toEqual({ text: shown, count: 0 });
        expect(shown.replaceAll(KEPT, "")).not.toMatch(ACTS);
        if (shown.includes("\n")) expect(shown).not.toMatch(/\r(?![\r\n])/);
        const flags = /\u{1F3F4}[\u{E0061}-\u{E007A}]{5}\u{E007F}/gu;
        expect(shown.replaceAll(flags, "")).not.toMatch(/[\u{E0000}-\u{E007F}]/u);
        expect(shown.split("\n").length).toBe(parts.join("").split("\n").length);
      }),
      { numRuns: RUNS },
    );
  });
});

describe("ordinary text stays byte for byte", () => {
  it.each<readonly [name: string, text: string]>([
    ["tabs and all ends of lines", "a\tb\nc\r\nd\r\r\ne\u0085f\u2028g\u2029"],
    ["a text of an old Mac, whose lines end in CR", "one\rtwo\r\rthree\r"],
    ["a byte order mark at the start", `${BOM}# State\r\n`],
    ["Hebrew and Arabic with their marks", "שלום\u200F! \u200Eabc مرحبا\u061C 123"],
    ["Persian, whose words ZWNJ divides", `می${ZWNJ}خواهم نامه${ZWNJ}ای`],
    ["Hindi, Sinhala and Malayalam, whose letters ZWJ and ZWNJ shape", `क्${ZWJ}ष क्${ZWNJ}ष ශ්${ZWJ}රී ന്${ZWJ}`],
    ["Arabic letters kept from their ligature", `ل${ZWJ}${ZWNJ}${ZWJ}ا`],
    ["Thai, Khmer and Burmese, whose words ZWSP divides", `ภาษา${ZWSP}ไทย ភាសា${ZWSP}ខ្មែរ မြန်${ZWSP}မာ`],
    ["Mongolian with its selectors and vowel separator", "ᠮᠣᠩᠭᠣᠯ\u180E\u1820 ᠠ\u180B ᠭ\u180D"],
    ["ideographs with their variants", "葛\u{E0100}城市 辻\u{E0101} 㐂\u{E0102} 神\uFE00"],
    ["a slashed zero and mathematics with variants", "0\uFE00 ∩\uFE00 ≨\uFE00"],
    ["word joiners and soft hyphens", "10\u2060000 hy\u00ADphen"],
    ["Korean, Greek, Cyrillic, Georgian, Amharic, Cherokee", "한국어 Ελληνικά Русский ქართული አማርኛ ᏣᎳᎩ"],
    [
      "flags of regions and of countries",
      `${ENGLAND}\u{1F3F4}${tags("gbsct")}\u{E007F}\u{1F3F4}${tags("gbwls")}\u{E007F}🇩🇪🇪🇺🏴`,
    ],
    ["keycaps, hearts and skins", "1\uFE0F\u20E3 #\uFE0F\u20E3 ❤\uFE0F ☎\uFE0E 👍🏽 ☝\uFE0F"],
    [
      "families and professions",
      `👩${ZWJ}❤\uFE0F${ZWJ}💋${ZWJ}👨 👨${ZWJ}👩${ZWJ}👧${ZWJ}👦 🏳\uFE0F${ZWJ}🌈 🧑🏿${ZWJ}🚀 🤷🏻${ZWJ}♂\uFE0F`,
    ],
  ])("%s", (_name, text) => {
    expect(revealHidden(text)).toEqual({ text, count: 0 });
  });

  it("every emoji that is recommended for use", () => {
    const recommended = new RegExp(String.raw`^\p{RGI_Emoji}$`, "v");
    const singles: string[] = [];
    for (let code = 0x23; code <= 0x1faff; code += 1) {
      const character = String.fromCodePoint(code);
      const forms = [character, `${character}\uFE0F`, `${character}\uFE0F\u20E3`];
      const skins = ["\u{1F3FB}", "\u{1F3FF}"].map((skin) => character + skin);
      singles.push(...[...forms, ...skins].filter((form) => recommended.test(form)));
    }
    expect(singles.length).toBeGreaterThan(1_500);
    const people = singles.filter((form) =>
      /\p{Emoji_Modifier_Base}|[\u{1F441}\u{1F3F3}🐕🐻🐦❤😮😵🏴]/u.test(form),
    );
    const others = singles.filter((form) => form.length <= 3);
    const joined = people.flatMap((person) => others.map((other) => `${person}${ZWJ}${other}`));
    const sequences = joined.filter((form) => recommended.test(form));
    expect(sequences.length).toBeGreaterThan(100);
    for (const emoji of [...singles, ...sequences])
      expect(revealHidden(emoji)).toEqual({ text: emoji, count: 0 });
    const all = [...singles, ...sequences].join("");
    expect(revealHidden(all)).toEqual({ text: all, count: 0 });
  });

  it("letters, marks, digits, punctuation and symbols of every script", () => {
    const visible = /^[\p{L}\p{M}\p{N}\p{P}\p{S}\p{Zs}]$/u;
    const character = fc
      .integer({ min: 0x20, max: 0x323af })
      .map((code) => (code >= 0xd800 && code <= 0xdfff ? "a" : String.fromCodePoint(code)))
      .filter((one) => visible.test(one) && !/[\u{E0100}-\u{E01EF}]/u.test(one));
    // A mark may be a variation selector: one at a time is writing.
    const word = fc.array(character, { maxLength: 20 }).map((characters) => characters.join(" "));
    fc.assert(
      fc.property(fc.array(word), (words) => {
        const text = words.join("\n");
        expect(revealHidden(text)).toEqual({ text, count: 0 });
      }),
      { numRuns: RUNS },
    );
  });

  it("and the very same string comes back", () => {
    const text = "# State\n";
    expect(revealHidden(text).text).toBe(text);
  });
});
