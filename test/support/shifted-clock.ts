import { rename, utimes, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Workspace } from "./workspace.ts";

/** The time of day that a process sees, set by the test. */
export class ShiftedClock {
  /** For the processes that are to see it. */
  readonly env: NodeJS.ProcessEnv;
  readonly #workspace: Workspace;
  readonly #order: string;
  #shiftMs = 0;

  constructor(workspace: Workspace) {
    this.#workspace = workspace;
    this.#order = join(workspace.root, "shifted-clock");
    const preload = resolve("test", "support", "shifted-clock-preload.mjs");
    this.env = { SHIFTED_CLOCK: this.#order, NODE_OPTIONS: `--import=${preload}` };
  }

  /** Sets the clock so many milliseconds before or after the true time. */
  async set(shiftMs: number): Promise<void> {
    this.#shiftMs = shiftMs;
    await inOneStep(this.#order, String(shiftMs), async () => undefined);
  }

  /** Saves a state file as one who sees this clock would: its mtime is by it too. */
  async save(name: string, text: string): Promise<void> {
    const seconds = (Date.now() + this.#shiftMs) / 1_000;
    await inOneStep(this.#workspace.stateFile(name), text, (file) => utimes(file, seconds, seconds));
  }
}

async function inOneStep(path: string, text: string, before: (file: string) => Promise<void>): Promise<void> {
  await writeFile(`${path}.new`, text);
  await before(`${path}.new`);
  await rename(`${path}.new`, path);
}
