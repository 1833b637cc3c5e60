import { lstat, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { CACHE_DIRECTORY, CACHE_FILE } from "../../src/core/registry.ts";
import { systemCode } from "../../src/errors.ts";
import { STATE_FILES } from "./cast.ts";
import { cacheIn } from "./files.ts";
import type { FileState, Place } from "./scene.ts";

/** Of a file, what changes when somebody writes it or puts another in its place. */
export async function stampOf(file: string): Promise<string> {
  const { ino, size, mtimeNs } = await lstat(file, { bigint: true });
  return `${ino}:${size}:${mtimeNs}`;
}

export interface Traces {
  /** When each state file was last saved, see {@link stampOf}; by place and file. */
  readonly stamps: ReadonlyMap<string, string>;
  /** A killed program may have left a temporary beside the cache. */
  readonly mayHaveLitter: boolean;
  /** The program has, or may have, made the cache's directory. */
  readonly mayHaveDirectory: boolean;
}

/** What is in a repo that nobody put there, or not any more as somebody put it there. */
export async function complaintsAboutTree(
  place: Place,
  directory: string,
  traces: Traces,
): Promise<string[]> {
  const complaints: string[] = [];
  const known = new Set(["README.md", "docs"]);
  for (const name of STATE_FILES) {
    const file = place.file(name);
    if (file.kind !== "nothing") known.add(name);
    if (place.hidden.has(name)) known.add(`${name}.away`);
    const wrong = await differs(
      join(directory, name),
      file,
      traces.stamps.get(`${place.repo} ${place.id} ${name}`),
    );
    if (wrong !== undefined) complaints.push(`${place.repo} (${place.id}): its ${name} ${wrong}`);
  }
  const ours = [CACHE_DIRECTORY, join(CACHE_DIRECTORY, CACHE_FILE)];
  const fault =
    place.fault === undefined ? [] : [cacheIn(directory, place.fault).slice(directory.length + 1)];
  if (place.fault === "file for .aibrain") fault.push(`${CACHE_DIRECTORY}.aside`);
  if (traces.mayHaveDirectory) for (const path of [...ours, ...fault]) known.add(path);
  for (const path of await readdir(directory, { recursive: true })) {
    if (known.has(path)) continue;
    if (traces.mayHaveLitter && path.endsWith(".state-syncd-tmp")) continue;
    complaints.push(`${place.repo} (${place.id}): nobody put ${path} there`);
  }
  return complaints;
}

async function differs(
  path: string,
  wanted: FileState,
  stamp: string | undefined,
): Promise<string | undefined> {
  const kind = await kindAt(path);
  if (kind !== wanted.kind) return `is a ${kind}, wanted a ${wanted.kind}`;
  if (wanted.kind !== "text") return undefined;
  if (!(await readFile(path)).equals(wanted.bytes)) return "is not what was saved";
  return (await stampOf(path)) === stamp ? undefined : "was touched";
}

async function kindAt(path: string): Promise<FileState["kind"]> {
  try {
    const stats = await lstat(path);
    if (stats.isDirectory()) return "directory";
    if (stats.isFIFO()) return "FIFO";
    return stats.isSymbolicLink() ? "link out" : "text";
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw error;
    return "nothing";
  }
}
