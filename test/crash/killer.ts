import { existsSync, readFileSync, rmSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { eventually } from "../support/eventually.ts";
import { type Daemon, SCRIPT, type Workspace } from "../support/workspace.ts";
import type { Storm } from "./storm.ts";
import { isWriting, placesOfWrites, spawnVictim } from "./victim.ts";

/** A start takes about half of it. */
const LONGEST_LIFE_MS = 600;

/** Where a kill found its victim. */
export type Phase = "starting" | "writing" | "between writes" | "ended by itself";

/** Kills daemons and commands in the middle of a storm. */
export class Killer {
  /** How many kills landed where: `daemon writing`. */
  readonly landed: Record<`${"daemon" | "command"} ${Phase}`, number> = {
    "daemon starting": 0,
    "daemon writing": 0,
    "daemon between writes": 0,
    "daemon ended by itself": 0,
    "command starting": 0,
    "command writing": 0,
    "command between writes": 0,
    "command ended by itself": 0,
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
   */
  async kill(): Promise<void> {
    rmSync(this.#workspace.paths.logFile, { force: true });
    const who = this.#random() < 0.15 ? "command" : "daemon";
    const victim = this.#spawn(who === "command" ? ["sync", "--all"] : ["run"]);
    const beside = who === "daemon" && this.#random() < 0.1 ? [this.#spawn(["sync", this.#pick()])] : [];
    const noted = this.#random() < 0.5 ? this.#note() : undefined;
    await this.#moment(victim);
    await victim.kill();
    this.landed[`${who} ${this.#phaseOf(victim, who)}`] += 1;
    // What the daemon was doing for it, it does by itself now.
    for (const command of beside) await command.end();
    await noted;
  }

  /** Somebody writes a note, while the victim lives or soon after. */
  async #note(): Promise<void> {
    const [cache, moment] = [this.#pick(), this.#random()];
    await delay(moment * LONGEST_LIFE_MS);
    await this.#storm.edit(cache);
  }

  /** Any moment of a short life; every third time one at which a write was seen. */
  async #moment(victim: Daemon): Promise<void> {
    const [one, other] = [this.#random(), this.#random()];
    if (one < 2 / 3) await delay(other * LONGEST_LIFE_MS);
    else await eventually("a write", () => victim.ended || isWriting(victim.pid, this.#places));
  }

  #phaseOf(victim: Daemon, who: "daemon" | "command"): Phase {
    if (victim.code !== null) return "ended by itself";
    if (isWriting(victim.pid, this.#places)) return "writing";
    const { lockFile, logFile } = this.#workspace.paths;
    const sign = who === "daemon" ? '"event":"daemon.ready"' : `"pid":${victim.pid},`;
    const file = who === "daemon" ? logFile : lockFile;
    return existsSync(file) && readFileSync(file, "utf8").includes(sign) ? "between writes" : "starting";
  }

  #spawn(args: readonly string[]): Daemon {
    return spawnVictim(this.#workspace, SCRIPT, args);
  }

  #pick(): string {
    const { repos } = this.#storm;
    return repos[Math.floor(this.#random() * repos.length)] ?? "";
  }
}
