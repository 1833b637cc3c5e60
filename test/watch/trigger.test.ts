import fc from "fast-check";
import { performance } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Trigger, type TriggerOptions } from "../../src/watch/trigger.ts";
import { eventually } from "../support/eventually.ts";

const unhandled: unknown[] = [];
const note = (reason: unknown): void => void unhandled.push(reason);
beforeEach(() => {
  unhandled.length = 0;
  process.on("unhandledRejection", note);
});
afterEach(async () => {
  await delay(0);
  process.off("unhandledRejection", note);
  if (unhandled.length > 0)
    throw new AggregateError(unhandled, "a promise was rejected and nobody handled it");
});

/** A trigger whose job takes a while, with a record of what it did. */
class Probe {
  readonly trigger: Trigger;
  /** How many signals there had been when each run started. */
  readonly runs: number[] = [];
  readonly startedAt: number[] = [];
  signals = 0;
  running = 0;
  overlapped = false;

  constructor(options: TriggerOptions, jobMs: () => number = () => 0) {
    this.trigger = new Trigger(async () => {
      this.running += 1;
      this.overlapped ||= this.running > 1;
      this.runs.push(this.signals);
      this.startedAt.push(performance.now());
      await delay(jobMs());
      this.running -= 1;
    }, options);
  }

  signal(): void {
    this.signals += 1;
    this.trigger.signal();
  }

  /** Waits until a run has seen every signal. */
  async answered(): Promise<void> {
    await eventually(
      "the last signal to be answered",
      () => this.runs.at(-1) === this.signals && this.running === 0,
    );
  }
}

const SLOW: TriggerOptions = { waitMs: 600_000, maxWaitMs: 600_000 };

describe("when the job runs", () => {
  it("at once for the first signal after a quiet spell, before signal returns", async () => {
    const probe = new Probe({ waitMs: 30, maxWaitMs: 60_000 });
    probe.signal();
    expect(probe.runs).toEqual([1]);
    await delay(60);
    probe.signal();
    expect(probe.runs).toEqual([1, 2]);
    probe.trigger.close();
  });

  it("once for all that come within the wait after the last", async () => {
    const probe = new Probe({ waitMs: 60, maxWaitMs: 60_000 });
    for (let index = 0; index < 500; index += 1) probe.signal();
    expect(probe.runs).toEqual([1]);
    expect(probe.trigger.pending).toBe(true);
    await probe.answered();
    expect(probe.runs).toEqual([1, 500]);
    expect(probe.trigger.pending).toBe(false);
    await delay(100);
    expect(probe.runs).toEqual([1, 500]);
  });

  it("at the latest maxWait after the first unanswered signal, though the stream never pauses", async () => {
    const options = { waitMs: 50, maxWaitMs: 200 };
    const probe = new Probe(options);
    const began = performance.now();
    // How late this machine is just now: the longest that the event loop stood still.
    let lag = 0;
    let ticked = began;
    const clock = setInterval(() => {
      lag = Math.max(lag, performance.now() - ticked - 2);
      ticked = performance.now();
    }, 2);
    let longestStep = 0;
    let signalled = began;
    while (performance.now() - began < 1_500) {
      probe.signal();
      longestStep = Math.max(longestStep, performance.now() - signalled);
      signalled = performance.now();
      await delay(20);
    }
    clearInterval(clock);
    const allowed = options.maxWaitMs + longestStep + lag + 10;
    for (const [index, at] of probe.startedAt.entries()) {
      if (index > 0) expect(at - (probe.startedAt[index - 1] ?? began)).toBeLessThanOrEqual(allowed);
    }
    expect(signalled - (probe.startedAt.at(-1) ?? began)).toBeLessThanOrEqual(allowed);
    // And no more often than that, unless the machine made a pause of its own.
    if (longestStep + lag < options.waitMs) expect(probe.runs.length).toBeLessThanOrEqual(1_500 / 200 + 2);
    await probe.answered();
  });
});

describe("the last signal is answered by a run that started after it, and runs never overlap", () => {
  it("whatever the delays between signals and however long the job takes", async () => {
    const plan = fc.record({
      waitMs: fc.integer({ min: 1, max: 15 }),
      more: fc.integer({ min: 0, max: 40 }),
      jobs: fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 5 }),
      pauses: fc.array(fc.constantFrom(-1, -1, 0, 1, 2, 5, 10, 20, 30), { minLength: 1, maxLength: 25 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(plan, { minLength: 20, maxLength: 40 }), async (plans) => {
        await Promise.all(
          plans.map(async ({ waitMs, more, jobs, pauses }) => {
            let job = 0;
            const probe = new Probe(
              { waitMs, maxWaitMs: waitMs + more },
              () => jobs[job++ % jobs.length] ?? 0,
            );
            for (const pause of pauses) {
              probe.signal();
              if (pause >= 0) await delay(pause);
            }
            await probe.answered();
            expect(probe.overlapped).toBe(false);
            expect(probe.runs.length).toBeLessThanOrEqual(probe.signals);
          }),
        );
      }),
      { numRuns: 6 },
    );
  });

  it.each(Array.from({ length: 12 }, (_, ticks) => ticks))(
    "a signal that comes just when the job has ended is not lost (%i ticks later)",
    async (ticks) => {
      let runs = 0;
      let ended = Promise.resolve();
      const trigger = new Trigger(
        () => {
          runs += 1;
          ended = delay(1);
          return ended;
        },
        { waitMs: 0, maxWaitMs: 0 },
      );
      trigger.signal();
      await ended;
      for (let tick = 0; tick < ticks; tick += 1) await Promise.resolve();
      trigger.signal();
      await eventually("the second run", () => runs === 2, 5_000);
    },
  );
});

describe("flush", () => {
  it("runs what waits now, and is over when that run is", async () => {
    let ended = 0;
    const trigger = new Trigger(async () => {
      await delay(20);
      ended += 1;
    }, SLOW);
    trigger.signal();
    trigger.signal();
    await trigger.flush();
    expect(ended).toBe(2);
    expect(trigger.pending).toBe(false);
    trigger.close();
  });

  it("waits for the run in hand, where nothing else waits", async () => {
    let ended = 0;
    const trigger = new Trigger(async () => {
      await delay(20);
      ended += 1;
    }, SLOW);
    trigger.signal();
    await trigger.flush();
    expect(ended).toBe(1);
    await trigger.flush();
    expect(ended).toBe(1);
    trigger.close();
  });
});

describe("close", () => {
  it("drops what waits, quietly, and takes no more", async () => {
    const probe = new Probe({ waitMs: 10, maxWaitMs: 20 });
    for (let index = 0; index < 5; index += 1) probe.signal();
    probe.trigger.close();
    probe.signal();
    await probe.trigger.flush();
    await delay(60);
    expect(probe.runs).toEqual([1]);
  });

  it("drops the run that was to follow the one in hand", async () => {
    const probe = new Probe({ waitMs: 0, maxWaitMs: 0 }, () => 30);
    probe.signal();
    await delay(5);
    probe.signal();
    probe.trigger.close();
    await delay(80);
    expect(probe.runs).toEqual([1]);
    expect(probe.running).toBe(0);
  });

  it("leaves no promise behind that nobody handles, in the middle of bursts", async () => {
    const probes = Array.from({ length: 50 }, () => new Probe({ waitMs: 3, maxWaitMs: 9 }, () => 2));
    await Promise.all(
      probes.map(async (probe, index) => {
        for (let round = 0; round < index % 10; round += 1) {
          probe.signal();
          probe.signal();
          await delay(round % 4);
        }
        probe.trigger.close();
        probe.trigger.close();
      }),
    );
    await delay(30);
    // The check is in afterEach.
    expect(probes.every((probe) => !probe.overlapped)).toBe(true);
  });
});
