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

/** What git writes anew as it goes from one commit to the next. A fetch, or a message that is edited, is no step. */
const STEPS = /^(HEAD|(ORIG|REBASE|CHERRY_PICK)_HEAD|AUTO_MERGE|MERGE_(MSG|RR)|BISECT_\w+|rebase-\w+)$/;
/** Git has about twenty files of its own in `rebase-merge`; `rebase-apply` has one more for each commit, named by its number. */
const MOST_STEPS = 100;
/** Times of a file system are exact to this at worst. */
const MARGIN_MS = 2_000;

/**
 * What git is doing to a file of a working tree at this moment. While one of its locks is there,
 * files are being exchanged. During a rebase or a bisect a file is what git has put there, of some
 * other commit, unless somebody has saved it since.
 *
 * @param savedAtMs when the file came to be as it is; like `nowMs` milliseconds since the epoch.
 */
export async function gitOperation(
  workTree: string,
  savedAtMs: number,
  nowMs: number,
): Promise<GitOperation | undefined> {
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
    if (name === undefined) continue;
    if (await savedSince(gitDirectory, names, savedAtMs, nowMs)) return undefined;
    return { name, mark: join(gitDirectory, entry) };
  }
  return undefined;
}

/**
 * Whether somebody has saved a file since git last had its hands on the tree. Only times tell, and
 * what is relied on is the order in which git writes (of 2.39, with both backends of rebase):
 *
 * - Files of the tree change under `index.lock`, which is renamed to `index` afterwards. A file that is
 *   newer than the index, while there is no lock, was not put there by git.
 * - The index alone says too little: `git add` and `git status` renew it after a save. But what a
 *   rebase or a bisect puts there is followed by its own notes (`rebase-merge/patch`, MERGE_MSG) and
 *   by HEAD, or, of a stop of `rebase --apply`, comes within a moment of them. A file that is newer
 *   by more than that was saved by somebody.
 *
 * Of a file that git does not track all this is true as well.
 */
async function savedSince(
  gitDirectory: string,
  names: readonly string[],
  savedAtMs: number,
  nowMs: number,
): Promise<boolean> {
  // After the clock was set back, what is from the future would outweigh every save until then.
  const counts = (ms: number): boolean => ms <= nowMs + MARGIN_MS || savedAtMs > nowMs;
  let step = Number.NEGATIVE_INFINITY;
  for (const path of await stepsIn(gitDirectory, names)) {
    const stats = await statIfThere(path);
    const atMs = stats === undefined ? Number.NaN : Number(stats.mtimeMs);
    if (atMs > step && counts(atMs)) step = atMs;
  }
  if (savedAtMs <= step) return false;
  if (savedAtMs > step + MARGIN_MS) return true;
  // A git that died has left its lock, old as that may be, and the index as it was before the files.
  if (names.includes("index.lock")) return false;
  const index = await statIfThere(join(gitDirectory, "index"));
  const renewedMs = index === undefined ? Number.NEGATIVE_INFINITY : Number(index.ctimeMs);
  return savedAtMs > renewedMs || !counts(renewedMs);
}

async function stepsIn(gitDirectory: string, names: readonly string[]): Promise<string[]> {
  const found = names
    .filter((name) => STEPS.test(name))
    .slice(0, MOST_STEPS)
    .map((name) => join(gitDirectory, name));
  for (const directory of ["rebase-merge", "rebase-apply"].filter((name) => names.includes(name))) {
    const notes = (await namesIn(join(gitDirectory, directory))).filter((name) => !/^\d+$/.test(name));
    found.push(...notes.slice(0, MOST_STEPS).map((name) => join(gitDirectory, directory, name)));
  }
  return [...found, join(gitDirectory, "logs", "HEAD")];
}

/** From an index's rename to HEAD's it is a few milliseconds; a busy machine makes more of them. */
const REST_MS = 250;

/**
 * How long git has to be left alone until HEAD is sure to name what the working tree holds, in
 * milliseconds. A checkout exchanges the files, renames its new index into place, and writes HEAD
 * last: in between no lock is there, and HEAD names the branch that was left. Only that the
 * index is new tells. Whoever has looked for locks before he asks this misses no checkout.
 *
 * @param sinceMs when HEAD may have been read already, like `nowMs` in milliseconds since the epoch.
 * @returns 0 where the index was at rest then, is from a future that one could not wait for, or where there is none.
 */
export async function gitRestMs(workTree: string, nowMs: number, sinceMs = nowMs): Promise<number> {
  const stats = await statIfThere(join(await gitDirectoryOf(workTree), "index"));
  if (stats === undefined) return 0;
  // The rename's time, which nobody can set.
  const renamedMs = Number(stats.ctimeMs);
  if (renamedMs <= sinceMs - REST_MS || renamedMs >= nowMs + REST_MS) return 0;
  // Where it has come to rest meanwhile, all is to be read again all the same.
  return Math.max(1, renamedMs + REST_MS - nowMs);
}
