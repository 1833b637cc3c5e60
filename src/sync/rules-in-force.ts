import { sha256 } from "../core/snapshot.ts";
import type { Guard } from "../guard/guard.ts";
import type { Guarded, GuardOptions } from "../guard/guarded.ts";
import { ThreadError } from "../guard/rule-error.ts";

/** What the guard found in a text. No part of the text is in it. */
export interface Verdict extends Omit<Guarded, "body"> {
  /** Hex digest of what may travel. */
  readonly sha256: string;
}

export interface Cleared extends Verdict {
  /** What may travel. */
  readonly body: Buffer;
}

/** Texts that are remembered by their digests, with what was said of them. */
const MOST_REMEMBERED = 4_096;
/** An answer that took this long is kept for who could not wait for it ... */
const SLOW_MS = 100;
/** ... and asks again by then. */
const KEPT_MS = 10_000;
/** A text on which a rule failed is not tried again sooner: the failing may take a quarter of a minute of computing. */
const FAILED_AGAIN_MS = 600_000;

/** PATH_MAX of Linux, in bytes. */
const LONGEST_LABEL = 4_096;

const inForce = new WeakMap<GuardOptions, RulesInForce>();

/**
 * One set of rules and what it has said of texts, so that no text is looked through twice. Of the
 * texts themselves nothing is kept for long.
 */
export class RulesInForce {
  readonly #options: GuardOptions;
  readonly #verdicts = new Map<string, Verdict>();
  readonly #failures = new Map<string, { readonly at: number; readonly error: unknown }>();
  readonly #labels = new Map<string, string>();
  readonly #underWay = new Map<string, Promise<Cleared>>();
  #guard: Promise<Guard> | undefined;

  private constructor(options: GuardOptions) {
    this.#options = options;
  }

  /** The same for the same object. */
  static of(options: GuardOptions): RulesInForce {
    const rules = inForce.get(options) ?? new RulesInForce(options);
    inForce.set(options, rules);
    return rules;
  }

  /** What was said of the text with this digest; undefined where it has not been looked through, or had to be refused. */
  verdictOn(digest: string): Verdict | undefined {
    return this.#verdicts.get(digest);
  }

  /**
   * Looks through a text. Who asks for the same one meanwhile gets the same answer.
   *
   * @param digest hex digest of `bytes`.
   * @throws what {@link Guard.inspect} throws. One that failed a short while ago fails at once.
   */
  async clear(bytes: Buffer, digest: string): Promise<Cleared> {
    const present = this.#underWay.get(digest);
    if (present !== undefined) return await present;
    const work = this.#clear(bytes, digest);
    this.#underWay.set(digest, work);
    const started = performance.now();
    try {
      return await work;
    } finally {
      const forget = (): unknown => this.#underWay.delete(digest);
      if (performance.now() - started < SLOW_MS) forget();
      else setTimeout(forget, KEPT_MS).unref();
    }
  }

  /** Has a text on which a rule failed be tried again at once: somebody asked. */
  retry(digest: string): void {
    this.#failures.delete(digest);
  }

  /**
   * A path or a branch's name as it may be shown: a name may be a secret too, and may hold a
   * newline, or what patterns take for one, which a line of metadata must not.
   *
   * @throws as {@link clear}.
   */
  async label(name: string): Promise<string> {
    const known = this.#labels.get(name);
    if (known !== undefined) return known;
    // No path is longer; a section that somebody forged may say anything of where it came from.
    if (name.length > LONGEST_LABEL) return await this.label(name.slice(0, LONGEST_LABEL));
    const text = Buffer.from(name.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]/gu, "?"));
    const label = (await this.clear(text, sha256(text))).body.toString("utf8");
    remember(this.#labels, name, label);
    return label;
  }

  async #clear(bytes: Buffer, digest: string): Promise<Cleared> {
    const failed = this.#failures.get(digest);
    if (failed !== undefined && performance.now() - failed.at < FAILED_AGAIN_MS) throw failed.error;
    try {
      const { body, ...found } = await (await this.#loaded()).inspect(bytes);
      const verdict = { ...found, sha256: body === bytes ? digest : sha256(body) };
      remember(this.#verdicts, digest, verdict);
      this.#failures.delete(digest);
      return { ...verdict, body };
    } catch (error) {
      if (!(error instanceof ThreadError)) remember(this.#failures, digest, { at: performance.now(), error });
      throw error;
    }
  }

  /** The rules take longer to load than a file takes to read, so they are loaded for the first text. */
  async #loaded(): Promise<Guard> {
    this.#guard ??= import("../guard/guard.ts").then((module) => module.Guard.load(this.#options));
    try {
      return await this.#guard;
    } catch (error) {
      // Files that could not be read now may be read the next time.
      this.#guard = undefined;
      throw new ThreadError("the guard's rules could not be loaded", { cause: error });
    }
  }
}

function remember<T>(memory: Map<string, T>, key: string, value: T): void {
  const [oldest] = memory.keys();
  if (oldest !== undefined && memory.size >= MOST_REMEMBERED) memory.delete(oldest);
  memory.set(key, value);
}
