import { ConfigError } from "../../config/load.ts";
import { removeConfigTemporaries } from "../../config/edit.ts";
import { type Fault, FaultError } from "../../errors.ts";
import type { ExcludePlan } from "../../store/exclude.ts";
import { type CommandContext, complain, complainProse, print, printProse } from "../context.ts";
import { excludeAll } from "../excluding.ts";
import { adoptAll, copiesBefore, type CopiesByRepo } from "./caches.ts";
import { rewire } from "./hooks.ts";
import type { Migration } from "./plan.ts";
import { registerAll } from "./repos.ts";
import { count } from "./words.ts";

/** What came of it, in words. */
export interface Outcome {
  readonly done: readonly string[];
  /** What was to be done and is not. */
  readonly open: readonly string[];
  readonly isComplete: boolean;
}

/** Does it, step by step, and says of each step that it is done. What a step cannot do is told and left for the next run. */
export async function carryOut(
  migration: Migration,
  excludes: readonly ExcludePlan[],
  context: CommandContext,
): Promise<Outcome> {
  // A daemon begins with the caches as soon as the config has their repos.
  const present = await copiesBefore(migration.caches.adoptions, context);
  const work = new Work(migration, context);
  if (!context.json) print(context, "");
  // The caches of repos that are not registered cannot be brought up to date.
  if (await work.register()) {
    if (!(await excludeAll(excludes, context))) work.leave("some cache is not hidden from git");
    await work.adopt(present);
    await work.rewire();
  } else work.leaveAll();
  return work.outcome();
}

class Work {
  readonly #migration: Migration;
  readonly #context: CommandContext;
  readonly #done: string[] = [];
  readonly #open: string[] = [];
  readonly #told = new Set<string>();

  constructor(migration: Migration, context: CommandContext) {
    this.#migration = migration;
    this.#context = context;
  }

  outcome(): Outcome {
    const isComplete = this.#open.length === 0;
    if (!isComplete) {
      complain(this.#context, "");
      complain(this.#context, "Not done:");
      for (const line of this.#open) complainProse(this.#context, line, "    ", "  ");
      complain(this.#context, "Run `state-syncd migrate` again when that is mended: it goes on from here.");
    }
    return { done: this.#done, open: this.#open, isComplete };
  }

  leave(what: string): void {
    this.#open.push(what);
  }

  leaveAll(): void {
    const { caches, hooks } = this.#migration;
    for (const { path } of caches.adoptions) this.leave(path);
    for (const { file } of hooks.files) this.leave(file.path);
  }

  /** @returns false where the config is not as it should be. */
  async register(): Promise<boolean> {
    const { additions, present } = this.#migration.repos;
    const { config } = this.#context.paths;
    const repos = count(additions.length, "repo");
    try {
      await registerAll(this.#migration.repos, config);
      // What a run has left that was killed.
      await removeConfigTemporaries(config);
      if (additions.length > 0)
        this.#did(present === undefined ? `Wrote ${config} with ${repos}.` : `Added ${repos} to ${config}.`);
      return true;
    } catch (error) {
      this.#tell(error);
      this.leave(`${config}: ${additions.map(({ name }) => name).join(", ")}`);
      return false;
    }
  }

  /** @param present the copies that there were before. */
  async adopt(present: CopiesByRepo): Promise<void> {
    const { caches, config } = this.#migration;
    if (caches.adoptions.length === 0) return;
    try {
      const { done, open, faults } = await adoptAll(caches, config, present, this.#context);
      for (const { adoption, copies } of done) {
        this.#did(`The cache of ${adoption.repo.name} is in the new form.`, copies);
      }
      for (const { path } of open) this.leave(path);
      for (const { message } of caches.faults) this.#told.add(message);
      for (const fault of faults) this.#complain(fault);
    } catch (error) {
      this.#tell(error);
      for (const { path } of caches.adoptions) this.leave(path);
    }
  }

  async rewire(): Promise<void> {
    const { hooks } = this.#migration;
    const { done, failed } = await rewire(hooks, this.#context);
    for (const { plan, copy } of done) {
      this.#did(`Changed the hooks in ${plan.file.path}.`, copy === undefined ? [] : [copy]);
    }
    for (const { plan, fault } of failed) {
      this.#complain(fault);
      this.leave(plan.file.path);
    }
  }

  /** @param copies of what it was before. */
  #did(what: string, copies: readonly string[] = []): void {
    this.#done.push([what, ...copies.map((copy) => `as it was: ${copy}`)].join("; "));
    if (this.#context.json) return;
    printProse(this.#context, what, "  ");
    // Whole, to be copied.
    for (const copy of copies) print(this.#context, `  as it was: ${copy}`);
  }

  /** @throws what is a defect of the program. */
  #tell(error: unknown): void {
    if (!(error instanceof FaultError)) throw error;
    if (error instanceof ConfigError) for (const line of error.lines) complain(this.#context, line);
    this.#complain(error.fault);
  }

  /** Each once. */
  #complain({ message, remedy }: Fault): void {
    if (this.#told.has(message)) return;
    this.#told.add(message);
    complainProse(this.#context, message, "  ", "");
    complainProse(this.#context, remedy, "    ", "  ");
  }
}
