import { type Fault, fault } from "../errors.ts";
import { CacheLane } from "./lane.ts";
import type { LaneWorld } from "./lane-world.ts";

/** The lanes of all caches, each made when it is first asked for. */
export class Lanes {
  readonly #lanes = new Map<string, CacheLane>();
  readonly #world: LaneWorld;

  constructor(world: LaneWorld) {
    this.#world = world;
  }

  of(repo: string): CacheLane {
    let lane = this.#lanes.get(repo);
    if (lane === undefined) {
      lane = new CacheLane(repo, this.#world);
      this.#lanes.set(repo, lane);
    }
    return lane;
  }

  /** Answers everyone who waits for a turn of a repo's cache that will not come. */
  dismiss(repo: string, why: Fault): void {
    this.#lanes.get(repo)?.dismiss(why);
  }

  /** Forgets the lane of a repo that has left the config. */
  drop(repo: string): void {
    const lane = this.#lanes.get(repo);
    this.#lanes.delete(repo);
    lane?.dismiss(fault("REPO_UNKNOWN", `${repo} has left the config`, { repo }));
    if (lane !== undefined) void lane.close();
  }

  /** Lets go of every file. */
  async close(): Promise<void> {
    await Promise.all([...this.#lanes.values()].map((lane) => lane.close()));
  }
}
