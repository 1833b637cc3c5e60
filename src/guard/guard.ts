import type { Guarded, GuardOptions } from "./guarded.ts";
import { Inspector } from "./inspector.ts";
import { Threads } from "./threads.ts";

/**
 * Longer texts are looked through in a thread of their own. This much takes our rules some
 * milliseconds, and a tenth of a second where it is made to slow them down.
 */
const MOST_HERE_BYTES = 64 * 1024;

/** Of the whole process: threads serve every set of rules. */
const ours = new Threads();

/**
 * Looks through what is to travel: makes hidden text visible and takes secrets out. Holds nothing
 * of what it has seen. What it redacted is redacted for good: looking at it again changes nothing.
 */
export class Guard {
  readonly #options: GuardOptions;
  readonly #inspector: Inspector;
  readonly #threads: Threads;

  private constructor(options: GuardOptions, inspector: Inspector, threads: Threads) {
    this.#options = options;
    this.#inspector = inspector;
    this.#threads = threads;
  }

  /**
   * Loads the rules, once for all texts.
   *
   * @throws Error naming the pattern that is not RE2, which the config's validation should have found.
   */
  static async load(options: GuardOptions, threads = ours): Promise<Guard> {
    return new Guard(options, await Inspector.load(options), threads);
  }

  /**
   * @param body UTF-8, checked by the caller.
   * @throws RuleError where a rule failed, took too long or came to no end. The text must not travel
   *   then; the message names the rule and holds nothing of the text.
   */
  async inspect(body: Buffer): Promise<Guarded> {
    const { patterns, allow } = this.#options;
    // How long a user's pattern takes nobody can tell beforehand, and nothing could stop it here.
    const own = Object.keys(patterns).length + allow.length > 0;
    const here = body.length <= MOST_HERE_BYTES && !own;
    return here ? await this.#inspector.inspect(body) : await this.#threads.inspect(this.#options, body);
  }
}
