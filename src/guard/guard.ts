import { revealHidden } from "./hidden.ts";
import { inOriginal, markersIn, merged, outside, redact, widened } from "./redact.ts";
import { type Found, RuleError, scan, type Scanner } from "./scanner.ts";

/** Where something was found, and by which rule; never what. */
export interface Finding {
  readonly rule: string;
  /** 1-based, in the text that came in. */
  readonly line: number;
}

export interface Guarded {
  /** What may travel. The same Buffer as came in where nothing was found. */
  readonly body: Buffer;
  readonly secrets: readonly Finding[];
  /** Places where something would have been hidden, and was made visible. */
  readonly hidden: number;
}

export interface GuardOptions {
  /**
   * The user's own rules, by name. RE2; `^` and `$` stand for the start and end of a line. In a
   * text of more than 96 KB what they match may have 20 KB at most.
   */
  readonly patterns: Readonly<Record<string, string>>;
  /** What looks like a secret and is none: RE2 patterns that must match the whole of what a rule found. */
  readonly allow: readonly string[];
}

/** What one look redacts can uncover more, but does so once or twice at most. */
const MOST_LOOKS = 12;

/**
 * Looks through what is to travel: makes hidden text visible and takes secrets out. Holds nothing
 * of what it has seen. What it redacted is redacted for good: looking at it again changes nothing.
 */
export class Guard {
  readonly #builtIn: readonly Scanner[];
  readonly #users: readonly Scanner[];
  readonly #isAllowed: (secret: string) => boolean;
  readonly #rules: ReadonlySet<string>;

  private constructor(
    builtIn: readonly Scanner[],
    users: readonly Scanner[],
    isAllowed: (secret: string) => boolean,
  ) {
    this.#builtIn = builtIn;
    this.#users = users;
    this.#isAllowed = isAllowed;
    this.#rules = new Set([...builtIn, ...users].flatMap((scanner) => scanner.rules));
  }

  /**
   * Loads the rules, once for all texts.
   *
   * @throws Error naming the pattern that is not RE2, which the config's validation should have found.
   */
  static async load({ patterns, allow }: GuardOptions): Promise<Guard> {
    const [{ maintainedScanners }, { ownScanners }] = await Promise.all([
      import("./maintained-rules.ts"),
      import("./own-rules.ts"),
    ]);
    const builtIn = [...maintainedScanners(), ...ownScanners()];
    if (Object.keys(patterns).length === 0 && allow.length === 0) return new Guard(builtIn, [], () => false);
    const { allowing, userScanners } = await import("./pattern.ts");
    return new Guard(builtIn, userScanners(patterns), allowing(allow));
  }

  /**
   * @param body UTF-8, checked by the caller.
   * @throws RuleError where a rule failed, took too long or came to no end. The text must not travel
   *   then; the message names the rule and holds nothing of the text.
   */
  async inspect(body: Buffer): Promise<Guarded> {
    // Hidden text first: a rule that saw a control character inside a secret would not know it for
    // one, and a marker put into the middle of a hidden run would make two of it that look harmless.
    const { text, count } = revealHidden(body.toString("utf8"));
    const found = await this.#findAll(text);
    if (count === 0 && found.length === 0) return { body, secrets: [], hidden: 0 };
    return { body: Buffer.from(redact(text, found).text), secrets: findings(text, found), hidden: count };
  }

  /** Looks until there is nothing more: what was overlapped, or began in the middle of something else. */
  async #findAll(text: string): Promise<Found[]> {
    let found: Found[] = [];
    for (let look = 0; look < MOST_LOOKS; look += 1) {
      const redacted = redact(text, found);
      const markers = markersIn(redacted.text, this.#rules);
      const more = outside(markers, merged(await this.#look(redacted.text)));
      if (more.length === 0) return found;
      found = merged([...found, ...inOriginal(redacted, more).map((one) => widened(text, one))]);
    }
    const rule = found.at(-1)?.rule ?? "";
    throw new RuleError(
      `the rule ${rule} finds more the more is redacted; let it match the whole of what is meant`,
    );
  }

  async #look(text: string): Promise<Found[]> {
    const found = [...(await scan(withoutEscapes(text), this.#builtIn)), ...(await scan(text, this.#users))];
    return found.filter(({ start, end }) => !this.#isAllowed(text.slice(start, end)));
  }
}

/**
 * The text with blanks for what stands directly before a token and looks like a part of it: an
 * escape sequence for colours, made visible, ends in a letter, and so does `\n` in a string.
 */
function withoutEscapes(text: string): string {
  return text.replaceAll(/\u241B\[[\d;:]*[A-Za-z]|(?<!\\)\\[nrt]/g, (sequence) =>
    " ".repeat(sequence.length),
  );
}

function findings(text: string, found: readonly Found[]): Finding[] {
  // A text without LF has lines that end in CR.
  const newline = text.includes("\n") ? "\n" : "\r";
  let line = 1;
  let next = text.indexOf(newline);
  return found.map(({ rule, start }) => {
    while (next !== -1 && next < start) {
      line += 1;
      next = text.indexOf(newline, next + 1);
    }
    return { rule, line };
  });
}
