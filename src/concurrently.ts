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
