import { performance } from "node:perf_hooks";
import { setImmediate as turn, setTimeout as delay } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { eventually } from "./support/eventually.ts";
import { concurrently, Shared, unanswered, whileItGetsOn, within } from "../src/concurrently.ts";

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

  it("many that hang give their places to the others, and are still waited for", async () => {
    const done: number[] = [];
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const items = Array.from({ length: 9 }, (_, item) => item);
    const work = async (item: number): Promise<void> => {
      if (item < 8) await held;
      done.push(item);
    };
    const all = concurrently(items, 2, work, 10);
    await eventually("the last to be done", () => done.length > 0);
    expect(done).toEqual([8]);
    release();
    await all;
    expect(done).toHaveLength(9);
  });

  it("what time has run out for counts as unanswered until it comes back, be it with an error", async () => {
    const before = unanswered();
    let fail: (error: Error) => void = () => undefined;
    const work = new Promise((_, reject) => (fail = reject));
    expect(await within(5, work)).toBeUndefined();
    expect(unanswered()).toBe(before + 1);
    fail(new Error("late"));
    await turn();
    expect(unanswered()).toBe(before);
    expect(await within(5_000, delay(1, "in time"))).toBe("in time");
    expect(unanswered()).toBe(before);
  });

  it("is waited for as long as it gets on, and not when nothing does", async () => {
    let steps = 0;
    const steady = (async () => {
      for (; steps < 8; steps += 1) await delay(60);
    })();
    expect(await whileItGetsOn(steady, 300, () => steps)).toBe(true);
    expect(steps).toBe(8);
    expect(await whileItGetsOn(new Promise(() => undefined), 100, () => 0)).toBe(false);
  });

  it("a process that is busy itself does not take others for hanging", async () => {
    const busyUntil = performance.now() + 400;
    const work = delay(100);
    const waiting = whileItGetsOn(work, 200, () => 0);
    while (performance.now() < busyUntil);
    expect(await waiting).toBe(true);
  });

  it("the wait for a promise ends, its work goes on", async () => {
    let ended = false;
    const work = delay(60).then(() => (ended = true));
    expect(await within(10, work)).toBeUndefined();
    expect(ended).toBe(false);
    expect(await within(10_000, work)).toBe(true);
  });
});
