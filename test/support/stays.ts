import { performance } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";

/**
 * Holds that something remains so for a while. Where it is right it never fails, however slow the
 * machine is.
 *
 * @throws Error naming what was to stay, at the first look that finds it otherwise.
 */
export async function stays(
  what: string,
  look: () => boolean | Promise<boolean>,
  forMs: number,
): Promise<void> {
  const began = performance.now();
  do {
    if (!(await look())) {
      throw new Error(`${what}: no longer so after ${Math.round(performance.now() - began)} ms`);
    }
    await delay(20);
  } while (performance.now() - began < forMs);
}
