import { seeded } from "../support/random.ts";

/**
 * Secrets of the right shape that open nothing. They are put together as the tests run, so that
 * no file holds one and no scanner of repositories stumbles over these.
 */
export class MadeUp {
  readonly #random: () => number;

  constructor(seed: number) {
    this.#random = seeded(seed);
  }

  #of(alphabet: string, length: number): string {
    let made = "";
    while (made.length < length) made += alphabet[Math.floor(this.#random() * alphabet.length)] ?? "";
    return made;
  }

  /** Letters, small and large, and digits, of each at least one. */
  base62(length: number): string {
    return this.#with([LOWER, UPPER, DIGITS], LOWER + UPPER + DIGITS, length);
  }

  base64url(length: number): string {
    return this.#with([LOWER, UPPER, DIGITS], `${LOWER}${UPPER}${DIGITS}-_`, length);
  }

  /** Without padding. */
  base64(length: number): string {
    return this.#with([LOWER, UPPER, DIGITS], `${LOWER}${UPPER}${DIGITS}+/`, length);
  }

  hex(length: number): string {
    return this.#with([DIGITS, "abcdef"], `${DIGITS}abcdef`, length);
  }

  letters(length: number): string {
    return this.#with([LOWER, UPPER], LOWER + UPPER, length);
  }

  upper(length: number): string {
    return this.#with([UPPER, DIGITS], UPPER + DIGITS, length);
  }

  digits(length: number): string {
    return `${this.#of("123456789", 1)}${this.#of(DIGITS, length - 1)}`;
  }

  /** As a person would choose one: `Krovat72!` */
  password(): string {
    const word = `${this.#of("KTRMBDP", 1)}${this.#of("aeiou", 1)}${this.#of("lrnst", 1)}${this.#of("aeiou", 1)}${this.#of("nrtkl", 1)}`;
    return `${word}${this.digits(2)}${this.#of("!$%*", 1)}`;
  }

  uuid(): string {
    return [8, 4, 4, 4, 12].map((length) => this.hex(length)).join("-");
  }

  jwt(): string {
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
    return [
      part({ alg: "HS256", typ: "JWT" }),
      part({ sub: this.digits(10), admin: true }),
      this.base64url(43),
    ].join(".");
  }

  /** @param kind such as `RSA `, or nothing. */
  pem(kind = "", newline = "\n", lines = 12): string {
    const [begin, end] = ["BEGIN", "END"].map((word) => `-----${word} ${kind}PRIVATE KEY-----`);
    const body = Array.from(
      { length: lines },
      (_, line) => (line === 0 ? "MIIE" : this.base64(4)) + this.base64(60),
    );
    return [begin, ...body, end].join(newline);
  }

  #with(needed: readonly string[], alphabet: string, length: number): string {
    const rest = this.#of(alphabet, length - needed.length);
    const at = 1 + Math.floor(this.#random() * Math.max(0, rest.length - 1));
    return rest.slice(0, at) + needed.map((some) => this.#of(some, 1)).join("") + rest.slice(at);
  }
}

const LOWER = "abcdefghijklmnopqrstuvwxyz";
const UPPER = LOWER.toUpperCase();
const DIGITS = "0123456789";
