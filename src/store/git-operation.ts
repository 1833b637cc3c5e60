import { join } from "node:path";
import { gitDirectoryOf } from "./git.ts";
import { statIfThere } from "./identity.ts";
import { namesIn } from "./names-in.ts";

/** Something that git is in the middle of, and that moves files of the working tree back and forth. */
export interface GitOperation {
  readonly name: "git" | "a rebase" | "a bisect";
  /** The file or directory by which git marks it. */
  readonly mark: string;
}

/** The first is held while files are exchanged, the second while another commit becomes the tree's. */
const LOCKS = ["index.lock", "HEAD.lock"];
/** A lock that is older belongs to a git that died; no step of a living one takes as long. */
const LONGEST_LOCK_MS = 60_000;

const MIDWAY = new Map<string, GitOperation["name"]>([
  ["rebase-merge", "a rebase"],
  ["rebase-apply", "a rebase"],
  ["BISECT_LOG", "a bisect"],
]);

/**
 * What git is doing to a working tree at this moment. While one of its locks is there, files are
 * being exchanged; during a rebase or a bisect they are those of some other commit.
 *
 * @param nowMs milliseconds since the epoch.
 */
export async function gitOperation(workTree: string, nowMs: number): Promise<GitOperation | undefined> {
  const gitDirectory = await gitDirectoryOf(workTree);
  const names = await namesIn(gitDirectory);
  for (const lock of LOCKS.filter((name) => names.includes(name))) {
    const mark = join(gitDirectory, lock);
    const stats = await statIfThere(mark);
    const ageMs = stats === undefined ? Number.NaN : nowMs - Number(stats.mtimeMs);
    // One from the future would never grow old.
    if (ageMs > -LONGEST_LOCK_MS && ageMs < LONGEST_LOCK_MS) return { name: "git", mark };
  }
  for (const entry of names) {
    const name = MIDWAY.get(entry);
    if (name !== undefined) return { name, mark: join(gitDirectory, entry) };
  }
  return undefined;
}

/** From an index's rename to HEAD's it is a few milliseconds; a busy machine makes more of them. */
const REST_MS = 250;

/**
 * How long git has to be left alone until HEAD is sure to name what the working tree holds, in
 * milliseconds. A checkout exchanges the files, renames its new index into place, and writes HEAD
 * last: in between no lock is there, and HEAD names the branch that was left. Only that the
 * index is new tells. Whoever has looked for locks before he asks this misses no checkout.
 *
 * @param nowMs milliseconds since the epoch.
 * @returns 0 where the index is at rest, is from a future that one could not wait for, or where there is none.
 */
export async function gitRestMs(workTree: string, nowMs: number): Promise<number> {
  const stats = await statIfThere(join(await gitDirectoryOf(workTree), "index"));
  if (stats === undefined) return 0;
  // The rename's time, which nobody can set.
  const ageMs = nowMs - Number(stats.ctimeMs);
  return ageMs > -REST_MS && ageMs < REST_MS ? REST_MS - ageMs : 0;
}
