import { within } from "../../src/concurrently.ts";
import { Beliefs, heldIn } from "./beliefs.ts";
import { check, checkFlushed, type Patience } from "./check.ts";
import { complaintsAboutRun, expectedCodes } from "./commands.ts";
import type { Config } from "./cast.ts";
import { Monitor } from "./monitor.ts";
import { placesOf, Scene } from "./scene.ts";
import { type Command, type Edit, inWords, type Step } from "./steps.ts";
import { digestOf } from "./texts.ts";
import { World } from "./world.ts";

/** Nothing that a step does takes as long: whoever waits for it waits for ever. */
const STEP_MS = 240_000;

export interface Failure {
  /** The step at which it was noticed. */
  readonly index: number;
  readonly complaints: readonly string[];
}

export interface Outcome {
  readonly failure: Failure | undefined;
  /** Steps that were taken; the others had lost their point. */
  readonly taken: number;
  readonly checks: number;
  /** Caches that the monitor has read while all this went on. */
  readonly readings: number;
  /** The end of the daemon's log, where the run failed. */
  readonly log: string;
}

/** Plays steps on a world of its own and compares it with the model. */
export async function play(steps: readonly Step[], patience: Patience = { rescans: 6 }): Promise<Outcome> {
  const player = await Player.begin(patience);
  try {
    return await player.play(steps);
  } finally {
    await player.end();
  }
}

class Player {
  readonly #scene: Scene;
  readonly #beliefs: Beliefs;
  readonly #world: World;
  readonly #monitor: Monitor;
  readonly #patience: Patience;
  #hasJustStarted = true;

  private constructor(scene: Scene, world: World, patience: Patience) {
    this.#scene = scene;
    this.#beliefs = new Beliefs(scene);
    this.#world = world;
    this.#monitor = new Monitor(scene, world);
    world.noteActive();
    this.#patience = patience;
  }

  static async begin(patience: Patience): Promise<Player> {
    const scene = new Scene();
    return new Player(scene, await World.create(scene), patience);
  }

  async end(): Promise<void> {
    await this.#monitor.stop();
    await this.#world.dispose();
  }

  async play(steps: readonly Step[]): Promise<Outcome> {
    let [taken, checks] = [0, 0];
    let failure: Failure | undefined;
    for (const [index, step] of steps.entries()) {
      if (!this.#scene.can(step)) continue;
      taken += 1;
      if (step.do === "check") checks += 1;
      const taking = await within(
        STEP_MS,
        this.#take(step).catch((error: unknown) => [thrown(step, error)]),
      );
      const complaints = [...(taking ?? [`did not end: ${inWords(step)}`]), ...this.#monitor.complaints];
      if (complaints.length > 0) {
        failure = { index, complaints };
        break;
      }
    }
    const log = failure === undefined ? "" : await this.#world.log();
    return { failure, taken, checks, readings: this.#monitor.readings, log };
  }

  async #take(step: Step): Promise<readonly string[]> {
    const [scene, beliefs, world] = [this.#scene, this.#beliefs, this.#world];
    switch (step.do) {
      case "check":
        return await this.#check(step);
      case "terminate":
        return await this.#terminate(step);
      case "config": {
        const before = scene.config;
        scene.apply(step);
        await this.#configure(before, step);
        return [];
      }
      case "command":
        return await this.#command(step.command, step.wait);
      case "edit":
      case "remove .aibrain":
        return await this.#edit(step);
      case "start": {
        const { complaints } = await world.take(step);
        scene.apply(step);
        this.#hasJustStarted = true;
        if (scene.daemon === "up") beliefs.started();
        this.#refresh();
        return complaints;
      }
      case "bad config": {
        const { complaints } = await world.take(step);
        // The world has seen to it that the config before is in force.
        if (scene.daemon === "up") scene.settleConfig();
        scene.apply(step);
        return complaints;
      }
      default: {
        if (step.do === "kill") beliefs.wasKilled = true;
        const { complaints } = await world.take(step);
        const passing = scene.apply(step);
        world.noteActive();
        beliefs.refresh(passing);
        return complaints;
      }
    }
  }

  #refresh(): void {
    this.#world.noteActive();
    this.#beliefs.refresh();
  }

  async #check(step: Step): Promise<readonly string[]> {
    const [scene, world] = [this.#scene, this.#world];
    await world.take(step);
    scene.apply(step);
    this.#refresh();
    const complaints = await check(scene, this.#beliefs, world, this.#patience);
    this.#hasJustStarted = false;
    for (const { place } of placesOf(scene)) {
      if (!this.#beliefs.cache(place).disturbed) this.#monitor.exempt.delete(place);
    }
    return complaints;
  }

  async #terminate(step: Step): Promise<readonly string[]> {
    const { complaints } = await this.#world.take(step);
    const left =
      complaints.length > 0 ? complaints : await checkFlushed(this.#scene, this.#beliefs, this.#world);
    this.#scene.apply(step);
    return left;
  }

  async #configure(before: Config, step: Extract<Step, { readonly do: "config" }>): Promise<void> {
    await this.#world.configure(this.#scene.config, step.how, step.hup);
    this.#beliefs.reconfigured(before, this.#scene.config);
    this.#refresh();
  }

  async #command(command: Command, wait: boolean): Promise<readonly string[]> {
    const [scene, beliefs, world] = [this.#scene, this.#beliefs, this.#world];
    const codes = expectedCodes(scene, beliefs, command, this.#hasJustStarted);
    const isAlone = !beliefs.isCommanded && scene.configs.length === 1;
    const done = beliefs.commanded(command);
    const { ran } = await world.take({ do: "command", command, wait });
    if (ran === undefined) return [];
    done();
    const complaints = complaintsAboutRun(command, ran, codes);
    if (command.kind !== "sync" && command.kind !== "sync around") return complaints;
    if (isAlone) complaints.push(...(await this.#complaintsAboutSynced(command.repo, ran.stdout)));
    if (ran.code === 0) beliefs.synced(command.repo);
    return complaints;
  }

  /** A line that says "Synced" is true at the moment that it is printed. */
  async #complaintsAboutSynced(from: string, stdout: string): Promise<string[]> {
    const file = this.#scene.stateFile(from);
    const wanted = file?.kind === "text" ? digestOf(file.bytes) : undefined;
    const complaints: string[] = [];
    for (const { place } of placesOf(this.#scene)) {
      if (!stdout.includes(` -> ${this.#world.directory(place)}/.aibrain/global-state-cache.md\n`)) continue;
      const held = heldIn((await this.#world.cache(place)).reading, from);
      if (held !== wanted)
        complaints.push(`sync says that ${place.repo} has ${from}'s state, and it has ${held}`);
    }
    return complaints;
  }

  async #edit(
    step: Extract<Step, { readonly do: "edit" } | { readonly do: "remove .aibrain" }>,
  ): Promise<readonly string[]> {
    const place = this.#scene.place(step.repo);
    if (place !== undefined && step.do === "edit" && exposes(step.edit)) this.#monitor.exempt.add(place);
    const { complaints, edited } = await this.#world.take(step);
    if (place === undefined) return complaints;
    const nothing = { bytes: undefined, disturbed: false, inPlace: false, mode: undefined, note: undefined };
    if (step.do === "remove .aibrain") this.#beliefs.edited(place, nothing);
    else if (edited !== undefined) this.#beliefs.edited(place, edited);
    return complaints;
  }
}

function thrown(step: Step, error: unknown): string {
  return `${inWords(step)}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
}

/** True for an edit during which, or after which, the cache is not whole. */
function exposes(edit: Edit): boolean {
  if (edit.kind === "note") return edit.how === "in place";
  return edit.kind !== "delete" && edit.kind !== "mode";
}
