import { within } from "../concurrently.ts";
import { EXIT, type ExitCode, systemCode } from "../errors.ts";
import { here } from "../hooks/here.ts";
import { contextFor, type HookEvent, isWholeEvent, readEvent } from "../hooks/event.ts";
import type { Alone, HookWorld } from "../hooks/consult.ts";
import type { Answer } from "../hooks/question.ts";
import { confirmTold, sessionFiles } from "../hooks/session.ts";
import { complain, readInput, say } from "../hooks/standard-io.ts";
import type { Paths } from "../paths.ts";
import { visible } from "../visible.ts";

/** The events that there are hooks for, and what a harness calls each. */
export const HOOK_EVENTS = {
  "session-start": "SessionStart",
  prompt: "UserPromptSubmit",
  checkpoint: "PostToolUse",
} as const;
export type HookName = keyof typeof HOOK_EVENTS;

export interface HookOptions {
  readonly budget?: number | undefined;
  readonly every?: number | undefined;
  /** Options that there are none of. */
  readonly unknown?: readonly string[];
}

/** Harnesses hand on 10,000 characters, and make a file of what is longer. */
export const BUDGET = 8_000;
const NEWS_BUDGET = 4_000;
const EVERY = 10;
export const LEAST_BUDGET = 400;
const MOST_BUDGET = 9_900;

/** The agent waits: what takes longer than this is left. */
const MOST_MS = 6_000;

/**
 * Does what a hook does at an event. Whatever happens, the agent's turn goes on: nothing is thrown,
 * the exit code is 0, and at most one line goes to stderr.
 */
export async function hookEvent(
  name: HookName,
  options: HookOptions,
  paths: Paths,
  alone: () => Promise<Alone>,
): Promise<ExitCode> {
  const mistakes = [...mistakesIn(options)];
  try {
    const defaults = { cwd: process.env["CLAUDE_PROJECT_DIR"] ?? here(), name: HOOK_EVENTS[name] };
    const { event, mistake } = readEvent(await readInput(isWholeEvent), defaults);
    if (mistake !== undefined) mistakes.push(mistake);
    const world: HookWorld = { paths, now: Date.now(), alone };
    const done = await within(MOST_MS, act(name, event, options, world));
    if (done === undefined)
      mistakes.push(`nothing was found out within ${MOST_MS / 1_000} s: does some disk not answer?`);
    else if (done.text !== null) tellAgent(event, done, paths);
    if (done?.remark !== undefined) mistakes.push(done.remark);
  } catch (error) {
    mistakes.push(error instanceof Error ? error.message : String(error));
  }
  const lines = mistakes.flatMap((mistake) => mistake.split("\n"));
  if (lines.length > 0) await tell(name, lines.join("; "), paths);
  return EXIT.ok;
}

/** What was not heard is told again: so it counts as told only now. */
function tellAgent(event: HookEvent, { text, told }: Answer, paths: Paths): void {
  const wasHeard = say(contextFor(event, text ?? ""));
  if (!wasHeard || told === undefined || event.sessionId === undefined) return;
  confirmTold(sessionFiles(paths, event.sessionId), told);
}

/** To the harness, which keeps it where hardly anybody looks, and for `doctor`. */
async function tell(hook: HookName, message: string, paths: Paths): Promise<void> {
  complain(`state-syncd hook ${hook}: ${visible(message)}`);
  try {
    const { recordFailure } = await import("../hooks/failure.ts");
    await recordFailure(paths, { at: new Date().toISOString(), hook, message });
  } catch (error) {
    // It has been said once; there is no other place for it.
    if (systemCode(error) === undefined) throw error;
  }
}

/** Each event's part is loaded when it is its turn: the agent waits for it. */
async function act(
  name: HookName,
  event: HookEvent,
  options: HookOptions,
  world: HookWorld,
): Promise<Answer> {
  const budgets = { news: budgetOf(options, NEWS_BUDGET), all: budgetOf(options, BUDGET) };
  switch (name) {
    case "session-start": {
      const [{ consult }, { isFirstCall }, { sweepSessions }] = await Promise.all([
        import("../hooks/consult.ts"),
        import("../hooks/once.ts"),
        import("../hooks/sweep.ts"),
      ]);
      const { cwd: directory, sessionId } = event;
      const files = sessionId === undefined ? undefined : sessionFiles(world.paths, sessionId);
      if (files !== undefined && !isFirstCall(files, event, world.now)) return { text: null };
      const answer = await consult({ kind: "start", directory, sessionId, budgets }, world);
      sweepSessions(world.paths, world.now);
      return answer;
    }
    case "prompt": {
      const { prompt } = await import("../hooks/prompt.ts");
      return await prompt(event, budgets, world);
    }
    case "checkpoint": {
      const { checkpoint } = await import("../hooks/checkpoint.ts");
      return await checkpoint(event, everyOf(options), world);
    }
  }
}

function budgetOf({ budget }: HookOptions, usual: number): number {
  return budget !== undefined && isBudget(budget) ? budget : usual;
}

function everyOf({ every }: HookOptions): number {
  return every !== undefined && isCount(every) ? every : EVERY;
}

function isBudget(budget: number): boolean {
  return Number.isSafeInteger(budget) && budget >= LEAST_BUDGET && budget <= MOST_BUDGET;
}

function isCount(every: number): boolean {
  return Number.isSafeInteger(every) && every > 0;
}

/** What is wrong with the options is told, and the usual ones count: a hook is called by no person who could correct it. */
function* mistakesIn({ budget, every, unknown = [] }: HookOptions): Generator<string> {
  for (const option of unknown) yield `there is no option --${option}`;
  if (budget !== undefined && !isBudget(budget))
    yield `--budget is a whole number of characters from ${LEAST_BUDGET} to ${MOST_BUDGET}${notThat(budget)}`;
  if (every !== undefined && !isCount(every))
    yield `--every is a whole number of tool calls${notThat(every)}`;
}

function notThat(value: number): string {
  return Number.isNaN(value) ? "" : `, not ${value}`;
}
