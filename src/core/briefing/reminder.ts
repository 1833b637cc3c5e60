import { ago } from "../span.ts";

export interface Checkpoint {
  readonly repo: string;
  /** The state file, as it is named in the repo. */
  readonly stateFile: string;
  /** When it changed last, ISO 8601; undefined where there is none. */
  readonly changedAt: string | undefined;
  /** Tool calls since the last such note. */
  readonly calls: number;
  /** How many repos are told what it says. */
  readonly readers: number;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** What an agent is told after so many tool calls: where its own state stands, as a fact. */
export function reminder({ repo, stateFile, changedAt, calls, readers, now }: Checkpoint): string {
  const who = readers === 1 ? "the agents of one other repository" : `the agents of ${readers} other repositories`;
  const since = `${calls} tool calls were made in this session since its state was last looked at.`;
  if (changedAt === undefined) return `${since} ${repo} has no ${stateFile}: ${who} know nothing of its state.`;
  return `${since} ${stateFile} of ${repo}, from which ${who} know its state, last changed ${ago(changedAt, now)}: what was done, blocked or decided after that is not in it.`;
}
