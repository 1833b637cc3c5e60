import { revealHidden } from "./hidden.ts";
import { inOriginal, markersIn, merged, outside, redact, widened } from "./redact.ts";
import type { Finding, Guarded, GuardOptions } from "./guarded.ts";
import { RuleError } from "./rule-error.ts";
import { type AtRule, type Found, scan, scanWhole, type Scanner } from "./scanner.ts";

/** What one look redacts can uncover more, but does so once or twice at most. */
const MOST_LOOKS = 12;

/** What says more is a number: a rule for numbers may find a hundred thousand in one text. */
const MOST_TOLD = 1_000;

/** The rules, and the looking, in the thread that calls. {@link Guard} says which thread that is. */
export class Inspector {
  readonly #maintained: readonly Scanner[];
  readonly #own: readonly Scanner[];
  readonly #users: readonly Scanner[];
  readonly #isAllowed: (secret: string) => boolean;
  readonly #rules: ReadonlySet<string>;

  private constructor(
    maintained: readonly Scanner[],
    own: readonly Scanner[],
    users: readonly Scanner[],
    isAllowed: (secret: string) => boolean,
  ) {
    this.#maintained = maintained;
    this.#own = own;
    this.#users = users;
    this.#isAllowed = isAllowed;
    this.#rules = new Set([...maintained, ...own, ...users].flatMap((scanner) => scanner.rules));
  }

  /** See {@link Guard.load}. */
  static async load({ patterns, allow }: GuardOptions): Promise<Inspector> {
    const [{ maintainedScanners }, { ownScanners }] = await Promise.all([
      import("./maintained-rules.ts"),
      import("./own-rules.ts"),
    ]);
    const [maintained, own] = [maintainedScanners(), ownScanners()];
    if (Object.keys(patterns).length === 0 && allow.length === 0)
      return new Inspector(maintained, own, [], () => false);
    const { allowing, userScanners } = await import("./pattern.ts");
    return new Inspector(maintained, own, userScanners(patterns), allowing(allow));
  }

  /**
   * See {@link Guard.inspect}.
   *
   * @param at called with each rule's name as its turn comes.
   */
  async inspect(body: Buffer, at?: AtRule): Promise<Guarded> {
    // Hidden text first: a rule that saw a control character inside a secret would not know it for
    // one, and a marker put into the middle of a hidden run would make two of it that look harmless.
    const { text, count } = revealHidden(body.toString("utf8"));
    const found = await this.#findAll(text, at);
    if (count === 0 && found.length === 0) return { body, secrets: [], secretCount: 0, hidden: 0 };
    return {
      body: Buffer.from(redact(text, found).text),
      secrets: findings(text, found.slice(0, MOST_TOLD)),
      secretCount: found.length,
      hidden: count,
    };
  }

  /** Looks until there is nothing more: what was overlapped, or began in the middle of something else. */
  async #findAll(text: string, at: AtRule | undefined): Promise<Found[]> {
    let found: Found[] = [];
    for (let look = 0; look < MOST_LOOKS; look += 1) {
      const redacted = redact(text, found);
      const markers = markersIn(redacted.text, this.#rules);
      const more = outside(markers, merged(await this.#look(redacted.text, at)));
      if (more.length === 0) return found;
      found = merged([...found, ...inOriginal(redacted, more).map((one) => widened(text, one))]);
    }
    const rule = found.at(-1)?.rule ?? "";
    throw new RuleError(
      `the rule ${rule} finds more the more is redacted; let it match the whole of what is meant`,
    );
  }

  async #look(text: string, at: AtRule | undefined): Promise<Found[]> {
    const plain = withoutEscapes(text);
    const found = [
      ...(await scan(plain, this.#maintained, at)),
      ...(await scanWhole(plain, this.#own, at)),
      ...(await scanWhole(text, this.#users, at)),
    ];
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
