import { setImmediate as turn, setTimeout as delay } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { concurrently, Shared, within } from "../src/concurrently.ts";

/** Work that ends when the test says so, with the number of its call. */
class Bench {
  readonly shared = new Shared<number>();
  readonly calls: { end: () => void; fail: () => void }[] = [];
  most = 0;
  #underWay = 0;

  readonly work = async (): Promise<number> => {
    this.#underWay += 1;
    this.most = Math.max(this.most, this.#underWay);
    const number = this.calls.length + 1;
    try {
      await new Promise<void>((resolve, reject) => {
        this.calls.push({ end: resolve, fail: () => reject(new Error(`call ${number}`)) });
      });
      return number;
    } finally {
      this.#underWay -= 1;
    }
  };

  run(key = "key"): Promise<number> {
    return this.shared.run(key, this.work);
  }
}

describe("work that is shared", () => {
  it("a thousand who ask during a call are answered by the one call after it, none by the one before", async () => {
    const bench = new Bench();
    const first = bench.run();
    const later = Array.from({ length: 1_000 }, () => bench.run());
    await turn();
    expect(bench.calls).toHaveLength(1);
    bench.calls[0]?.end();
    expect(await first).toBe(1);
    await turn();
    expect(bench.calls).toHaveLength(2);
    // This one asks while the second is under way.
    const last = bench.run();
    bench.calls[1]?.end();
    expect(new Set(await Promise.all(later))).toEqual(new Set([2]));
    await turn();
    bench.calls[2]?.end();
    expect(await last).toBe(3);
    expect(bench.most).toBe(1);
  });

  it("a call that fails fails for those who shared it, and the next one is made all the same", async () => {
    const bench = new Bench();
    const first = bench.run();
    const second = bench.run();
    bench.calls[0]?.fail();
    await expect(first).rejects.toThrow("call 1");
    await turn();
    bench.calls[1]?.end();
    expect(await second).toBe(2);
    const third = bench.run();
    bench.calls[2]?.end();
    expect(await third).toBe(3);
  });

  it("keys have nothing to do with each other", async () => {
    const bench = new Bench();
    const one = bench.run("one");
    const other = bench.run("other");
    expect(bench.calls).toHaveLength(2);
    bench.calls[1]?.end();
    expect(await other).toBe(2);
    bench.calls[0]?.end();
    expect(await one).toBe(1);
  });

  it("what has not come back in time is not asked again before it has, and nobody waits for it", async () => {
    const bench = new Bench();
    const ask = (patienceMs: number): Promise<number | undefined> =>
      bench.shared.ask("key", patienceMs, bench.work);
    expect(await ask(20)).toBeUndefined();
    for (let round = 0; round < 200; round += 1) expect(await ask(20)).toBeUndefined();
    expect(bench.calls).toHaveLength(1);
    bench.calls[0]?.end();
    await turn();
    const answer = ask(10_000);
    await turn();
    bench.calls.at(-1)?.end();
    expect(await answer).toBe(bench.calls.length);
    expect(bench.calls.length).toBeLessThanOrEqual(3);
  });
});

describe("work side by side", () => {
  it("one that hangs holds up its own place and none of the others", async () => {
    const done: number[] = [];
    const all = concurrently([1, 2, 3, 4], 2, async (item) => {
      if (item === 1) await new Promise(() => undefined);
      done.push(item);
    });
    expect(await within(50, all)).toBeUndefined();
    expect(done).toEqual([2, 3, 4]);
  });

  it("the wait for a promise ends, its work goes on", async () => {
    let ended = false;
    const work = delay(60).then(() => (ended = true));
    expect(await within(10, work)).toBeUndefined();
    expect(ended).toBe(false);
    expect(await within(10_000, work)).toBe(true);
  });
});
