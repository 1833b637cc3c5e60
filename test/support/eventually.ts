import { performance } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";

/** A machine that is busy with other things is slow, not wrong: generous, since it is only waited for when something fails. */
const PATIENCE_MS = 30_000;

/**
 * Waits until a condition gives something that is not undefined, null or false, and returns it.
 * What it throws meanwhile counts as not yet.
 *
 * @throws Error naming what was waited for, with what the last look gave.
 */
export async function eventually<T>(
  what: string,
  look: () => T | Promise<T>,
  withinMs = PATIENCE_MS,
): Promise<Exclude<Awaited<T>, undefined | null | false>> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    let last: unknown;
    try {
      const seen = await look();
      if (isThere(seen)) return seen;
      last = seen;
    } catch (error) {
      last = error;
    }
    if (performance.now() > deadline) {
      throw new Error(`${what}: not within ${withinMs} ms; last look: ${String(last)}`, { cause: last });
    }
    await delay(10);
  }
}

function isThere<T>(value: T): value is Exclude<T, undefined | null | false> {
  return value !== undefined && value !== null && value !== false;
}
