import fc from "fast-check";
import { setImmediate as turn, setTimeout as delay } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { WorkQueue } from "../../src/sync/work-queue.ts";
import { eventually } from "../support/eventually.ts";

/** A queue whose work ends when the test says so. */
class Bench {
  readonly queue: WorkQueue;
  readonly started: string[] = [];
  readonly running = new Map<string, () => void>();
  most = 0;
  overlapped = false;

  constructor(concurrency: number, patienceMs = 600_000, holdMs = 600_000) {
    this.queue = new WorkQueue({
      concurrency,
      patienceMs,
      holdMs,
      work: async (key) => {
        this.started.push(key);
        this.overlapped ||= this.running.has(key);
        await new Promise<void>((resolve) => {
          this.running.set(key, resolve);
          this.most = Math.max(this.most, this.running.size);
        });
        this.running.delete(key);
      },
    });
  }

  /** Ends one work, and lets what follows from it happen. */
  async end(key: string): Promise<void> {
    this.running.get(key)?.();
    await turn();
  }

  async endAll(): Promise<void> {
    while (this.running.size > 0) for (const key of this.running.keys()) await this.end(key);
  }

  runsOf(key: string): number {
    return this.started.filter((other) => other === key).length;
  }
}

describe("a hold, while it is being found out what else is due", () => {
  it("has what is added wait, and start in one go", async () => {
    const bench = new Bench(4);
    const first = bench.queue.hold();
    const second = bench.queue.hold();
    bench.queue.add("a");
    first();
    bench.queue.add("b");
    await turn();
    expect(bench.started).toEqual([]);
    second();
    await turn();
    expect(bench.started).toEqual(["a", "b"]);
    await bench.endAll();
  });

  it("holds up nothing that runs, and ends once however often it is ended", async () => {
    const bench = new Bench(4);
    bench.queue.add("a");
    const first = bench.queue.hold();
    const second = bench.queue.hold();
    first();
    first();
    bench.queue.add("b");
    await turn();
    expect(bench.started).toEqual(["a"]);
    second();
    await turn();
    expect(bench.started).toEqual(["a", "b"]);
    await bench.endAll();
  });

  it("that never ends, as on a disk that hangs, delays what comes then and nothing later", async () => {
    const bench = new Bench(4, 600_000, 20);
    bench.queue.hold();
    bench.queue.add("a");
    expect(bench.started).toEqual([]);
    await eventually("the key to start", () => bench.started.includes("a"));
    bench.queue.add("b");
    expect(bench.started).toEqual(["a", "b"]);
    await bench.endAll();
  });

  it("after hold keeps no key waiting for ever", async () => {
    const bench = new Bench(4, 600_000, 60);
    let release = bench.queue.hold();
    bench.queue.add("a");
    await eventually("the key to start", async () => {
      const next = bench.queue.hold();
      release();
      release = next;
      await delay(1);
      return bench.started.includes("a");
    });
    release();
    await bench.endAll();
  });

  it("that is one of thousands, as in a storm of saves, makes an add no dearer", () => {
    const adding = (holds: number): number => {
      const { queue } = new Bench(4);
      for (let count = 0; count < holds; count += 1) queue.hold();
      const started = performance.now();
      for (let round = 0; round < 20_000; round += 1) queue.add(`key ${round % 100}`);
      queue.close();
      return performance.now() - started;
    };
    adding(1);
    // Some fifty times as much, where each add goes through all of them.
    expect(adding(10_000)).toBeLessThan(10 * adding(1));
  });

  it("does not keep a closed queue from what is due", async () => {
    const bench = new Bench(4, 600_000, 20);
    bench.queue.hold();
    bench.queue.add("a");
    bench.queue.close();
    await eventually("the key to start", () => bench.started.includes("a"));
    await bench.endAll();
    await bench.queue.idle();
  });
});

describe("one key", () => {
  it("added often while it waits runs once", async () => {
    const bench = new Bench(1);
    bench.queue.add("other");
    for (let index = 0; index < 100; index += 1) bench.queue.add("key");
    expect(bench.queue.depth).toBe(2);
    await bench.endAll();
    expect(bench.started).toEqual(["other", "key"]);
  });

  it("added often during its work runs exactly once more", async () => {
    const bench = new Bench(4);
    bench.queue.add("key");
    for (let index = 0; index < 100; index += 1) bench.queue.add("key");
    await bench.endAll();
    expect(bench.started).toEqual(["key", "key"]);
    expect(bench.queue.depth).toBe(0);
  });

  it("that comes back all the time does not keep another from its turn", async () => {
    const bench = new Bench(1);
    bench.queue.add("busy");
    bench.queue.add("other");
    bench.queue.add("busy");
    await bench.end("busy");
    expect([...bench.running.keys()]).toEqual(["other"]);
    await bench.endAll();
    expect(bench.started).toEqual(["busy", "other", "busy"]);
  });

  it("that is removed while it waits does not run, nor once more after its work", async () => {
    const bench = new Bench(1);
    bench.queue.add("busy");
    bench.queue.add("key");
    bench.queue.add("busy");
    bench.queue.remove("key");
    bench.queue.remove("busy");
    expect([...bench.running.keys()]).toEqual(["busy"]);
    await bench.endAll();
    expect(bench.started).toEqual(["busy"]);
    await bench.queue.idle();
  });

  it("says how long it has waited", async () => {
    const bench = new Bench(1);
    expect(bench.queue.oldestMs).toBe(0);
    bench.queue.add("busy");
    expect(bench.queue.oldestMs).toBe(0);
    bench.queue.add("key");
    await delay(30);
    expect(bench.queue.oldestMs).toBeGreaterThan(20);
    await bench.endAll();
    expect(bench.queue.oldestMs).toBe(0);
  });
});

describe("a delayed key", () => {
  it("is due after its delay, and no work counts as waiting until then", async () => {
    const bench = new Bench(1);
    bench.queue.addAfter("key", 30);
    expect(bench.queue.depth).toBe(0);
    await bench.queue.idle();
    expect(bench.started).toEqual([]);
    await eventually("the key to be due", () => bench.running.has("key"));
    await bench.endAll();
  });

  it("keeps the earlier of two delays, whichever comes first", async () => {
    const bench = new Bench(2);
    bench.queue.addAfter("a", 20);
    bench.queue.addAfter("a", 600_000);
    bench.queue.addAfter("b", 600_000);
    bench.queue.addAfter("b", 20);
    await eventually("both", () => bench.running.size === 2);
    await bench.endAll();
    expect(bench.started.sort()).toEqual(["a", "b"]);
    bench.queue.close();
  });

  it("that becomes due before does not become due again after its delay", async () => {
    const bench = new Bench(1);
    bench.queue.addAfter("key", 20);
    bench.queue.add("key");
    await bench.endAll();
    await delay(60);
    expect(bench.started).toEqual(["key"]);
  });

  it("that already waits is not delayed", async () => {
    const bench = new Bench(1);
    bench.queue.add("busy");
    bench.queue.add("key");
    bench.queue.addAfter("key", 10);
    await bench.endAll();
    await delay(40);
    expect(bench.runsOf("key")).toBe(1);
  });

  it("during its own work makes it run once more", async () => {
    const bench = new Bench(1);
    bench.queue.add("key");
    bench.queue.addAfter("key", 10);
    await delay(30);
    await bench.endAll();
    await eventually("the second run", () => bench.runsOf("key") === 2);
  });

  it("that is removed never becomes due", async () => {
    const bench = new Bench(1);
    bench.queue.addAfter("key", 10);
    bench.queue.remove("key");
    await delay(40);
    expect(bench.started).toEqual([]);
  });
});

describe("work that never ends", () => {
  it("in all places at once gives them to the others after a while, and is told as overdue", async () => {
    const bench = new Bench(2, 500);
    for (const key of ["hung", "hung too", "a", "b", "c"]) bench.queue.add(key);
    expect([...bench.running.keys()]).toEqual(["hung", "hung too"]);
    expect(bench.queue.overdue()).toEqual([]);
    await eventually("the others to have their places", () => bench.running.has("b"));
    expect([...bench.running.keys()]).toEqual(["hung", "hung too", "a", "b"]);
    expect(bench.queue.overdue().map(({ key }) => key)).toEqual(["hung", "hung too"]);
    for (const { sinceMs } of bench.queue.overdue()) expect(sinceMs).toBeGreaterThan(50);
    await bench.end("a");
    expect(bench.running.has("c")).toBe(true);
    expect(bench.queue.depth).toBe(4);
    await bench.endAll();
    await bench.queue.idle();
    expect(bench.queue.overdue()).toEqual([]);
  });

  it("never overlaps itself, is done once more for what came meanwhile, and leaves the bound as it was", async () => {
    const bench = new Bench(1, 500);
    bench.queue.add("hung");
    await eventually("it to be overdue", () => bench.queue.overdue().length === 1);
    bench.queue.add("hung");
    bench.queue.add("a");
    expect([...bench.running.keys()]).toEqual(["hung", "a"]);
    await bench.end("hung");
    // Its place was given away: until that one is done there is none.
    expect([...bench.running.keys()]).toEqual(["a"]);
    await bench.end("a");
    expect([...bench.running.keys()]).toEqual(["hung"]);
    await bench.endAll();
    expect(bench.started).toEqual(["hung", "a", "hung"]);
    expect(bench.overlapped).toBe(false);
    bench.queue.add("x");
    bench.queue.add("y");
    expect([...bench.running.keys()]).toEqual(["x"]);
    await bench.endAll();
  });
});

describe("close", () => {
  it("does what is due, forgets what is delayed, and takes no more", async () => {
    const bench = new Bench(1);
    bench.queue.add("a");
    bench.queue.add("b");
    bench.queue.add("a");
    bench.queue.addAfter("c", 10);
    bench.queue.close();
    bench.queue.add("d");
    bench.queue.addAfter("e", 0);
    let idle = false;
    const waiting = bench.queue.idle().then(() => (idle = true));
    await bench.end("a");
    await bench.end("b");
    expect(idle).toBe(false);
    await bench.endAll();
    await waiting;
    await delay(30);
    expect(bench.started).toEqual(["a", "b", "a"]);
  });
});

type Step = { readonly do: "add" | "remove" | "end"; readonly key: string } | { readonly do: "turn" };

describe("whatever happens in whatever order", () => {
  const key = fc.constantFrom("a", "b", "c", "d", "e");
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 5, arbitrary: fc.record({ do: fc.constant("add" as const), key }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant("end" as const), key }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("remove" as const), key }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("turn" as const) }) },
  );

  it("no key overlaps itself, the bound holds, every add is answered by a start after it, and it becomes idle", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 3 }),
        fc.array(step, { maxLength: 60 }),
        async (bound, steps) => {
          const bench = new Bench(bound);
          /** Of each key that was added and not removed since: the starts before that. */
          const owed = new Map<string, number>();
          let adds = 0;
          for (const each of steps) {
            if (each.do === "turn") await turn();
            else if (each.do === "end") await bench.end(each.key);
            else if (each.do === "remove") {
              bench.queue.remove(each.key);
              owed.delete(each.key);
            } else {
              adds += 1;
              owed.set(each.key, bench.runsOf(each.key));
              bench.queue.add(each.key);
              // Where there is room it starts at once.
              expect(bench.queue.keys()).toContain(each.key);
            }
            expect(bench.running.size).toBe(Math.min(bound, bench.queue.depth));
          }
          await bench.endAll();
          await bench.queue.idle();
          expect(bench.overlapped).toBe(false);
          expect(bench.most).toBeLessThanOrEqual(bound);
          expect(bench.started.length).toBeLessThanOrEqual(adds);
          for (const [name, before] of owed) expect(bench.runsOf(name)).toBeGreaterThan(before);
          expect(bench.queue.keys()).toEqual([]);
        },
      ),
      { numRuns: 300 },
    );
  });
});
