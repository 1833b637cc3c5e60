import { readFile, rename, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { eventually } from "./eventually.ts";
import type { Workspace } from "./workspace.ts";

/** How a disk misbehaves, for everything under some directory. */
export interface Misbehaviour {
  /** Calls with a path in this directory, or in one of these, do not come back. */
  readonly hangs?: string | readonly string[];
  /** What is written there does not come back; reading works. */
  readonly writesHang?: string;
  /** Each call with a path there takes this much longer. */
  readonly slow?: { readonly under: string; readonly ms: number };
  /** Each call with a path there fails. */
  readonly refuses?: { readonly under: string | readonly string[]; readonly code: string };
  /** The process gets to nothing else: not the disk's doing, but found out in the same way. */
  readonly blocksLoop?: true;
  /** Calls with a path there are counted. */
  readonly counts?: string | readonly string[];
  /** Watches of directories there go deaf, for ever, at their next event. */
  readonly losesEvents?: string;
  /** Closing what was opened for reading fails. */
  readonly closeFails?: { readonly under: string; readonly code: string };
  /** The fsync of a directory fails: of each in that one, and of itself, or of just that one. */
  readonly directorySyncFails?: { readonly code: string } & (
    | { readonly under: string }
    | { readonly at: string }
  );
}

/**
 * The disk under a process, made to misbehave while the test wants it to: the calls of
 * `node:fs/promises`, and the events of `fs.watch`. The directories and files are real.
 */
export class UnrulyDisk {
  /** For the processes that are to have this disk. */
  readonly env: NodeJS.ProcessEnv;
  readonly #order: string;

  constructor(workspace: Workspace) {
    this.#order = join(workspace.root, "unruly-disk.json");
    const preload = resolve("test", "support", "unruly-disk-preload.mjs");
    this.env = { UNRULY_DISK: this.#order, NODE_OPTIONS: `--import=${preload}` };
  }

  async misbehave(how: Misbehaviour): Promise<void> {
    // In one step: a process that looks meanwhile must not find half of it.
    await writeFile(`${this.#order}.new`, JSON.stringify(how));
    await rename(`${this.#order}.new`, this.#order);
  }

  /** From now on everything works, and what hung comes back. */
  async behave(): Promise<void> {
    await this.misbehave({});
  }

  /** The calls that hang, or did. */
  async held(): Promise<string[]> {
    return await lines(`${this.#order}.held`);
  }

  /** The calls that were counted, each with its path. */
  async counted(): Promise<string[]> {
    return await lines(`${this.#order}.counted`);
  }

  /** Waits until some call hangs. */
  async holds(): Promise<void> {
    await eventually("a call to hang", async () => (await this.held()).length > 0);
  }
}

async function lines(file: string): Promise<string[]> {
  const text = await readFile(file, "utf8").catch(() => "");
  return text.split("\n").filter((line) => line !== "");
}
