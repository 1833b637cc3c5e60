import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Less than this is not worth going through everything for, in bytes. */
const WORTH_BYTES = 24 * 1024 * 1024;
/** Who asks for the status may ask again. */
const SOON_MS = 10_000;

/**
 * The daemon's memory at rest. What a start, a storm or a look at all caches took for a moment is kept
 * by the collector for as long as the daemon idles, which has no reason to collect anything.
 */
export class MemoryAtRest {
  /** In use when it was last at rest; nothing is known of a start, which may not be over when the daemon is ready. */
  #low: number | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** Gives back what is free, now. */
  giveBack(): void {
    giveBackMemory();
    this.#low = inUse();
  }

  /** The same, where there is a good deal more than when that was last done. */
  settle(): void {
    if (this.#low === undefined || inUse() - this.#low > WORTH_BYTES) this.giveBack();
  }

  /** Settles in a while, for who has just taken a good deal; once for all who say so until then. */
  settleSoon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.settle();
    }, SOON_MS);
  }

  close(): void {
    clearTimeout(this.#timer);
  }
}

/** The collector's own account, in bytes: the system's is a file, which takes a descriptor. */
function inUse(): number {
  const { total_heap_size: heap, external_memory: outside } = getHeapStatistics();
  return heap + outside;
}

/** Has the collector go through everything now, which takes some ten milliseconds, and give back what is free. */
export function giveBackMemory(): void {
  // Node has it by a flag alone, and whoever starts us need not know of it.
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("globalThis.gc");
  setFlagsFromString("--no-expose-gc");
  if (typeof collect === "function") collect();
}
