import { performance } from "node:perf_hooks";

/**
 * Does something for each item, so many side by side. One that hangs holds up its own place and
 * none of the others.
 *
 * @returns resolves when all are done; rejects with the first that rejects.
 */
export async function concurrently<T>(
  items: readonly T[],
  most: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const rest = items.values();
  const worker = async (): Promise<void> => {
    for (const item of rest) await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(most, items.length) }, worker));
}

/**
 * Waits for a promise, but not longer than this. The work goes on; only the waiting ends.
 *
 * @returns undefined where time ran out.
 */
export async function within<T>(patienceMs: number, promise: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), patienceMs);
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

interface Call<T> {
  readonly since: number;
  readonly result: Promise<T>;
  /** The one that follows, for whoever asks meanwhile, and what it is to do. */
  next: Promise<T> | undefined;
  work: () => Promise<T>;
}

/**
 * Work that many may ask for at the same time, by key. One call is under way, and one more follows
 * it for all who asked meanwhile: a thousand questions are two calls, and nobody gets an answer
 * that is older than the question.
 */
export class Shared<T> {
  readonly #calls = new Map<string, Call<T>>();

  /** @param work must mean the same for everyone who uses the key. */
  run(key: string, work: () => Promise<T>): Promise<T> {
    const present = this.#calls.get(key);
    if (present === undefined) return this.#start(key, work);
    present.work = work;
    const follow = (): Promise<T> => this.#start(key, present.work);
    present.next ??= present.result.then(follow, follow);
    return present.next;
  }

  /**
   * As {@link run}, for work that may never come back: what has not come back in time is not asked
   * again before it has.
   *
   * @returns undefined where time ran out, at once where it has run out for the call under way.
   */
  async ask(key: string, patienceMs: number, work: () => Promise<T>): Promise<T | undefined> {
    const present = this.#calls.get(key);
    if (present !== undefined && performance.now() - present.since >= patienceMs) return undefined;
    return await within(patienceMs, this.run(key, work));
  }

  #start(key: string, work: () => Promise<T>): Promise<T> {
    const result = (async () => {
      try {
        return await work();
      } finally {
        if (this.#calls.get(key)?.next === undefined) this.#calls.delete(key);
      }
    })();
    this.#calls.set(key, { since: performance.now(), result, next: undefined, work });
    return result;
  }
}
