/** What a line about the daemon is made of. */
export interface Standing {
  /** Execution repos in the config. */
  readonly repoCount: number;
  readonly pausedCount: number;
  /** What is not as it should be, each in a word or two. */
  readonly troubles: readonly string[];
  /** Caches that wait for their turn, or have it. */
  readonly depth: number;
}

const MOST_NAMED = 3;

/** How things are, in one line that is worth reading: `watching 12 repos, all fresh`. */
export function standingLine({ repoCount, pausedCount, troubles, depth }: Standing): string {
  const parts = [`watching ${count(repoCount, "repo")}`];
  if (troubles.length > 0) {
    const more = troubles.length - MOST_NAMED;
    parts.push(`trouble: ${troubles.slice(0, MOST_NAMED).join(", ")}${more > 0 ? ` and ${more} more` : ""}`);
  }
  if (depth > 0) parts.push(`${count(depth, "cache")} to write`);
  if (pausedCount > 0) parts.push(`${pausedCount} paused`);
  if (parts.length === 1 && repoCount > 0) parts.push("all fresh");
  return parts.join(", ");
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
