import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { performance } from "node:perf_hooks";

/** After the last arrival so much time passes before anything is looked at, in ms: what still comes must not wait for us. */
const QUIET_MS = 40;

/**
 * The process that notes arrivals, and what it noted. Contents are looked at when a round is over,
 * in the versions that arrived.
 */
export class Observing {
  #contender;
  #scratch;
  #targets;
  #child;
  #lines;

  static async of(scratch, contender) {
    const observing = new Observing(scratch, contender);
    await observing.#answer();
    return observing;
  }

  constructor(scratch, contender) {
    this.#contender = contender;
    this.#scratch = scratch;
    this.#targets = contender.targets();
    const list = join(contender.scene.root, "targets");
    writeFileSync(list, this.#targets.map(({ path }) => `${path}\n`).join(""));
    const [program, ...args] = scratch.compiled("observer").command;
    this.#child = scratch.start(program, [...args, list], { stdio: ["pipe", "pipe", "inherit"] });
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /**
   * Waits until everything is right that these repos' saves change, and stays so.
   *
   * @returns the moment in ns at which the last one had its first right version, and how often each
   *   arrived; `complete` is false where that took longer than the limit.
   */
  async converged(saved, limitMs, quietMs = QUIET_MS) {
    const wanted = new Set(this.#contender.targets(saved).map(({ path }) => path));
    const due = [...this.#targets.keys()].filter((index) => wanted.has(this.#targets[index].path));
    const states = this.#contender.scene.states();
    const verdicts = new Map();
    const isRight = ({ index, descriptor }) => {
      if (!verdicts.has(descriptor)) {
        const bytes = readFileSync(`/proc/${this.#child.pid}/fd/${descriptor}`);
        verdicts.set(descriptor, this.#contender.isRight(bytes, this.#targets[index], states));
      }
      return verdicts.get(descriptor);
    };
    const until = performance.now() + limitMs;
    for (;;) {
      const left = Math.max(0, Math.ceil(until - performance.now()));
      const arrivals = byTarget(await this.#ask(`wait ${due.length} ${quietMs} ${left}`));
      const versions = due.map((index) => arrivals.get(index) ?? []);
      const complete = versions.every((list) => list.length > 0 && isRight(list.at(-1)));
      if (!complete && performance.now() < until) continue;
      const counts = versions.map((list) => list.length);
      if (!complete) return { complete, counts };
      // A file that is written in place is the same all along, and shows in each what came last.
      const first = (list) => (this.#contender.writesInPlace ? list.at(-1) : list.find(isRight));
      return { complete, counts, lastAt: Math.max(...versions.map((list) => first(list).at)) };
    }
  }

  /** Lets go of what the round left, and has the disk be done with it. */
  async drop() {
    await this.#ask("drop");
    this.#scratch.settle();
  }

  async stop() {
    await this.#scratch.end(this.#child);
  }

  async #ask(question) {
    this.#child.stdin.write(`${question}\n`);
    return await this.#answer();
  }

  async #answer() {
    const arrivals = [];
    for (;;) {
      const { value, done } = await this.#lines.next();
      if (done) throw new Error("the observer has ended");
      if (value === "end") return arrivals;
      const [index, at, descriptor] = value.split(" ");
      arrivals.push({ index: Number(index), at: Number(at), descriptor: Number(descriptor) });
    }
  }
}

function byTarget(arrivals) {
  const groups = new Map();
  for (const arrival of arrivals) {
    const group = groups.get(arrival.index);
    if (group === undefined) groups.set(arrival.index, [arrival]);
    else group.push(arrival);
  }
  return groups;
}
