const SLOTS = 1 << 16;

/**
 * Which two characters stand side by side in a text. A word of which a pair is missing is not in it: so
 * that sixty words need not be looked for one after the other, in one pass each.
 */
export class Pairs {
  readonly #text: string;
  #seen: Uint8Array | undefined;

  constructor(text: string) {
    this.#text = text;
  }

  /** Whether the text includes a word. */
  includes(word: string): boolean {
    const seen = (this.#seen ??= pairsIn(this.#text));
    for (let at = 1; at < word.length; at += 1) if (seen[slot(word, at)] === 0) return false;
    return this.#text.includes(word);
  }
}

function pairsIn(text: string): Uint8Array {
  const seen = new Uint8Array(SLOTS);
  for (let at = 1; at < text.length; at += 1) seen[slot(text, at)] = 1;
  return seen;
}

/** One for the characters before and at a place. Two pairs may share one, which costs a search and hides nothing. */
function slot(text: string, at: number): number {
  return ((text.charCodeAt(at - 1) << 8) ^ text.charCodeAt(at)) & (SLOTS - 1);
}
