import { seeded } from "../support/random.ts";
import { isRoot } from "../support/ordinary-user.ts";
import { CAST, GROUPS, NAMES } from "./cast.ts";
import { Scene } from "./scene.ts";
import type { CacheFault, Command, ConfigChange, Edit, Step } from "./steps.ts";
import { BAD_SHAPES, GOOD_SHAPES } from "./texts.ts";

/** Permissions bind nobody who is root. */
const FAULTS: readonly CacheFault[] = [
  "file for .aibrain",
  "directory",
  "FIFO",
  "link out",
  ...(isRoot ? [] : (["read-only .aibrain"] as const)),
];

/** The steps of a run, from its seed alone. Ends in peace: everything mended, and checked. */
export function generate(seed: number, count: number): Step[] {
  const generator = new Generator(seeded(seed));
  while (generator.steps.length < count) generator.next();
  generator.makePeace();
  return generator.steps;
}

class Generator {
  readonly steps: Step[] = [];
  readonly #random: () => number;
  /** Knows what makes sense. */
  readonly #scene = new Scene();
  #serial = 100;
  #sinceCheck = 0;
  #checkAfter = 20;
  /** In a crowd of steps one may do what another one failed to do: now and then there is only one, or two. */
  #isAlone = false;

  constructor(random: () => number) {
    this.#random = random;
  }

  next(): void {
    if (this.#sinceCheck >= this.#checkAfter) {
      // A run without a daemon is checked as well, but there is more to see with one.
      if (this.#scene.daemon === "down" && this.#random() < 0.8) {
        if (!this.#scene.configIsValid) this.#take(this.#configStep({ kind: "comment" }));
        this.#take({ do: "start" });
      }
      this.#take({ do: "check" });
      this.#isAlone = this.#random() < 0.4;
      this.#checkAfter = this.#isAlone
        ? 1 + Math.floor(this.#random() * 2)
        : 12 + Math.floor(this.#random() * 14);
      return;
    }
    let step = this.#any();
    while (!this.#scene.can(step) || (this.#isDrift(step) && this.#random() < 0.7)) step = this.#any();
    this.#take(step);
  }

  makePeace(): void {
    const scene = this.#scene;
    if (!scene.configIsValid) this.#take(this.#configStep({ kind: "comment" }));
    this.#takeIfItCan({ do: "thaw" });
    this.#takeIfItCan({ do: "start" });
    this.#take({ do: "resume", repo: undefined });
    for (const repo of NAMES) {
      for (const step of [
        { do: "move", repo, how: "back" },
        { do: "mend cache", repo },
      ] as const) {
        this.#takeIfItCan(step);
      }
      if (scene.place(repo) === undefined) throw new Error(`${repo} has no directory at the end of the run`);
      this.#take({ do: "save", repo, text: this.#text(1), how: "by rename" });
    }
    this.#take({ do: "check" });
  }

  #take(step: Step): void {
    this.steps.push(step);
    this.#scene.apply(step);
    this.#sinceCheck = step.do === "check" ? 0 : this.#sinceCheck + 1;
  }

  #takeIfItCan(step: Step): void {
    if (this.#scene.can(step)) this.#take(step);
  }

  /** How often what happens, next to the others. */
  #any(): Step {
    const isDown = this.#scene.daemon === "down";
    return this.#weighted<() => Step>([
      [this.#isAlone ? 8 : 36, () => this.#save()],
      [
        3,
        () => ({
          do: "replace",
          repo: this.#pick(NAMES),
          by: this.#pick(["nothing", "nothing", "directory", "FIFO", "link out"]),
        }),
      ],
      [2, () => ({ do: "hide", repo: this.#pick(NAMES) })],
      [20, () => ({ do: "unhide", repo: this.#pick(NAMES) })],
      [2, () => ({ do: "move", repo: this.#pick(NAMES), how: this.#pick(["away", "exchanged"]) })],
      [14, () => ({ do: "move", repo: this.#pick(NAMES), how: "back" })],
      [14, () => this.#configStep(this.#change())],
      [1, () => ({ do: "bad config" })],
      [2, () => ({ do: "pause", repo: this.#random() < 0.1 ? undefined : this.#pick(NAMES) })],
      [6, () => ({ do: "resume", repo: this.#random() < 0.4 ? undefined : this.#pick(NAMES) })],
      [13, () => ({ do: "edit", repo: this.#pick(NAMES), edit: this.#edit() })],
      [1, () => ({ do: "remove .aibrain", repo: this.#pick(NAMES) })],
      [2, () => ({ do: "break cache", repo: this.#pick(NAMES), fault: this.#pick(FAULTS) })],
      [14, () => ({ do: "mend cache", repo: this.#pick(NAMES) })],
      [9, () => ({ do: "command", command: this.#command(), wait: this.#random() < 0.5 })],
      [isDown ? 20 : 0, () => ({ do: "start" })],
      [3, () => ({ do: "kill" })],
      [2, () => ({ do: "terminate" })],
      [2, () => ({ do: "freeze" })],
      [10, () => ({ do: "thaw" })],
      [1, () => ({ do: "second daemon" })],
      [10, () => ({ do: "rest", ms: Math.floor(this.#random() * 50) })],
    ])();
  }

  #save(): Step {
    const how = this.#pick(["in place", "by rename", "in chunks", "appended"] as const);
    return { do: "save", repo: this.#pick(NAMES), text: this.#text(0.88), how };
  }

  #text(goodShare: number): Extract<Step, { do: "save" }>["text"] {
    this.#serial += 1;
    const shape = this.#random() < goodShare ? this.#pick(GOOD_SHAPES) : this.#pick(BAD_SHAPES);
    return { shape, serial: this.#serial };
  }

  #configStep(change: ConfigChange): Step {
    return { do: "config", change, how: this.#pick(["in place", "by rename"]), hup: this.#random() < 0.4 };
  }

  #change(): ConfigChange {
    const kind = this.#weighted<ConfigChange["kind"]>([
      [2, "remove"],
      [6, "add"],
      [2, "publish"],
      [2, "subscribe"],
      [2, "fence"],
      [1, "role"],
      [1, "stateFile"],
      [1, "directory"],
      [3, "groups"],
      [1, "maxBytes"],
      [1, "order"],
      [1, "comment"],
    ]);
    if (kind === "maxBytes" || kind === "order" || kind === "comment") return { kind };
    const repo = this.#pick(NAMES);
    if (kind === "groups") return { kind, repo, groups: this.#pick(GROUPS) };
    return { kind, repo };
  }

  /** What was changed is changed back more often than not, or there would soon be nobody to share with. */
  #isDrift(step: Step): boolean {
    if (step.do !== "config" || !("repo" in step.change)) return false;
    const { kind, repo } = step.change;
    if (kind === "remove") return this.#scene.config.order.length < NAMES.length - 1;
    if (kind === "add") return false;
    const [first, now] = [CAST.get(repo), this.#scene.entry(repo)];
    return kind === "groups" ? now.groups.length > 1 : first?.[kind] === now[kind];
  }

  #edit(): Edit {
    const at = this.#random();
    const kind = this.#weighted<Edit["kind"]>([
      [10, "note"],
      [2, "inside"],
      [2, "cut"],
      [1, "drop a section"],
      [1, "delete"],
      [1, "double"],
      [1, "check out an old one"],
      [2, "original utility"],
      [2, "mode"],
    ]);
    switch (kind) {
      case "note": {
        this.#serial += 1;
        const where = this.#pick(["end", "top", "between"] as const);
        const how = this.#pick(
          where === "end"
            ? (["in place", "by rename", "appended"] as const)
            : (["in place", "by rename"] as const),
        );
        return { kind, note: this.#serial, where, how, at };
      }
      case "original utility":
        return { kind, peer: this.#pick(NAMES) };
      case "mode":
        return { kind, mode: this.#pick([0o600, 0o640, 0o644, 0o664]) };
      case "inside":
      case "cut":
      case "drop a section":
        return { kind, at };
      case "delete":
      case "double":
      case "check out an old one":
        return { kind };
    }
  }

  #command(): Command {
    const kind = this.#weighted<Command["kind"]>([
      [4, "sync"],
      [1, "sync around"],
      [2, "sync all"],
      [2, "pull"],
      [2, "status"],
      [1, "explain"],
    ]);
    return kind === "sync all" || kind === "status" ? { kind } : { kind, repo: this.#pick(NAMES) };
  }

  #pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.#random() * from.length)] as T;
  }

  #weighted<T>(choices: readonly (readonly [number, T])[]): T {
    let at = this.#random() * choices.reduce((sum, [weight]) => sum + weight, 0);
    for (const [weight, choice] of choices) {
      at -= weight;
      if (at < 0) return choice;
    }
    return this.#pick(choices)[1];
  }
}
