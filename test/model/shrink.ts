import { performance } from "node:perf_hooks";
import { NAMES } from "./cast.ts";
import { type Failure, play } from "./play.ts";
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

/** What is tried again is known to go wrong: it may be told sooner. */
const PATIENCE = { rescans: 4 };

/** Finds a shorter run that fails, for as long as there is time. A run that fails by chance stays as it is. */
export async function shrink(run: readonly Numbered[], failure: Failure, budgetMs: number): Promise<Shrunk> {
  const steps = run.slice(0, failure.index + 1);
  const shrinking = new Shrinking(steps, failure.complaints, performance.now() + budgetMs);
  await shrinking.bisect();
  await shrinking.dropBlocks();
  return shrinking.result;
}

class Shrinking {
  #steps: readonly Numbered[];
  #complaints: readonly string[];
  readonly #deadline: number;
  readonly #kinds: ReadonlySet<string>;
  #tried = 0;
  #failed = 0;

  constructor(steps: readonly Numbered[], complaints: readonly string[], deadline: number) {
    this.#steps = steps;
    this.#complaints = complaints;
    this.#deadline = deadline;
    this.#kinds = new Set(complaints.map(kindOf));
  }

  get result(): Shrunk {
    return { steps: this.#steps, complaints: this.#complaints, tried: this.#tried, failed: this.#failed };
  }

  get #isOver(): boolean {
    return performance.now() >= this.#deadline;
  }

  /** The first step since the last check behind which a check fails. */
  async bisect(): Promise<void> {
    const isCheck = ({ step }: Numbered): boolean => step.do === "check";
    let low = this.#steps.slice(0, -1).findLastIndex(isCheck) + 1;
    while (low < this.#steps.length - 1 && !this.#isOver) {
      const middle = (low + this.#steps.length - 1) >> 1;
      if (!(await this.#fails(this.#steps.slice(0, middle)))) low = middle + 1;
    }
  }

  /** Leaves out ever smaller blocks. The checks in between come first: without them a run is quick. */
  async dropBlocks(): Promise<void> {
    await this.#fails(this.#steps.filter(({ step }) => step.do !== "check"));
    for (let size = this.#steps.length >> 1; size > 0 && !this.#isOver; size = nextSize(size)) {
      for (let at = this.#steps.length - size; at > -size && !this.#isOver; at -= size) {
        const from = Math.max(0, at);
        const left = [...this.#steps.slice(0, from), ...this.#steps.slice(at + size)];
        await this.#fails(left);
      }
    }
  }

  /** Plays a run with a check at its end, and goes on with it if it fails. */
  async #fails(candidate: readonly Numbered[]): Promise<boolean> {
    if (candidate.length === 0 || candidate.length >= this.#steps.length) return false;
    this.#tried += 1;
    const run = withCheck(candidate);
    const { failure } = await play(stepsOf(run), PATIENCE);
    // What goes wrong in another way is another story.
    if (failure === undefined || !failure.complaints.map(kindOf).some((kind) => this.#kinds.has(kind)))
      return false;
    this.#failed += 1;
    this.#steps = run.slice(0, failure.index + 1);
    this.#complaints = failure.complaints;
    return true;
  }
}

export function stepsOf(run: readonly Numbered[]): Step[] {
  return run.map(({ step }) => step);
}

/** The same run, ending with a check. */
export function withCheck(steps: readonly Numbered[]): readonly Numbered[] {
  const last = steps.at(-1);
  if (last?.step.do === "check") return steps;
  return [...steps, { number: (last?.number ?? 0) + 1, step: { do: "check" } }];
}

/** A complaint's first words, without names and numbers. */
function kindOf(complaint: string): string {
  const names = new RegExp(`\\b(?:${NAMES.join("|")})\\b`, "g");
  return complaint
    .replaceAll(names, "_")
    .replaceAll(/ \(\w+\)|\d+/g, "")
    .slice(0, 24);
}

function nextSize(size: number): number {
  return size === 1 ? 0 : size >> 1;
}
