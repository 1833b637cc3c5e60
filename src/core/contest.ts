/**
 * When somebody else rewrites a cache and we heal it, and they rewrite it, and we heal it, two
 * programs fight over a file. We heal at once a few times, since the original utility may run
 * beside us, and then ever more slowly.
 */
export interface Contest {
  /** When the cache was healed, oldest first, in milliseconds of a clock that only goes forward. */
  readonly heals: readonly number[];
}

const WINDOW_MS = 60_000;
/** Saves of an agent that runs the original utility at each of them stay below this. */
const PATIENCE = 10;
const FIRST_DELAY_MS = 2_000;
const LONGEST_DELAY_MS = 60_000;

export const PEACE: Contest = { heals: [] };

/** Notes one heal. */
export function healed(contest: Contest, now: number): Contest {
  return { heals: [...recent(contest, now), now].slice(-PATIENCE * 2) };
}

/** True where the cache is being fought over. */
export function isContested(contest: Contest, now: number): boolean {
  return recent(contest, now).length >= PATIENCE;
}

/** Milliseconds to wait, from now, before the next heal: 0 in peace. */
export function healDelay(contest: Contest, now: number): number {
  const heals = recent(contest, now);
  if (heals.length < PATIENCE) return 0;
  const delay = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** (heals.length - PATIENCE));
  return Math.max(0, (heals.at(-1) ?? now) + delay - now);
}

function recent(contest: Contest, now: number): readonly number[] {
  return contest.heals.filter((at) => now - at < WINDOW_MS);
}
