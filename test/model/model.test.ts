import { randomInt } from "node:crypto";
import { describe, it } from "vitest";
import { generate } from "./generate.ts";
import { type Failure, type Outcome, play } from "./play.ts";
import { type Shrunk, shrink, stepsOf, withCheck } from "./shrink.ts";
import { inWords } from "./steps.ts";

/*
 * SOAK=1: twenty seeds of five hundred steps. MODEL_SEED=n and MODEL_STEPS=n: that run alone.
 * MODEL_KEEP=3,17-20: of that run these steps alone, as a failure prints them.
 */
const { SOAK, MODEL_SEED, MODEL_STEPS, MODEL_KEEP } = process.env;
const isSoak = SOAK === "1";
const STEPS = Number(MODEL_STEPS ?? (isSoak ? 500 : 100));
const SEEDS =
  MODEL_SEED === undefined
    ? Array.from({ length: isSoak ? 20 : 2 }, () => randomInt(1_000_000))
    : [Number(MODEL_SEED)];
const SHRINK_MS = isSoak ? 120_000 : 90_000;

describe.concurrent("the program and a trivial model of it, at each rest of a random run", () => {
  it.each(SEEDS)(
    `agree on what every cache holds and on what status says: ${STEPS} steps of seed %i`,
    {
      timeout: 3_600_000,
    },
    async (seed) => {
      const steps = generate(seed, STEPS).map((step, index) => ({ number: index + 1, step }));
      const run = withCheck(steps.filter(({ number }) => isKept(number)));
      const outcome = await play(stepsOf(run));
      if (outcome.failure === undefined) return;
      const { index, complaints } = outcome.failure;
      const shrunk = await shrink(run.slice(0, index + 1), complaints, SHRINK_MS);
      throw new Error(report(seed, outcome, outcome.failure, shrunk));
    },
  );
});

function isKept(number: number): boolean {
  if (MODEL_KEEP === undefined) return true;
  return MODEL_KEEP.split(",").some((range) => {
    const [from = 0, to = from] = range.split("-").map(Number);
    return number >= from && number <= to;
  });
}

function report(seed: number, outcome: Outcome, failure: Failure, shrunk: Shrunk): string {
  const { steps, tried, failed, complaints } = shrunk;
  const numbers = steps.map(({ number }) => number);
  return [
    `seed ${seed}, ${STEPS} steps: after ${outcome.taken} of them and ${outcome.checks} checks`,
    ...failure.complaints.map((complaint) => `  - ${complaint}`),
    `the shortest run found that fails (${tried} shorter ones tried, ${failed} failed), ${steps.length} steps:`,
    ...steps.map(({ number, step }) => `  ${String(number).padStart(3)}. ${inWords(step)}`),
    ...complaints.map((complaint) => `  - ${complaint}`),
    `again: MODEL_SEED=${seed} MODEL_STEPS=${STEPS} MODEL_KEEP=${numbers.join(",")} npx vitest run test/model`,
    `the end of the log of the whole run:\n${outcome.log.split("\n").slice(-20).join("\n")}`,
  ].join("\n");
}
