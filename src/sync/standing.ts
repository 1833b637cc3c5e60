import { within } from "../concurrently.ts";
import type { OwnedPart, Part } from "../core/cache/document.ts";
import { lineEnd } from "../core/cache/markers.ts";
import type { CleanText, Unfit } from "../core/cache/merge.ts";
import { sha256 } from "../core/snapshot.ts";
import { RuleError, ThreadError } from "../guard/rule-error.ts";
import type { RulesInForce } from "./rules-in-force.ts";

export interface StandingOptions {
  /** Peers whose sections will be replaced by what has passed the rules: their texts need no look. */
  readonly replaced: Pick<ReadonlySet<string>, "has">;
  readonly rules: RulesInForce;
  /** How long the guard may take with all of it, in milliseconds. */
  readonly patienceMs: number;
}

export interface Standing {
  readonly unfit: Unfit;
  /** False where the guard has not come to its end with some text. It goes on, and remembers. */
  readonly settled: boolean;
  /** Why some peers' texts were left as they are: a rule failed on them. */
  readonly failures: ReadonlyMap<string, string>;
}

/** Where everything is fit to stand. */
export const ALL_FIT: Standing = {
  unfit: { texts: new Map(), labels: new Map() },
  settled: true,
  failures: new Map(),
};

/**
 * Looks through what stands in a cache already: it passed the rules of its time, or no rules where
 * the original utility wrote it, and a rule that was added since counts for it as well. Where a
 * rule fails the text is left as it is: it does not come to be anywhere by that.
 */
export async function lookThrough(parts: readonly Part[], options: StandingOptions): Promise<Standing> {
  const { replaced, rules, patienceMs } = options;
  const texts = new Map<string, CleanText>();
  const labels = new Map<string, string>();
  const failures = new Map<string, string>();
  const deadline = performance.now() + patienceMs;
  let settled = true;
  const inTime = async (repo: string, look: () => Promise<void>): Promise<void> => {
    try {
      const work = look().then(() => true);
      if ((await within(Math.max(0, deadline - performance.now()), work)) !== true) settled = false;
    } catch (error) {
      if (!(error instanceof RuleError)) throw error;
      // A thread that could not be had may be had the next time.
      if (error instanceof ThreadError) settled = false;
      else failures.set(repo, error.message);
    }
  };
  for (const part of parts) {
    if (part.kind === "foreign") continue;
    const repo = part.kind === "section" ? part.section.repo : part.repo;
    const names = part.kind === "section" ? [part.section.origin, part.section.branch ?? ""] : [];
    for (const name of names) {
      await inTime(repo, async () => {
        const label = await rules.label(name);
        if (label !== name) labels.set(name, label);
      });
    }
    if (replaced.has(repo)) continue;
    await inTime(repo, async () => {
      const { digest, clean } = await cleanPart(part, rules);
      if (clean !== undefined) texts.set(digest, clean);
    });
  }
  // What comes later is not for this turn any more.
  return { unfit: { texts: new Map(texts), labels: new Map(labels) }, settled, failures };
}

/**
 * @returns the digest by which {@link Unfit} knows the part, and what takes its place; undefined
 *   where it is fit to stand.
 * @throws RuleError where a rule failed on it.
 */
export async function cleanPart(
  part: OwnedPart,
  rules: RulesInForce,
): Promise<{ readonly digest: string; readonly clean: CleanText | undefined }> {
  if (part.kind === "section") {
    const { body, sha256: digest } = part.section;
    return { digest, clean: await cleanText(body, digest, rules) };
  }
  const { bytes } = part;
  // The lines that make it a part stay what they are, whatever some rule takes them for.
  const start = lineEnd(bytes, 0);
  const end = part.kind === "damaged" && part.closed ? lastLineStart(bytes) : bytes.length;
  const inside = bytes.subarray(start, Math.max(start, end));
  const clean = await cleanText(inside, sha256(inside), rules);
  if (clean === undefined) return { digest: "", clean };
  const whole = Buffer.concat([bytes.subarray(0, start), clean.bytes, bytes.subarray(start + inside.length)]);
  return { digest: sha256(bytes), clean: { ...clean, bytes: whole } };
}

/** @returns undefined where there is nothing to take out. */
async function cleanText(bytes: Buffer, digest: string, rules: RulesInForce): Promise<CleanText | undefined> {
  if (rules.verdictOn(digest)?.sha256 === digest) return undefined;
  const cleared = await rules.clear(bytes, digest);
  if (cleared.sha256 === digest) return undefined;
  return { bytes: cleared.body, secrets: cleared.secretCount, hidden: cleared.hidden };
}

function lastLineStart(bytes: Buffer): number {
  const end = bytes.at(-1) === 0x0a ? bytes.length - 1 : bytes.length;
  return bytes.lastIndexOf(0x0a, end - 1) + 1;
}
