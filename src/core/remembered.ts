/**
 * What was made of the texts that were asked about last. What is made of a text must depend on
 * nothing else, and must not change: then it need not be known when the text has.
 */
export class Remembered<T> {
  /** The longest ago first. */
  readonly #made = new Map<string, T>();
  readonly #most: number;
  #length = 0;

  /** @param most how long the texts may be together, in UTF-16 units. */
  constructor(most: number) {
    this.#most = most;
  }

  of(text: string, make: () => T): T {
    const known = this.#made.get(text);
    if (known !== undefined) {
      this.#made.delete(text);
      this.#made.set(text, known);
      return known;
    }
    const made = make();
    this.#made.set(text, made);
    this.#length += text.length;
    for (const oldest of this.#made.keys()) {
      if (this.#length <= this.#most) break;
      this.#made.delete(oldest);
      this.#length -= oldest.length;
    }
    return made;
  }
}
