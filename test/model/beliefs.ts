import { type Config, mayHold, NAMES, registered } from "./cast.ts";
import type { Edited } from "./hand.ts";
import { readCache, type Reading, titlesIn } from "./reading.ts";
import { type Passing, type Place, placesOf, type Scene } from "./scene.ts";
import type { Command } from "./steps.ts";
import { digestOf, tokensIn, verdictOn } from "./texts.ts";

/** What a cache may hold of a peer: the digest of a body, or one of these. */
export type Held = string;
export const NONE = "nothing";
/** Delimiters that certify nothing. */
export const DAMAGED = "something damaged";

/** What the program may take for a source's newest good state: a digest, or this. */
const UNKNOWN = "unknown";

/** One cache, in one directory. */
export interface CacheBelief {
  /** What it may hold, by peer; nothing where a peer is not named. */
  readonly holds: Map<string, ReadonlySet<Held>>;
  /** Lines that people wrote outside of the sections, by how often each stands there. */
  readonly notes: Map<string, { readonly count: number; readonly settled: boolean }>;
  /** Since the last check somebody cut, doubled or rewrote what is not theirs. */
  disturbed: boolean;
  /** Tokens of states that such an accident left outside of the sections. */
  stray: ReadonlySet<string>;
  /** Headers, or beginnings of them, that stand in it; more than one after such an accident. */
  titles: number;
  /** While nobody may write it: its bytes. Undefined where the program may. */
  frozen: Buffer | "absent" | undefined;
  mode: number | undefined;
}

interface CommandInHand {
  /** The repos whose state files it may read. */
  readonly sources: ReadonlySet<string>;
  /** A person named just this one. */
  readonly named: boolean;
  /** The repo that is pulled for. */
  readonly pulledFor: string | undefined;
}

/**
 * What may be true of the program's memory and of the caches, as far as the contract leaves it
 * open. Between two checks it grows with whatever the program may have met; at a check it
 * shrinks to what was found.
 */
export class Beliefs {
  readonly #scene: Scene;
  readonly #caches = new Map<Place, CacheBelief>();
  /** The last good states that a daemon may have in mind. It forgets them when it ends. */
  readonly #memory = new Map<string, ReadonlySet<string>>();
  /** Sources whose state a `pull` may have taken from another cache: that cache's peers follow at their next turn. */
  readonly #adopted = new Set<string>();
  /** Commands that were not waited for. */
  #inHand: CommandInHand[] = [];
  /** The daemon was killed since the last check. */
  wasKilled = false;

  constructor(scene: Scene) {
    this.#scene = scene;
    this.refresh();
  }

  cache(place: Place): CacheBelief {
    let belief = this.#caches.get(place);
    if (belief === undefined) {
      belief = {
        holds: new Map(),
        notes: new Map(),
        disturbed: false,
        stray: new Set(),
        titles: 0,
        frozen: "absent",
        mode: undefined,
      };
      this.#caches.set(place, belief);
    }
    return belief;
  }

  holds(place: Place, from: string): ReadonlySet<Held> {
    return this.cache(place).holds.get(from) ?? new Set([NONE]);
  }

  /**
   * What each healthy cache that may hold this source must hold, where a daemon runs and has come
   * to rest: one of these, all caches the same. UNKNOWN leaves each with what it had.
   */
  memory(name: string): ReadonlySet<string> {
    const { scene, config } = { scene: this.#scene, config: this.#scene.config };
    const file = scene.stateFile(name);
    if (file?.kind === "text" && !scene.isPaused(name) && scene.verdict(name, config) === "good") {
      return new Set([digestOf(file.bytes)]);
    }
    return this.#memory.get(name) ?? new Set([UNKNOWN]);
  }

  isUnknown(state: string): boolean {
    return state === UNKNOWN;
  }

  isAdopted(name: string): boolean {
    return this.#adopted.has(name);
  }

  /** True where more than one thing would do, so that one look cannot tell whether the program is done. */
  get isOpen(): boolean {
    return NAMES.some((name) => {
      const memory = this.memory(name);
      if (memory.size > 1 || this.#adopted.has(name)) return true;
      return placesOf(this.#scene).some(
        ({ place }) => (memory.has(UNKNOWN) || !this.#isCacheOf(place)) && this.holds(place, name).size > 1,
      );
    });
  }

  /** Takes in what the program can see now, or could see during a save. */
  refresh(passing?: Passing): void {
    const scene = this.#scene;
    for (const config of scene.configs) {
      for (const from of NAMES) {
        const entry = registered(config, from);
        if (entry === undefined || entry.role === "passive" || !entry.publish) continue;
        // A paused repo is not read; caches are still healed with what was known of it before.
        const seen = scene.isPaused(from) ? [] : this.#seen(from, config, passing);
        if (scene.daemon === "up") this.#remember(from, seen);
        const commanded = this.#inHand.some(({ sources }) => sources.has(from));
        for (const to of NAMES) {
          if (!mayHold(config, to, from) || !scene.isWritable(to, config)) continue;
          if (scene.daemon === "up") this.#mayArrive(to, from, config, this.#memory.get(from) ?? []);
          if (commanded) this.#mayArrive(to, from, config, seen);
        }
      }
      if (scene.daemon === "up" || this.#inHand.length > 0) this.#thaw(config);
    }
    for (const { pulledFor } of this.#inHand) if (pulledFor !== undefined) this.#adopt(pulledFor);
  }

  /** A daemon starts: it knows nothing but what it reads. */
  started(): void {
    this.#memory.clear();
    this.#adopted.clear();
    if (this.#inHand.length === 0) this.#scene.settleConfig();
  }

  /** A config that takes a repo out, or puts its state file elsewhere, has the daemon forget its state. */
  reconfigured(before: Config, after: Config): void {
    for (const name of NAMES) {
      const [old, next] = [registered(before, name), registered(after, name)];
      const same =
        old?.directory === next?.directory && old?.stateFile === next?.stateFile && old?.role === next?.role;
      // Where two configs follow each other quickly the daemon may never see the first.
      if (!same) this.#remember(name, [UNKNOWN]);
    }
  }

  /** A command was started. @returns to be called when it has come to its end. */
  commanded(command: Command): () => void {
    if (command.kind === "status" || command.kind === "explain") return () => undefined;
    const { config } = this.#scene;
    const named = command.kind === "sync" || command.kind === "sync around";
    const inHand: CommandInHand = {
      sources: new Set("repo" in command && named ? [command.repo] : config.order),
      named,
      pulledFor: command.kind === "pull" ? command.repo : undefined,
    };
    this.#inHand.push(inHand);
    this.refresh();
    return () => {
      this.#inHand = this.#inHand.filter((one) => one !== inHand);
    };
  }

  /** All commands have come to their end. */
  commandsDone(): void {
    this.#inHand = [];
  }

  get isCommanded(): boolean {
    return this.#inHand.length > 0;
  }

  /** A person's `sync` of just this repo has succeeded: an empty file is its newest state then. */
  synced(name: string): void {
    const file = this.#scene.stateFile(name);
    if (file?.kind !== "text" || this.#scene.configs.length > 1 || this.#scene.isPaused(name)) return;
    if (this.#scene.daemon === "up") this.#memory.set(name, new Set([digestOf(file.bytes)]));
    for (const to of NAMES) {
      const place = this.#scene.place(to);
      if (place === undefined || !mayHold(this.#scene.config, to, name)) continue;
      this.cache(place).holds.set(name, new Set([digestOf(file.bytes)]));
    }
  }

  /** Somebody wrote, or deleted, a cache by hand. */
  edited(place: Place, { bytes, disturbed, inPlace, mode, note }: Edited): void {
    const belief = this.cache(place);
    const reading = readCache(bytes ?? Buffer.alloc(0));
    // The program may have replaced the file between their reading and their writing.
    const isLeftAlone = belief.frozen !== undefined;
    for (const name of NAMES) {
      const before = isLeftAlone ? [] : this.holds(place, name);
      belief.holds.set(name, new Set([heldIn(reading, name), ...before]));
    }
    for (const [line, { settled }] of belief.notes) {
      const count = occurrences(reading.outside, line);
      // What people take out themselves is theirs to lose.
      if (count === 0) belief.notes.delete(line);
      else belief.notes.set(line, { count, settled: settled && !inPlace });
    }
    if (note !== undefined) belief.notes.set(note, { count: 1, settled: false });
    if (isLeftAlone) belief.frozen = bytes ?? "absent";
    if (mode !== undefined || bytes === undefined) belief.mode = mode;
    belief.disturbed ||= disturbed;
    this.refresh();
  }

  /** What was found at a check is how things are. */
  resolve(
    caches: ReadonlyMap<Place, { readonly bytes: Buffer | undefined; readonly reading: Reading }>,
  ): void {
    const scene = this.#scene;
    const states = new Map(
      NAMES.map((name) => [name, this.#consistent(name, (place) => caches.get(place)?.reading)]),
    );
    scene.settleConfig();
    this.wasKilled = false;
    for (const [place, { bytes, reading }] of caches) {
      const belief = this.cache(place);
      for (const name of NAMES) belief.holds.set(name, new Set([heldIn(reading, name)]));
      // What nobody could put right yet is as it was.
      const isMended = scene.daemon === "up" && this.#isCacheOf(place) && reading.damaged.size === 0;
      belief.disturbed &&= !isMended;
      belief.titles = titlesIn(reading);
      belief.stray = new Set(tokensIn(reading.outside).map(({ token }) => token));
      belief.frozen = bytes ?? "absent";
      for (const note of belief.notes.keys()) {
        const count = occurrences(reading.outside, note);
        if (count === 0) belief.notes.delete(note);
        else belief.notes.set(note, { count, settled: true });
      }
    }
    for (const [name, memory] of states) {
      this.#memory.set(name, memory);
      if (!memory.has(UNKNOWN) && memory.size === 1) this.#adopted.delete(name);
    }
    this.refresh();
  }

  /** True where the program may write this very cache. */
  #isCacheOf(place: Place): boolean {
    return this.#scene.place(place.repo) === place && this.#scene.isWritable(place.repo);
  }

  /** Which of the states that a daemon may have in mind fit what the caches hold. */
  #consistent(name: string, reading: (place: Place) => Reading | undefined): ReadonlySet<string> {
    const scene = this.#scene;
    const entry = registered(scene.config, name);
    if (scene.daemon !== "up" || entry === undefined || entry.role === "passive") return new Set([UNKNOWN]);
    if (!entry.publish || this.#adopted.has(name)) return this.memory(name);
    const held = this.healthyTargets(name).map((place) => heldIn(reading(place), name));
    const fitting = [...this.memory(name)].filter(
      (state) => state === UNKNOWN || held.every((one) => one === state),
    );
    return new Set(fitting);
  }

  /** The caches that must have what a daemon knows of this source. */
  healthyTargets(name: string): Place[] {
    const scene = this.#scene;
    return NAMES.flatMap((to) => {
      const place = scene.place(to);
      const healthy = mayHold(scene.config, to, name) && scene.isWritable(to);
      return healthy && place !== undefined ? [place] : [];
    });
  }

  #seen(name: string, config: Config, passing: Passing | undefined): string[] {
    const scene = this.#scene;
    const asked = this.#inHand.some((command) => command.named && command.sources.has(name));
    const file = scene.stateFile(name, config);
    const contents = file?.kind === "text" ? [file.bytes] : [];
    const isHere =
      passing?.place === scene.place(name, config) && passing?.file === scene.entry(name, config).stateFile;
    if (passing !== undefined && isHere) contents.push(...passing.contents);
    return contents
      .filter((bytes) => {
        const verdict = verdictOn(bytes, config.maxBytes);
        // A person who names a repo means an empty file to be empty.
        return verdict === "good" || (asked && verdict === "empty");
      })
      .map(digestOf);
  }

  #remember(name: string, states: Iterable<string>): void {
    this.#memory.set(name, new Set([...(this.#memory.get(name) ?? [UNKNOWN]), ...states]));
  }

  #mayArrive(to: string, from: string, config: Config, states: Iterable<string>): void {
    const place = this.#scene.place(to, config);
    if (place === undefined) return;
    const known = [...states].filter((state) => state !== UNKNOWN);
    this.cache(place).holds.set(from, new Set([...this.holds(place, from), ...known]));
  }

  /** The caches that may be written under a config are not as they were found, and others' sections may leave them. */
  #thaw(config: Config): void {
    for (const to of NAMES) {
      const place = this.#scene.place(to, config);
      if (place === undefined || !this.#scene.isWritable(to, config)) continue;
      const belief = this.cache(place);
      belief.frozen = undefined;
      for (const from of NAMES) {
        const held = new Set(this.holds(place, from));
        if (!mayHold(config, to, from)) held.add(NONE);
        // What nobody knows better than this cache stays as somebody left it, in delimiters that certify nothing.
        if (belief.disturbed && (held.has(NONE) || held.has(DAMAGED))) held.add(NONE).add(DAMAGED);
        belief.holds.set(from, held);
      }
    }
  }

  /** `pull` takes the state of a peer that is out of reach from any cache that may hold it. */
  #adopt(to: string): void {
    const { config } = this.#scene;
    for (const from of NAMES) {
      if (!mayHold(config, to, from) || this.#scene.isPaused(from) || !this.memory(from).has(UNKNOWN))
        continue;
      const copies = NAMES.flatMap((holder) => {
        const place = this.#scene.place(holder);
        return mayHold(config, holder, from) && place !== undefined ? [...this.holds(place, from)] : [];
      }).filter((held) => held !== NONE && held !== DAMAGED);
      if (copies.length === 0) continue;
      this.#adopted.add(from);
      if (this.#scene.daemon === "up") this.#remember(from, copies);
      this.#mayArrive(to, from, config, copies);
    }
  }
}

export function heldIn(reading: Reading | undefined, name: string): Held {
  const found = reading?.sections.find(({ repo }) => repo === name);
  return found?.digest ?? (reading?.damaged.has(name) === true ? DAMAGED : NONE);
}

export function occurrences(text: string, line: string): number {
  return text.split(line).length - 1;
}
