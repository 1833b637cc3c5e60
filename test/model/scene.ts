import {
  CAST,
  type Config,
  type Directory,
  type Entry,
  FEW_BYTES,
  FIRST_CONFIG,
  hasCache,
  NAMES,
  registered,
  type StateFile,
  USUAL_BYTES,
} from "./cast.ts";
import { type CacheFault, type ConfigChange, type SaveStyle, type Step, toggled } from "./steps.ts";
import { bytesOf, type Verdict, verdictOn } from "./texts.ts";

/** What stands where a state file belongs. */
export type FileState =
  | { readonly kind: "nothing" | "directory" | "FIFO" | "link out" }
  | { readonly kind: "text"; readonly bytes: Buffer };

const NOTHING: FileState = { kind: "nothing" };

/** One directory of a repo, with what lies in it. It keeps its identity when it is moved. */
export class Place {
  readonly repo: string;
  readonly id: string;
  readonly files = new Map<StateFile, FileState>();
  /** State files that were renamed away. */
  readonly hidden = new Map<StateFile, FileState>();
  fault: CacheFault | undefined;

  constructor(repo: string, id: string) {
    this.repo = repo;
    this.id = id;
  }

  file(name: StateFile): FileState {
    return this.files.get(name) ?? NOTHING;
  }
}

/** `aside`: where a directory goes that is moved away. `double`: one that may take its place. */
export type Position = Directory | "aside" | "double";
export const POSITIONS: readonly Position[] = ["home", "alt", "aside", "double"];

/** Stands for every repo in a pause. */
export const ALL = "*";

/** What a save passes through before it is done: a reader may meet each of them. */
export interface Passing {
  readonly place: Place;
  readonly file: StateFile;
  readonly contents: readonly Buffer[];
}

/** A file that grows in place by more than this is rewritten. */
const MOST_APPENDED = 200_000;

/**
 * What is where, as the steps alone tell it: no program is asked, and a run's skipped steps are
 * the same in every repetition.
 */
export class Scene {
  readonly positions = new Map<string, Map<Position, Place>>();
  /** The configs that may be in force: the newest, and those before it since the last check. */
  configs: readonly Config[] = [FIRST_CONFIG];
  /** False while the file on disk is no config. */
  configIsValid = true;
  readonly paused = new Set<string>();
  daemon: "down" | "up" | "frozen" = "up";

  constructor() {
    for (const [index, [name, entry]] of [...CAST].entries()) {
      const places = new Map<Position, Place>();
      for (const [nth, position] of (["home", "alt", "double"] as const).entries()) {
        const place = new Place(name, position);
        const file = position === "home" ? entry.stateFile : "STATE.md";
        const text = { shape: "headings", serial: index * 3 + nth } as const;
        place.files.set(file, { kind: "text", bytes: bytesOf(name, text) });
        places.set(position, place);
      }
      this.positions.set(name, places);
    }
  }

  /** The config on disk, or the last one that was right. */
  get config(): Config {
    return this.configs.at(-1) ?? FIRST_CONFIG;
  }

  /** No config but the newest can be in force any more. */
  settleConfig(): void {
    this.configs = [this.config];
  }

  entry(name: string, config = this.config): Entry {
    const entry = config.entries.get(name);
    if (entry === undefined) throw new Error(`${name} is not in the cast`);
    return entry;
  }

  /** The directory that stands where a repo's path leads. */
  place(name: string, config = this.config): Place | undefined {
    return this.positions.get(name)?.get(this.entry(name, config).directory);
  }

  /** What stands at a repo's state file; undefined where its directory is gone. */
  stateFile(name: string, config = this.config): FileState | undefined {
    return this.place(name, config)?.file(this.entry(name, config).stateFile);
  }

  verdict(name: string, config = this.config): Verdict | undefined {
    const file = this.stateFile(name, config);
    return file?.kind === "text" ? verdictOn(file.bytes, config.maxBytes) : undefined;
  }

  isPaused(name: string): boolean {
    return this.paused.has(name) || this.paused.has(ALL);
  }

  /** True where the program may write this repo's cache, and nothing keeps it from that. */
  isWritable(name: string, config = this.config): boolean {
    const place = this.place(name, config);
    return hasCache(config, name) && place !== undefined && place.fault === undefined && !this.isPaused(name);
  }

  /** False where a step has lost its point in what has become of the run; it is skipped then. */
  can(step: Step): boolean {
    switch (step.do) {
      case "save":
        return this.place(step.repo) !== undefined;
      case "replace":
        return this.place(step.repo) !== undefined && this.stateFile(step.repo)?.kind !== step.by;
      case "hide":
        return this.#isThere(step.repo) && !this.#isHidden(step.repo);
      case "unhide":
        return this.stateFile(step.repo)?.kind === "nothing" && this.#isHidden(step.repo);
      case "move":
        return this.#canMove(step.repo, step.how);
      case "config":
        return this.#canChange(step.change);
      case "bad config":
        return this.configIsValid && this.daemon !== "frozen";
      case "pause":
      case "resume":
        return this.daemon !== "frozen" && (step.repo === undefined || this.#isSurelyRegistered(step.repo));
      case "edit":
      case "remove .aibrain":
      case "break cache":
        return this.place(step.repo) !== undefined && this.place(step.repo)?.fault === undefined;
      case "mend cache":
        return this.place(step.repo)?.fault !== undefined;
      case "command":
        return !(step.wait && this.daemon === "frozen");
      case "start":
        return this.daemon === "down";
      case "kill":
        return this.daemon !== "down";
      case "terminate":
      case "freeze":
      case "second daemon":
        return this.daemon === "up";
      case "thaw":
        return this.daemon === "frozen";
      case "rest":
      case "check":
        return true;
    }
  }

  /** Takes a step that {@link can} be taken. */
  apply(step: Step): Passing | undefined {
    switch (step.do) {
      case "save":
        return this.#save(step.repo, bytesOf(step.repo, step.text), step.how);
      case "replace":
        this.#put(step.repo, { kind: step.by });
        return undefined;
      case "hide":
        this.place(step.repo)?.hidden.set(
          this.entry(step.repo).stateFile,
          this.stateFile(step.repo) ?? NOTHING,
        );
        this.#put(step.repo, NOTHING);
        return undefined;
      case "unhide": {
        const file = this.entry(step.repo).stateFile;
        const place = this.place(step.repo);
        this.#put(step.repo, place?.hidden.get(file) ?? NOTHING);
        place?.hidden.delete(file);
        return undefined;
      }
      case "move":
        this.#move(step.repo, step.how);
        return undefined;
      case "config":
        this.configs = [...this.configs, this.#changed(step.change)];
        this.configIsValid = true;
        return undefined;
      case "bad config":
        this.configIsValid = false;
        return undefined;
      case "pause":
      case "resume":
        // Without a daemon the command does it, by the config.
        if (this.daemon === "up" || this.configIsValid) this.#pause(step.repo ?? ALL, step.do === "pause");
        return undefined;
      case "break cache":
      case "mend cache": {
        const place = this.place(step.repo);
        if (place !== undefined) place.fault = step.do === "break cache" ? step.fault : undefined;
        return undefined;
      }
      case "start":
        if (this.configIsValid) this.daemon = "up";
        return undefined;
      case "kill":
      case "terminate":
        this.daemon = "down";
        return undefined;
      case "freeze":
        this.daemon = "frozen";
        return undefined;
      case "thaw":
      case "check":
        if (this.daemon === "frozen") this.daemon = "up";
        return undefined;
      case "edit":
      case "remove .aibrain":
      case "command":
      case "second daemon":
      case "rest":
        return undefined;
    }
  }

  #isThere(repo: string): boolean {
    const file = this.stateFile(repo);
    return file !== undefined && file.kind !== "nothing";
  }

  #isHidden(repo: string): boolean {
    return this.place(repo)?.hidden.has(this.entry(repo).stateFile) === true;
  }

  #isSurelyRegistered(repo: string): boolean {
    return this.configs.every((config) => registered(config, repo) !== undefined);
  }

  #put(repo: string, file: FileState): void {
    this.place(repo)?.files.set(this.entry(repo).stateFile, file);
  }

  #save(repo: string, bytes: Buffer, how: SaveStyle): Passing | undefined {
    const place = this.place(repo);
    if (place === undefined) return undefined;
    const before = this.stateFile(repo);
    const file = this.entry(repo).stateFile;
    const { result, contents } = saved(before, bytes, how);
    this.#put(repo, { kind: "text", bytes: result });
    return { place, file, contents };
  }

  #canMove(repo: string, how: "away" | "exchanged" | "back"): boolean {
    const places = this.positions.get(repo);
    if (how === "back") return places?.has("aside") === true;
    return places?.has("home") === true && !places.has("aside") && (how === "away" || places.has("double"));
  }

  #move(repo: string, how: "away" | "exchanged" | "back"): void {
    const places = this.positions.get(repo);
    const [home, double, aside] = [places?.get("home"), places?.get("double"), places?.get("aside")];
    if (how === "back") {
      if (home !== undefined) places?.set("double", home);
      if (aside !== undefined) places?.set("home", aside);
      places?.delete("aside");
      return;
    }
    if (home !== undefined) places?.set("aside", home);
    places?.delete("home");
    if (how === "away" || double === undefined) return;
    places?.set("home", double);
    places?.delete("double");
  }

  #canChange(change: ConfigChange): boolean {
    if (!("repo" in change)) return true;
    if (change.kind === "add") return registered(this.config, change.repo) === undefined;
    const isThere = registered(this.config, change.repo) !== undefined;
    return isThere && (change.kind !== "remove" || this.config.order.length > 3);
  }

  #changed(change: ConfigChange): Config {
    const { config } = this;
    switch (change.kind) {
      case "comment":
        return { ...config };
      case "maxBytes":
        return { ...config, maxBytes: config.maxBytes === USUAL_BYTES ? FEW_BYTES : USUAL_BYTES };
      case "order":
        return { ...config, order: [...config.order.slice(1), ...config.order.slice(0, 1)] };
      case "remove":
        return { ...config, order: config.order.filter((name) => name !== change.repo) };
      case "add":
        return { ...config, order: [...config.order, change.repo] };
      case "groups": {
        const entry = { ...this.entry(change.repo), groups: change.groups };
        return { ...config, entries: new Map(config.entries).set(change.repo, entry) };
      }
      case "publish":
      case "subscribe":
      case "fence":
      case "role":
      case "stateFile":
      case "directory": {
        const entry = toggled(this.entry(change.repo), change.kind);
        return { ...config, entries: new Map(config.entries).set(change.repo, entry) };
      }
    }
  }

  #pause(name: string, on: boolean): void {
    if (on) this.paused.add(name);
    else if (name === ALL) this.paused.clear();
    else this.paused.delete(name);
  }
}

/** What a save leaves, and what a reader may meet meanwhile. */
function saved(
  before: FileState | undefined,
  bytes: Buffer,
  how: SaveStyle,
): { readonly result: Buffer; readonly contents: readonly Buffer[] } {
  if (how === "by rename") return { result: bytes, contents: [] };
  if (how === "appended" && isAppendable(before)) {
    return { result: Buffer.concat([before.bytes, bytes]), contents: [] };
  }
  const contents = [Buffer.alloc(0)];
  if (how === "in chunks") {
    for (const chunk of chunksOf(bytes)) contents.push(Buffer.concat([contents.at(-1) ?? chunk, chunk]));
  }
  return { result: bytes, contents };
}

export function isAppendable(file: FileState | undefined): file is Extract<FileState, { kind: "text" }> {
  return file?.kind === "text" && file.bytes.length < MOST_APPENDED;
}

/** The pieces in which a text is written "in chunks". */
export function chunksOf(bytes: Buffer): Buffer[] {
  const third = Math.ceil(bytes.length / 3);
  // Not between CR and LF: a lone CR is hidden text, and would travel in another shape.
  const [first, second] = [third, 2 * third].map((at) => (bytes[at - 1] === 0x0d ? at + 1 : at));
  const chunks = [bytes.subarray(0, first), bytes.subarray(first, second), bytes.subarray(second)];
  return chunks.filter((chunk) => chunk.length > 0);
}

/** Every name with every directory of it that there is. */
export function placesOf(scene: Scene): { readonly place: Place; readonly position: Position }[] {
  return NAMES.flatMap((name) =>
    [...(scene.positions.get(name) ?? [])].map(([position, place]) => ({ place, position })),
  );
}
