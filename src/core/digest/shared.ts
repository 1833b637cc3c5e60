import { type Digest, digest } from "./digest.ts";
import { shares } from "./share.ts";

/** A repo's state as text. */
export interface State {
  readonly repo: string;
  readonly text: string;
}

/**
 * A digest of each state, all within one budget: what a small one does not need goes to the large.
 *
 * @param budget the longest that the texts may become together, in UTF-16 units.
 * @param others further repos whose states may have been copied into these.
 */
export function digestsOf(states: readonly State[], budget: number, others: readonly string[] = []): Digest[] {
  const peers = [...new Set([...states.map(({ repo }) => repo), ...others])];
  const of = ({ repo, text }: State, most: number): Digest =>
    digest(text, { budget: most, peers: peers.filter((peer) => peer !== repo) });
  const given = shares(
    states.map((state) => of(state, budget).text.length),
    budget,
  );
  return states.map((state, at) => of(state, given[at] ?? 0));
}
