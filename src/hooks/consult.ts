import { ask } from "../control/client.ts";
import { FaultError } from "../errors.ts";
import type { Paths } from "../paths.ts";
import type { Answer, Question } from "./question.ts";

/**
 * What a process does itself where no daemon answers. It takes the config and the guard, which are
 * slow to load: so it is loaded when it is needed.
 */
export interface Alone {
  readonly answer: (question: Question) => Promise<Answer>;
  /** Pushes a repo's state to its peers where it is not there yet. @returns what went wrong. */
  readonly push: (repo: string) => Promise<readonly string[]>;
}

/** What a hook has to do with, beside the event. */
export interface HookWorld {
  readonly paths: Paths;
  readonly alone: () => Promise<Alone>;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** The agent's turn waits. A disk that hangs the daemon's look is told by the daemon within three seconds. */
const ASK_MS = 4_000;

/** Asks the daemon, and does it here where none answers. */
export async function consult(question: Question, { paths, alone }: HookWorld): Promise<Answer> {
  const config = paths.configChosen ? { config: paths.config } : {};
  try {
    const body = { ...config, ...question };
    const answer = await ask(paths, { method: "POST", path: "/briefing", body, timeoutMs: ASK_MS });
    if (isAnswer(answer)) return answer;
  } catch (error) {
    // Of another version, with another config, or hanging: what is to be known is known without it.
    if (!(error instanceof FaultError)) throw error;
  }
  return await (await alone()).answer(question);
}

function isAnswer(value: unknown): value is Answer {
  return (
    typeof value === "object" &&
    value !== null &&
    "text" in value &&
    (value.text === null || typeof value.text === "string")
  );
}
