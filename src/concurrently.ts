/** Of the process: it may have loaded two bundles, each with this module of its own. */
const UNANSWERED = Symbol.for("state-syncd: what time has run out for and what has not come back since");

/**
 * How many of those that were waited for with a limit, see {@link within}, have not come back yet.
 * Where there are some, a thread of this process may hang in the kernel, and keep it from ending.
 */
export function unanswered(): number {
  const count: unknown = Reflect.get(globalThis, UNANSWERED);
  return typeof count === "number" ? count : 0;
}

/**
 * Does something for each item, so many side by side. One that hangs holds up its own place and
 * none of the others.
 *
 * @param placeMs what takes longer goes on, but its place is given to another item: then any
 *   number of items that hang hold up none of the rest for long.
 * @returns resolves when all are done; rejects with the first that rejects.
 */
export async function concurrently<T>(
  items: readonly T[],
  most: number,
  work: (item: T) => Promise<void>,
  placeMs?: number,
): Promise<void> {
  const rest = items.values();
  const late: Promise<void>[] = [];
  const worker = async (): Promise<void> => {
    for (const item of rest) {
      const working = work(item);
      if (placeMs === undefined) await working;
      else {
        late.push(working);
        await raced(placeMs, working);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(most, items.length) }, worker));
  await Promise.all(late);
}

/**
 * Waits for a promise, but not longer than this. The work goes on; only the waiting ends.
 *
 * @returns undefined where time ran out.
 */
export async function within<T>(patienceMs: number, promise: Promise<T>): Promise<T | undefined> {
  const result = await raced(patienceMs, promise);
  if (result !== TIME_RAN_OUT) return result;
  Reflect.set(globalThis, UNANSWERED, unanswered() + 1);
  const came = (): boolean => Reflect.set(globalThis, UNANSWERED, unanswered() - 1);
  void promise.then(came, came);
  return undefined;
}

const TICK_MS = 50;

/**
 * Waits for work that many share, as long as it gets on: until nothing has for so long. Only time
 * in which this process could have noticed counts, so that one which is busy itself waits on.
 *
 * @param progress a number that changes when something has come to its end.
 * @returns false where it did not come to its end.
 */
export async function whileItGetsOn(
  work: Promise<unknown>,
  patienceMs: number,
  progress: () => number,
): Promise<boolean> {
  let seen = progress();
  for (let quietMs = 0; quietMs < patienceMs; quietMs += TICK_MS) {
    if ((await raced(TICK_MS, work)) !== TIME_RAN_OUT) return true;
    if (progress() === seen) continue;
    seen = progress();
    quietMs = 0;
  }
  return (
    (await within(
      0,
      work.then(() => true),
    )) === true
  );
}

const TIME_RAN_OUT = Symbol("time ran out");

async function raced<T>(patienceMs: number, promise: Promise<T>): Promise<T | typeof TIME_RAN_OUT> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<typeof TIME_RAN_OUT>((resolve) => {
    timer = setTimeout(() => resolve(TIME_RAN_OUT), patienceMs);
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
    if (this.isOverdue(key, patienceMs)) return undefined;
    return await within(patienceMs, this.run(key, work));
  }

  /** Whether a key's call has been under way for longer, in milliseconds. */
  isOverdue(key: string, patienceMs: number): boolean {
    const present = this.#calls.get(key);
    return present !== undefined && performance.now() - present.since >= patienceMs;
  }

  /** The keys whose call has been under way for longer, in milliseconds. */
  overdue(patienceMs: number): string[] {
    return [...this.#calls.keys()].filter((key) => this.isOverdue(key, patienceMs));
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
