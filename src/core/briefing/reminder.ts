import { ago } from "../span.ts";
import { readersOf } from "./briefing.ts";

export interface Checkpoint {
  readonly repo: string;
  /** The state file, as it is named in the repo. */
  readonly stateFile: string;
  /** When it changed last, ISO 8601; undefined where there is none. */
  readonly changedAt: string | undefined;
  /** Tool calls in the session since it changed. */
  readonly calls: number;
  /** How many repos are told what it says. */
  readonly readers: number;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** What an agent is told after so many tool calls: where its own state stands, as a fact. */
export function reminder({ repo, stateFile, changedAt, calls, readers, now }: Checkpoint): string {
  const who = readersOf(readers);
  const made = `${calls} tool calls were made in this session`;
  if (changedAt === undefined)
    return `${made}. ${repo} has no ${stateFile} at this moment: ${who} have at most what it said before.`;
  return `${made} since ${stateFile} of ${repo} last changed, ${ago(changedAt, now)}. By that file ${who} know its state: what was done, blocked or decided meanwhile is not in it.`;
}
