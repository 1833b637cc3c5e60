import { performance } from "node:perf_hooks";
import { NAMES } from "./cast.ts";
import { play } from "./play.ts";
import type { Step } from "./steps.ts";

/** A step with its number in the whole run, from 1. */
export interface Numbered {
  readonly number: number;
  readonly step: Step;
}

export interface Shrunk {
  readonly steps: readonly Numbered[];
  readonly complaints: readonly string[];
  /** How many shorter runs were played, and how many of those failed too. */
  readonly tried: number;
  readonly failed: number;
}

/** What fails by chance fails more often in several copies of the run, and most of a run is waiting. */
const SIDE_BY_SIDE = 3;
/** What is tried again is known to go wrong: it may be told sooner. */
const PATIENCE = { rescans: 4 };

/**
 * Finds a shorter run that fails in the same way, for as long as there is time.
 *
 * @param run ends with the step at which it failed.
 */
export async function shrink(
  run: readonly Numbered[],
  complaints: readonly string[],
  budgetMs: number,
): Promise<Shrunk> {
  const shrinking = new Shrinking(run, complaints, performance.now() + budgetMs);
  const lastCheck = run.slice(0, -1).findLast(isCheck)?.number ?? 0;
  await shrinking.dropChecks();
  await shrinking.cutBehind(lastCheck);
  await shrinking.dropBlocks();
  return shrinking.result;
}

class Shrinking {
  /** Without the check at the end. */
  #steps: readonly Numbered[];
  #complaints: readonly string[];
  readonly #deadline: number;
  readonly #kinds: ReadonlySet<string>;
  #tried = 0;
  #failed = 0;

  constructor(run: readonly Numbered[], complaints: readonly string[], deadline: number) {
    this.#steps = withoutCheck(run);
    this.#complaints = complaints;
    this.#deadline = deadline;
    this.#kinds = new Set(complaints.map(kindOf));
  }

  get result(): Shrunk {
    const steps = withCheck(this.#steps);
    return { steps, complaints: this.#complaints, tried: this.#tried, failed: this.#failed };
  }

  get #isOver(): boolean {
    return performance.now() >= this.#deadline;
  }

  /** A run is quick without the checks on the way. */
  async dropChecks(): Promise<void> {
    await this.#fails(this.#steps.filter((numbered) => !isCheck(numbered)));
  }

  /** Finds the first step behind which a check fails, by halves. */
  async cutBehind(lastCheck: number): Promise<void> {
    let low = this.#steps.findIndex(({ number }) => number > lastCheck);
    while (low !== -1 && low < this.#steps.length && !this.#isOver) {
      const middle = (low + this.#steps.length) >> 1;
      if (!(await this.#fails(this.#steps.slice(0, middle)))) low = middle + 1;
    }
  }

  /** Leaves out ever smaller blocks, from the end: what comes last has the most to do with it. */
  async dropBlocks(): Promise<void> {
    for (let size = this.#steps.length >> 1; size > 0; size >>= 1) {
      for (let end = this.#steps.length; end > 0 && !this.#isOver; end -= size) {
        const start = Math.max(0, end - size);
        await this.#fails([...this.#steps.slice(0, start), ...this.#steps.slice(end)]);
      }
    }
  }

  /** Plays a run with a check at its end, and goes on with it if it fails. */
  async #fails(candidate: readonly Numbered[]): Promise<boolean> {
    if (candidate.length >= this.#steps.length) return false;
    this.#tried += 1;
    const run = withCheck(candidate);
    const plays = Array.from({ length: SIDE_BY_SIDE }, () => play(stepsOf(run), PATIENCE));
    const failures = (await Promise.all(plays)).flatMap(({ failure }) => failure ?? []);
    // What goes wrong in another way is another story.
    const failure = failures.find(({ complaints }) => complaints.some((one) => this.#kinds.has(kindOf(one))));
    if (failure === undefined) return false;
    this.#failed += 1;
    this.#steps = withoutCheck(run.slice(0, failure.index + 1));
    this.#complaints = failure.complaints;
    return true;
  }
}

export function stepsOf(run: readonly Numbered[]): Step[] {
  return run.map(({ step }) => step);
}

/** The same run, ending with a check. */
export function withCheck(run: readonly Numbered[]): readonly Numbered[] {
  const last = run.at(-1);
  if (last !== undefined && isCheck(last)) return run;
  return [...run, { number: (last?.number ?? 0) + 1, step: { do: "check" } }];
}

function withoutCheck(run: readonly Numbered[]): readonly Numbered[] {
  const last = run.at(-1);
  return last !== undefined && isCheck(last) ? run.slice(0, -1) : run;
}

function isCheck({ step }: Numbered): boolean {
  return step.do === "check";
}

/** A complaint's first words, without names and numbers. */
function kindOf(complaint: string): string {
  const names = new RegExp(`\\b(?:${NAMES.join("|")})\\b`, "g");
  return complaint
    .replaceAll(names, "_")
    .replaceAll(/ \(\w+\)|\d+/g, "")
    .slice(0, 24);
}
