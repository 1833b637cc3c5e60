import { setImmediate as nextTurn } from "node:timers/promises";
import { Pairs } from "./pairs.ts";
import { RuleError } from "./rule-error.ts";

/** A place in a text that may not travel, in UTF-16 units, `end` behind the last. */
export interface Found {
  readonly rule: string;
  readonly start: number;
  readonly end: number;
}

/** One rule, or a few that came together. Knows nothing between two texts. */
export interface Scanner {
  /** What the rule, or the package's rule, is called; for messages about itself. */
  readonly name: string;
  /** The names that its findings can bear. */
  readonly rules: readonly string[];
  /** @param pairs of the text, for who looks for many words in it. */
  find(text: string, pairs?: Pairs): readonly Found[] | Promise<readonly Found[]>;
}

/** Hears which scanner's turn it is. */
export type AtRule = (name: string) => void;

/**
 * A long text is read in windows: some of the maintained rules take more time a KB the longer a
 * text is that is made to slow them down, up to 1.5 ms here.
 */
const WINDOW = 96 * 1024;
/** Longer than anything that the maintained rules find; the longest are private keys. */
const OVERLAP = 24 * 1024;
/** How far back from where it would be a window's edge looks for the start of a line. */
const LEEWAY = 4 * 1024;

/** How long work may keep other work of the process waiting. */
const TURN_MS = 20;

/** Lets other work of the thread have its turn now and then. */
class Pace {
  #since = performance.now();

  async rest(): Promise<void> {
    if (performance.now() - this.#since < TURN_MS) return;
    await nextTurn();
    this.#since = performance.now();
  }
}

/**
 * Everything that the scanners find in a text, in no order.
 *
 * @throws RuleError where a rule fails. It names the rule alone: what a rule says of its failure may hold the text.
 */
export async function scan(text: string, scanners: readonly Scanner[], at?: AtRule): Promise<Found[]> {
  const pace = new Pace();
  const found: Found[] = [];
  for (const { start, end, next } of windows(text)) {
    const part = start === 0 && end === text.length ? text : text.slice(start, end);
    for (const scanner of scanners) {
      at?.(scanner.name);
      const here = await findWith(scanner, part);
      for (const one of here) {
        // What touches the window's edge may go on behind it. The next window has it whole.
        if (start + one.end === end && start + one.start >= next) continue;
        found.push({ rule: one.rule, start: start + one.start, end: start + one.end });
      }
      await pace.rest();
    }
  }
  return found;
}

/** The same for scanners whose findings may be of any length, and whose time grows as the text does: it is not divided for them. */
export async function scanWhole(text: string, scanners: readonly Scanner[], at?: AtRule): Promise<Found[]> {
  const pace = new Pace();
  const pairs = new Pairs(text);
  const found: Found[] = [];
  for (const scanner of scanners) {
    at?.(scanner.name);
    for (const one of await findWith(scanner, text, pairs)) found.push(one);
    await pace.rest();
  }
  return found;
}

async function findWith(scanner: Scanner, text: string, pairs?: Pairs): Promise<readonly Found[]> {
  try {
    return await scanner.find(text, pairs);
  } catch (error) {
    if (error instanceof RuleError) throw error;
    const kind = error instanceof Error ? error.name : typeof error;
    throw new RuleError(`the rule ${scanner.name} failed (${kind})`);
  }
}

interface Window {
  readonly start: number;
  readonly end: number;
  /** Where the next window starts; the end of the text where there is none. */
  readonly next: number;
}

function* windows(text: string): Generator<Window> {
  let start = 0;
  while (text.length - start > WINDOW) {
    const end = edge(text, start + WINDOW);
    const next = edge(text, end - OVERLAP);
    yield { start, end, next };
    start = next;
  }
  yield { start, end: text.length, next: text.length };
}

/** The start of a line shortly before `at`; where there is none, `at`, or before the character it would split. */
function edge(text: string, at: number): number {
  const newline = text.lastIndexOf("\n", at - 1);
  if (newline >= at - LEEWAY) return newline + 1;
  const unit = text.charCodeAt(at);
  return unit >= 0xdc00 && unit <= 0xdfff ? at - 1 : at;
}
