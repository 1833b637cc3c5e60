import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/**
 * Has the collector go through everything now, which takes some ten milliseconds, and give back what
 * is free. A start reads every cache once; left alone, the room that this took is kept for as long as
 * the daemon idles, which has no reason to collect anything.
 */
export function giveBackMemory(): void {
  // Node has it by a flag alone, and whoever starts us need not know of it.
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("globalThis.gc");
  setFlagsFromString("--no-expose-gc");
  if (typeof collect === "function") collect();
}
