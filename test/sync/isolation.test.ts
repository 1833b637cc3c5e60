import { appendFile, mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Repo } from "../../src/core/registry.ts";
import { PURPOSE, TITLE } from "../../src/core/cache/render.ts";
import { repoIn } from "../support/temp-dir.ts";
import { Rig, type RepoOptions } from "./rig.ts";

const RUNS = Number(process.env["FUZZ_RUNS"] ?? 40);
const NAMES = ["a", "b", "c", "d", "e"] as const;
type Name = (typeof NAMES)[number];

const registries: fc.Arbitrary<RepoOptions> = fc
  .record(
    Object.fromEntries(
      NAMES.map((name) => [
        name,
        fc.record({
          role: fc.constantFrom("execution", "execution", "execution", "passive" as const),
          groups: fc.uniqueArray(fc.constantFrom("x", "y", "z"), { minLength: 1, maxLength: 2 }),
          publish: fc.boolean(),
          subscribe: fc.boolean(),
          onSecret: fc.constantFrom("redact", "block" as const),
        }),
      ]),
    ),
  )
  .chain((all) =>
    // Some repos are not registered at all.
    fc.subarray([...NAMES], { minLength: 2 }).map((some) => Object.fromEntries(some.map((n) => [n, all[n]]))),
  ) as fc.Arbitrary<RepoOptions>;

type Step =
  | { readonly kind: "adopt" | "restart with"; readonly registry: RepoOptions }
  | { readonly kind: "save"; readonly name: Name; readonly quoting: readonly Quotation[] }
  | { readonly kind: "sync" | "pull" | "lose the state file of" | "note in"; readonly name: Name }
  | { readonly kind: "cut short" | "alter"; readonly name: Name; readonly at: number };

/** What a state file may quote, of the caches that its author has seen. */
const QUOTED = {
  begin: `<!-- state-syncd:begin repo="b" format="1" sha256="${"1".repeat(64)}" -->`,
  end: `<!-- state-syncd:end repo="b" sha256="${"1".repeat(64)}" -->`,
  "own end": `<!-- state-syncd:end repo="a" sha256="${"2".repeat(64)}" -->`,
  "old heading": "## C State\n\n**Last Synced**: 2026-01-01T00:00:00",
  header: `${TITLE}\n\n${PURPOSE}\n\n**Last Updated**: 2026-01-01T00:00:00\n\n---`,
  rule: "---",
  index: "<!-- state-syncd:index -->\n| a |\n<!-- state-syncd:index:end -->",
  note: "**Note**: This file enables agents to know.",
  handmade: "# Cross-Repo State Cache (x)",
} as const;
type Quotation = keyof typeof QUOTED;
const quotations = fc.oneof(
  { weight: 2, arbitrary: fc.constant<readonly Quotation[]>([]) },
  {
    weight: 1,
    arbitrary: fc.array(fc.constantFrom(...(Object.keys(QUOTED) as Quotation[])), { maxLength: 4 }),
  },
);

const names = fc.constantFrom(...NAMES);
const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.record({ kind: fc.constant("adopt" as const), registry: registries }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("restart with" as const), registry: registries }) },
    {
      weight: 3,
      arbitrary: fc.record({ kind: fc.constant("save" as const), name: names, quoting: quotations }),
    },
    {
      weight: 5,
      arbitrary: fc.record({
        kind: fc.constantFrom("sync", "pull", "lose the state file of", "note in"),
        name: names,
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constantFrom("cut short", "alter"),
        name: names,
        at: fc.double({ min: 0, max: 1, noNaN: true }),
      }),
    },
  ),
  { minLength: 1, maxLength: 10 },
);

/** The rule, said once more: what the program makes of it is on trial here. */
function mayHold(from: Repo, to: Repo): boolean {
  if (from.name === to.name || from.role === "passive" || to.role === "passive") return false;
  return from.publish && to.subscribe && from.groups.some((group) => to.groups.includes(group));
}

/** Each line that is not quoted tells whose it is. */
function textOf({ name, quoting }: Extract<Step, { readonly kind: "save" }>, count: number): string {
  const line = `${planted(name)}${count}`;
  return `# ${name}\n\n${[line, ...quoting.flatMap((what) => [QUOTED[what], line])].join("\n")}\n`;
}

const planted = (name: string): string => `planted-in-${name}-`;

/** A world of repos under changing registries, and who was ever allowed to hold what. */
class World {
  readonly #directory: string;
  readonly #rig: Rig;
  readonly #ever = new Set<string>();
  #registered: readonly Repo[] = [];
  #count = 0;

  private constructor(directory: string, rig: Rig) {
    this.#directory = directory;
    this.#rig = rig;
  }

  static async create(directory: string, first: RepoOptions): Promise<World> {
    const rig = await Rig.create(directory, Object.fromEntries(NAMES.map((name) => [name, {}])));
    const world = new World(directory, rig);
    for (const name of NAMES) await writeFile(world.#at(name, "STATE.md"), `${planted(name)}0\n`);
    await world.take({ kind: "adopt", registry: first });
    return world;
  }

  async take(step: Step): Promise<void> {
    switch (step.kind) {
      case "adopt":
      case "restart with":
        this.#registered = Object.entries(step.registry).map(([name, option]) =>
          repoIn(this.#directory, name, option),
        );
        this.#rig.adopt(step.registry);
        if (step.kind === "restart with") await this.#rig.restart();
        await this.#rig.reconciler.reconcileAll("start");
        break;
      case "save":
        this.#count += 1;
        await writeFile(this.#at(step.name, "STATE.md"), textOf(step, this.#count));
        await this.#rig.reconciler.observe(step.name, "event");
        break;
      case "sync":
      case "pull": {
        const repo = this.#registered.find(({ name, role }) => name === step.name && role === "execution");
        if (repo === undefined) break;
        if (step.kind === "sync") await this.#rig.reconciler.sync([repo]);
        else await this.#rig.reconciler.pull(repo);
        break;
      }
      case "lose the state file of":
        await rm(this.#at(step.name, "STATE.md"), { force: true });
        await this.#rig.reconciler.observe(step.name, "rescan");
        break;
      default:
        await this.#meddle(step.kind, step.name, "at" in step ? step.at : 0);
    }
    for (const from of this.#registered) {
      for (const to of this.#registered) if (mayHold(from, to)) this.#ever.add(`${from.name} ${to.name}`);
    }
    await this.#rig.reconciler.queue.idle();
  }

  /** Looks at every byte that was written, and at who may not hold it. */
  async leaks(): Promise<string[]> {
    const found: string[] = [];
    for (const name of NAMES) {
      const to = this.#registered.find((repo) => repo.name === name);
      const [cache, copies] = [this.#at(name, ".aibrain"), join(this.#rig.paths.copiesDirectory, name)];
      for (const from of NAMES.filter((other) => other !== name)) {
        const source = this.#registered.find((repo) => repo.name === from);
        // A cache that is not written any more, by its config, keeps what it was given in its time.
        const written = to !== undefined && to.role === "execution" && to.subscribe;
        const now = !written || (source !== undefined && mayHold(source, to));
        const ever = this.#ever.has(`${from} ${name}`);
        if (!(now && ever) && (await holds(cache, planted(from))))
          found.push(`${from} in the cache of ${name}`);
        if (!ever && (await holds(copies, planted(from)))) found.push(`${from} in the copies of ${name}`);
      }
    }
    if (JSON.stringify(this.#rig.reported).includes(planted(""))) found.push("something in what is reported");
    return found;
  }

  async close(): Promise<void> {
    await this.#rig.reconciler.close();
  }

  #at(name: string, file: string): string {
    return join(this.#directory, name, file);
  }

  /** What people and accidents do to a cache. */
  async #meddle(how: "note in" | "cut short" | "alter", name: string, where: number): Promise<void> {
    const cache = this.#at(name, ".aibrain/global-state-cache.md");
    const text = await readFile(cache, "utf8").catch(() => undefined);
    if (text === undefined) return;
    const at = text.indexOf("planted-in", Math.floor(text.length * where));
    if (how === "note in") await appendFile(cache, "\na note\n");
    else if (how === "cut short") await truncate(cache, Math.floor(text.length * where));
    else if (at !== -1) await writeFile(cache, `${text.slice(0, at)}altered ${text.slice(at)}`);
    this.#rig.reconciler.due(name);
  }
}

/** True where any file below a directory holds a text. */
async function holds(directory: string, text: string): Promise<boolean> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => []);
  for (const entry of entries.filter((each) => each.isFile())) {
    if ((await readFile(join(entry.parentPath, entry.name), "utf8")).includes(text)) return true;
  }
  return false;
}

describe("groups do not leak", () => {
  it("whatever becomes of the config: nothing of a repo is in any byte written for one that may not hold it", async () => {
    await fc.assert(
      fc.asyncProperty(registries, steps, async (first, then) => {
        const directory = await mkdtemp("/tmp/ss-");
        try {
          const world = await World.create(directory, first);
          expect(await world.leaks(), "at first").toEqual([]);
          for (const [index, step] of then.entries()) {
            await world.take(step);
            expect(await world.leaks(), `after step ${index}, ${step.kind}`).toEqual([]);
          }
          await world.close();
        } finally {
          await rm(directory, { recursive: true, force: true });
        }
      }),
      { numRuns: RUNS },
    );
  });
});
