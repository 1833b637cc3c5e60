import { Remembered } from "../remembered.ts";
import { type Digest, type Gist, gistOf } from "./digest.ts";
import { shares } from "./share.ts";

/** A repo's state as text. */
export interface State {
  readonly repo: string;
  readonly text: string;
}

/** States that have been read, and can be shortened within any budget. */
export type Gists = (budget: number) => Digest[];

/** A gist takes some twenty times as much memory as its text. */
const remembered = new Remembered<Gist>(1024 * 1024);

/** A daemon is asked for the same states whenever a session starts. */
function gistOnce(text: string, peers: readonly string[]): Gist {
  return remembered.of(`${peers.toSorted().join(" ")}\n${text}`, () => gistOf(text, peers));
}

/**
 * Reads states once, for digests of them within one budget: what a small one does not need goes to the large.
 *
 * @param others further repos whose states may have been copied into these.
 */
export function gistsOf(states: readonly State[], others: readonly string[] = []): Gists {
  const peers = [...new Set([...states.map(({ repo }) => repo), ...others])];
  const gists = states.map(({ repo, text }) =>
    gistOnce(
      text,
      peers.filter((peer) => peer !== repo),
    ),
  );
  return (budget) => {
    // What needs more than all of it gets as much as there is.
    const needs = gists.map(({ length, within }) => (length <= budget ? length : within(budget).text.length));
    const given = shares(needs, budget);
    return gists.map(({ within }, at) => within(given[at] ?? 0));
  };
}

/**
 * A digest of each state, all within one budget.
 *
 * @param budget the longest that the texts may become together, in UTF-16 units.
 * @param others as of {@link gistsOf}.
 */
export function digestsOf(
  states: readonly State[],
  budget: number,
  others: readonly string[] = [],
): Digest[] {
  return gistsOf(states, others)(budget);
}
