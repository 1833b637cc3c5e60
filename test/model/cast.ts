/** The repos that a run plays with, and the config as the model sees it. */

export type StateFile = "STATE.md" | "docs/STATE.md";
/** A repo's directory, and a second one that the config may name instead. */
export type Directory = "home" | "alt";

export interface Entry {
  readonly role: "execution" | "passive";
  readonly stateFile: StateFile;
  readonly groups: readonly string[];
  readonly publish: boolean;
  readonly subscribe: boolean;
  readonly fence: boolean;
  readonly directory: Directory;
}

export interface Config {
  /** Registered names, in the order of the file. */
  readonly order: readonly string[];
  /** Of every name of the cast; what a repo that is not registered had, or will have. */
  readonly entries: ReadonlyMap<string, Entry>;
  readonly maxBytes: number;
}

const PLAIN: Entry = {
  role: "execution",
  stateFile: "STATE.md",
  groups: ["red"],
  publish: true,
  subscribe: true,
  fence: false,
  directory: "home",
};

/** One name is another's beginning: the original utility confuses such two. */
export const CAST: ReadonlyMap<string, Entry> = new Map<string, Entry>([
  ["ash", { ...PLAIN, groups: ["red", "blue"] }],
  ["ash2", { ...PLAIN, fence: true }],
  ["birch", { ...PLAIN, groups: ["blue"], stateFile: "docs/STATE.md" }],
  ["cedar", { ...PLAIN, publish: false }],
  ["dogwood", { ...PLAIN, groups: ["blue"], subscribe: false }],
  ["elm", { ...PLAIN, groups: ["red", "blue"] }],
  ["moss", { ...PLAIN, role: "passive" }],
]);

export const NAMES: readonly string[] = [...CAST.keys()];
export const STATE_FILES: readonly StateFile[] = ["STATE.md", "docs/STATE.md"];
export const GROUPS: readonly (readonly string[])[] = [["red"], ["blue"], ["red", "blue"], ["green"]];

export const USUAL_BYTES = 1_048_576;
/** A limit that the longer texts exceed. */
export const FEW_BYTES = 2_048;

export const FIRST_CONFIG: Config = {
  order: NAMES,
  entries: CAST,
  maxBytes: USUAL_BYTES,
};

export function registered(config: Config, name: string): Entry | undefined {
  return config.order.includes(name) ? config.entries.get(name) : undefined;
}

/** True where the contract lets `from`'s state stand in `to`'s cache. */
export function mayHold(config: Config, to: string, from: string): boolean {
  const source = registered(config, from);
  const target = registered(config, to);
  if (source === undefined || target === undefined || from === to) return false;
  return (
    source.role === "execution" &&
    target.role === "execution" &&
    source.publish &&
    target.subscribe &&
    source.groups.some((group) => target.groups.includes(group))
  );
}

/** True where `name` has a cache that the program writes. */
export function hasCache(config: Config, name: string): boolean {
  const entry = registered(config, name);
  return entry !== undefined && entry.role === "execution" && entry.subscribe;
}
