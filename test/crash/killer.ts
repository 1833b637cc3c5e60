import { readFileSync, rmSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { eventually } from "../support/eventually.ts";
import { type Daemon, SCRIPT, type Workspace } from "../support/workspace.ts";
import type { Storm } from "./storm.ts";
import { isWriting, placesOfWrites, spawnVictim } from "./victim.ts";

/** A start takes about half of it. */
const LONGEST_LIFE_MS = 500;

/** Where a kill found its victim. */
export type Phase = "starting" | "writing" | "between writes";

/** Kills daemons and commands in the middle of a storm. */
export class Killer {
  /** How many kills landed where: `daemon writing`. */
  readonly landed: Record<`${"daemon" | "command"} ${Phase}`, number> = {
    "daemon starting": 0,
    "daemon writing": 0,
    "daemon between writes": 0,
    "command starting": 0,
    "command writing": 0,
    "command between writes": 0,
  };
  readonly #workspace: Workspace;
  readonly #storm: Storm;
  readonly #random: () => number;
  readonly #places: readonly string[];

  constructor(workspace: Workspace, storm: Storm, random: () => number) {
    this.#workspace = workspace;
    this.#storm = storm;
    this.#random = random;
    this.#places = placesOfWrites(workspace, storm.repos);
  }

  /**
   * Starts a daemon, or now and then a command alone, and kills it at some moment of its life.
   * Nothing of the program runs when it returns.
   *
   * @returns false where the victim had ended by itself before.
   */
  async kill(): Promise<boolean> {
    rmSync(this.#workspace.paths.logFile, { force: true });
    const who = this.#random() < 0.15 ? "command" : "daemon";
    const victim = this.#spawn(who === "command" ? ["sync", "--all"] : ["run"]);
    const beside = who === "daemon" && this.#random() < 0.1 ? [this.#spawn(["sync", this.#pick()])] : [];
    const noted = this.#random() < 0.5 ? this.#note() : undefined;
    await this.#moment(victim);
    await victim.kill();
    const phase = this.#phaseOf(victim);
    if (phase !== undefined) this.landed[`${who} ${phase}`] += 1;
    // What the daemon was doing for it, it does by itself now.
    for (const command of beside) await command.end();
    await noted;
    return phase !== undefined;
  }

  /** Somebody writes a note, while the victim lives or soon after. */
  async #note(): Promise<void> {
    const [cache, moment] = [this.#pick(), this.#random()];
    await delay(moment * LONGEST_LIFE_MS);
    await this.#storm.edit(cache);
  }

  /** Any moment after the start, any after it was ready, or one at which a write was seen. */
  async #moment(victim: Daemon): Promise<void> {
    const [which, when] = [Math.floor(this.#random() * 3), this.#random()];
    if (which === 0) {
      await eventually("a write", () => victim.ended || isWriting(victim.pid, this.#places));
      return;
    }
    if (which === 1) await eventually("it to be ready", () => victim.ended || this.#isReady(victim));
    await delay(when * LONGEST_LIFE_MS);
  }

  /** A daemon that says so, or a command that has the lock. */
  #isReady(victim: Daemon): boolean {
    const { lockFile, logFile } = this.#workspace.paths;
    const named = textOf(lockFile).includes(`"pid":${victim.pid},`);
    return named && (textOf(lockFile).includes("command") || textOf(logFile).includes("daemon.ready"));
  }

  #phaseOf(victim: Daemon): Phase | undefined {
    if (victim.code !== null) return undefined;
    if (isWriting(victim.pid, this.#places)) return "writing";
    return this.#isReady(victim) ? "between writes" : "starting";
  }

  #spawn(args: readonly string[]): Daemon {
    return spawnVictim(this.#workspace, SCRIPT, args);
  }

  #pick(): string {
    const { repos } = this.#storm;
    return repos[Math.floor(this.#random() * repos.length)] ?? "";
  }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
