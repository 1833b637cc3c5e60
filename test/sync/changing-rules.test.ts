import { readFile, rm, truncate, writeFile } from "node:fs/promises";
import fc from "fast-check";
import { describe, it } from "vitest";
import type { GuardOptions } from "../../src/guard/guarded.ts";
import { eventually } from "../support/eventually.ts";
import { TempDirectory } from "../support/temp-dir.ts";
import { Rig } from "./rig.ts";

const RUNS = Number(process.env["FUZZ_RUNS"] ?? 12);
const NAMES = ["a", "b", "c"] as const;
type Name = (typeof NAMES)[number];

/** Each has its rule, which is in force or not. */
const KINDS = ["ALPHA", "BETA", "GAMMA"] as const;
type Kind = (typeof KINDS)[number];

type Step =
  | { readonly kind: "rules" | "restart with rules"; readonly rules: readonly Kind[] }
  | { readonly kind: "save" | "save without an event"; readonly name: Name; readonly text: readonly Kind[] }
  | { readonly kind: "lose" | "empty" | "put in conflict"; readonly name: Name }
  | { readonly kind: "cut the cache of" | "alter the cache of"; readonly name: Name; readonly at: number }
  | { readonly kind: "sync" | "pull"; readonly name: Name }
  | { readonly kind: "block" | "redact"; readonly name: Name };

const names = fc.constantFrom(...NAMES);
const kinds = fc.subarray([...KINDS]);
const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constantFrom("rules", "restart with rules"), rules: kinds }),
    },
    {
      weight: 5,
      arbitrary: fc.record({
        kind: fc.constantFrom("save", "save without an event"),
        name: names,
        text: kinds,
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ kind: fc.constantFrom("lose", "empty", "put in conflict"), name: names }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constantFrom("cut the cache of", "alter the cache of"),
        name: names,
        at: fc.double({ min: 0, max: 1, noNaN: true }),
      }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom("sync", "pull"), name: names }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom("block", "redact"), name: names }) },
  ),
  { minLength: 1, maxLength: 12 },
);

function guardOf(rules: readonly Kind[]): GuardOptions {
  return {
    patterns: Object.fromEntries(rules.map((kind) => [kind.toLowerCase(), `${kind}-[0-9]{3}`])),
    allow: [],
  };
}

/** A few repos under changing rules. */
class World {
  readonly #rig: Rig;
  #rules: readonly Kind[] = [];
  #count = 100;
  readonly #onSecret = new Map<Name, "block" | "redact">();

  private constructor(rig: Rig) {
    this.#rig = rig;
  }

  static async create(directory: string): Promise<World> {
    const world = new World(await Rig.create(directory, { a: {}, b: {}, c: {} }));
    for (const name of NAMES) await world.take({ kind: "save", name, text: KINDS });
    return world;
  }

  async take(step: Step): Promise<void> {
    const { reconciler } = this.#rig;
    if (step.kind === "rules") {
      this.#rules = step.rules;
      await this.#rig.guard(guardOf(step.rules));
    } else if (step.kind === "restart with rules") {
      this.#rules = step.rules;
      await this.#rig.restart({ guard: guardOf(step.rules) });
      await this.#rig.reconciler.reconcileAll("start");
    } else if (step.kind === "block" || step.kind === "redact") {
      this.#onSecret.set(step.name, step.kind);
      const repos = NAMES.map((name) => [name, { onSecret: this.#onSecret.get(name) ?? "redact" }] as const);
      this.#rig.adopt(Object.fromEntries(repos));
      await reconciler.reconcileAll("request");
    } else if (step.kind === "sync") await this.#rig.sync(step.name);
    else if (step.kind === "pull") await reconciler.pull(this.#rig.repo(step.name));
    else if (step.kind === "cut the cache of" || step.kind === "alter the cache of") {
      await this.#meddle(step.name, step.at, step.kind === "cut the cache of");
    } else if ("name" in step) await this.#write(step);
    await this.#rig.reconciler.queue.idle();
  }

  /** What rules in force would find in some cache. */
  async found(): Promise<string[]> {
    const found: string[] = [];
    for (const name of NAMES) {
      const cache = await this.#rig.cache(name);
      for (const kind of this.#rules) {
        const match = new RegExp(`${kind}-[0-9]{3}`).exec(cache);
        if (match !== null) found.push(`${match[0]} in the cache of ${name}`);
      }
    }
    return found;
  }

  async close(): Promise<void> {
    await this.#rig.reconciler.close();
  }

  async #write(step: Extract<Step, { readonly name: Name }>): Promise<void> {
    this.#count += 1;
    const file = this.#rig.stateFile(step.name);
    if (step.kind === "lose") await rm(file, { force: true });
    else if (step.kind === "empty") await writeFile(file, "");
    else if (step.kind === "put in conflict")
      await writeFile(file, "<<<<<<< HEAD\nALPHA-111\n=======\nBETA-111\n>>>>>>> other\n");
    else if ("text" in step) {
      const lines = step.text.map((kind) => `- ${kind}-${this.#count}`);
      await writeFile(file, `# ${step.name}\n\n${lines.join("\n")}\n`);
    }
    if (step.kind !== "save without an event") await this.#rig.reconciler.observe(step.name, "event");
  }

  async #meddle(name: Name, where: number, cut: boolean): Promise<void> {
    const file = this.#rig.cacheFile(name);
    const text = await readFile(file, "utf8");
    const at = Math.floor(text.length * where);
    if (cut) await truncate(file, at);
    else {
      const line = text.indexOf("\n- ", at);
      if (line !== -1) await writeFile(file, `${text.slice(0, line)}\nsomething else${text.slice(line)}`);
    }
    this.#rig.reconciler.due(name);
  }
}

describe("rules that come and go", () => {
  it("whatever happens to the files meanwhile: no cache keeps what a rule in force finds", async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (taken) => {
        const directory = new TempDirectory();
        await directory.begin();
        const world = await World.create(directory.path);
        try {
          for (const [index, step] of taken.entries()) {
            await world.take(step);
            // What the guard is not done with in a turn, the next one takes out.
            await eventually(`nothing to be found after step ${index}, ${step.kind}`, async () => {
              const found = await world.found();
              if (found.length > 0) throw new Error(found.join(", "));
              return true;
            });
          }
        } finally {
          await world.close();
          await directory.end();
        }
      }),
      { numRuns: RUNS },
    );
  });
});
