import { readdir, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { nameFrom, nameOfBranch, untaken } from "../core/name.ts";
import { DEFAULT_STATE_FILE } from "../core/registry.ts";
import { systemCode } from "../errors.ts";
import { gitPosition } from "../store/git.ts";
import { realpathOrSame } from "../store/real-path.ts";
import { type WorkTree, workTreeAround } from "../store/work-tree.ts";

export interface FoundRepo {
  /** Proposed, valid, and unique among those found. */
  readonly name: string;
  /** Absolute. */
  readonly path: string;
  /** Relative to the repo; undefined where it has none. */
  readonly stateFile: string | undefined;
  readonly role: "execution" | "passive";
}

export interface Scan {
  /** The directory that was scanned, absolute. */
  readonly directory: string;
  /** By path. */
  readonly repos: readonly FoundRepo[];
  /** Directories that could not be looked into. */
  readonly unreadable: readonly string[];
  /** False where there was more to look at than the bound allows. */
  readonly complete: boolean;
}

export interface ScanOptions {
  /** How far below the directory to look; 1 is its immediate children. Default 3. */
  readonly depth?: number;
  /** At most so many directories are looked at. Default 20,000: seconds on a cold disk. */
  readonly mostDirectories?: number;
}

/** Where a state file is looked for, the usual place first. */
export const STATE_FILE_CANDIDATES = [DEFAULT_STATE_FILE, join("docs", "STATE.md")] as const;

/**
 * Finds repos: directories under git or with a state file. Stays out of hidden directories,
 * node_modules, repos already found and links to directories. The directory itself counts only
 * where nothing is found in it: a home directory under git would hide all else.
 */
export async function scanForRepos(directory: string, options: ScanOptions = {}): Promise<Scan> {
  const { depth = 3, mostDirectories = 20_000 } = options;
  const root = resolve(directory);
  const found: Place[] = [];
  const unreadable: string[] = [];
  let level = [root];
  let seen = 0;
  let complete = true;
  for (let deep = 0; deep <= depth && level.length > 0; deep++) {
    const next: string[] = [];
    for (const path of level) {
      if (seen++ >= mostDirectories) {
        complete = false;
        break;
      }
      const looked = await lookInto(path);
      if (looked === undefined) unreadable.push(path);
      else if (looked.place !== undefined && path !== root) found.push(looked.place);
      else next.push(...looked.children);
    }
    level = next;
  }
  const itself = found.length === 0 ? (await lookInto(root))?.place : undefined;
  if (itself !== undefined) found.push(itself);
  found.sort((one, other) => (one.path < other.path ? -1 : 1));
  return { directory: root, repos: await nameAll(found), unreadable, complete };
}

/** The state file that a repo has, relative to it. */
export async function findStateFile(repo: string): Promise<string | undefined> {
  for (const candidate of STATE_FILE_CANDIDATES) {
    if (await isFile(join(repo, candidate))) return candidate;
  }
  return undefined;
}

/** The innermost repo that a directory is, or lies in. */
export async function findEnclosingRepo(directory: string): Promise<string | undefined> {
  for (let path = resolve(directory); ; path = dirname(path)) {
    if ((await lookInto(path))?.place !== undefined) return path;
    if (path === dirname(path)) return undefined;
  }
}

/** Where `docs` holds the state file, the repo is the directory above. */
function isDocs(path: string): boolean {
  return basename(path) === "docs";
}

interface Place {
  readonly path: string;
  readonly stateFile: string | undefined;
}

interface Looked {
  readonly place: Place | undefined;
  readonly children: readonly string[];
}

/** Undefined where the directory cannot be read. */
async function lookInto(path: string): Promise<Looked | undefined> {
  try {
    const entries = await readdir(path, { withFileTypes: true });
    const stateFile = await findStateFile(path);
    const isRepo =
      entries.some((entry) => entry.name === ".git") || (stateFile !== undefined && !isDocs(path));
    const children = entries
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith(".") && entry.name !== "node_modules")
      .map((entry) => join(path, entry.name))
      .sort();
    return { place: isRepo ? { path, stateFile } : undefined, children };
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return undefined;
  }
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return false;
  }
}

async function nameAll(places: readonly Place[]): Promise<FoundRepo[]> {
  const taken = new Set<string>();
  const names = new Map<string, string>();
  const trees = new Map<string, WorkTree>();
  const mains = new Map<string, string>();
  for (const { path } of places) {
    const tree = await workTreeAround(await realpathOrSame(path));
    if (tree?.inside !== "") continue;
    trees.set(path, tree);
    if (tree.isMain) mains.set(tree.common, path);
  }
  // A worktree's name is made from that of the main working tree, wherever the two stand.
  const isBeside = (path: string): boolean =>
    trees.get(path)?.isMain === false && mains.has(trees.get(path)?.common ?? "");
  const give = (path: string, name: string): void => {
    taken.add(name);
    names.set(path, name);
  };
  for (const { path } of places) if (!isBeside(path)) give(path, freeName(path, taken));
  for (const { path } of places.filter((place) => isBeside(place.path))) {
    const main = names.get(mains.get(trees.get(path)?.common ?? "") ?? "") ?? "";
    const branch = (await gitPosition(path))?.branch ?? basename(path);
    const name = nameOfBranch(main, branch);
    give(path, name === undefined ? freeName(path, taken) : untaken(name, taken));
  }
  return places.map(({ path, stateFile }) => {
    const role = stateFile === undefined ? "passive" : "execution";
    return { name: names.get(path) ?? "", path, stateFile, role };
  });
}

/** A name for a directory that is not taken: its own, with its parent's in front, or numbered. */
export function freeName(path: string, taken: ReadonlySet<string>): string {
  const own = nameFrom(basename(path));
  if (!taken.has(own)) return own;
  const withParent = nameFrom(`${nameFrom(basename(dirname(path)))}-${own}`);
  if (!taken.has(withParent)) return withParent;
  for (let number = 2; ; number++) {
    const numbered = `${own.slice(0, 58)}-${number}`;
    if (!taken.has(numbered)) return numbered;
  }
}
