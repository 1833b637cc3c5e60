import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { isAbsolute, join, resolve } from "node:path";
import { systemCode } from "../errors.ts";
import { closeQuietly } from "./close.ts";
import { statIfThere } from "./identity.ts";

export interface GitPosition {
  /** Undefined on a detached HEAD. */
  readonly branch?: string;
  /** First seven hex digits, as git shows them. */
  readonly commit: string;
}

const COMMIT = /^([0-9a-f]{7})[0-9a-f]{33,57}$/;

/**
 * Branch and commit of a working tree, read from the files that git keeps: a git process for
 * every save would cost more than the rest of a sync. Worktrees and packed refs are understood;
 * anything else (a reftable, no repository at all) gives undefined.
 */
export async function gitPosition(workTree: string): Promise<GitPosition | undefined> {
  try {
    const gitDirectory = await gitDirectoryOf(workTree);
    const [headFile, common] = await Promise.all([
      readIfThere(join(gitDirectory, "HEAD")),
      commonDirectoryOf(gitDirectory),
    ]);
    const head = headFile?.trim();
    if (head === undefined) return undefined;
    const detached = COMMIT.exec(head)?.[1];
    if (detached !== undefined) return { commit: detached };
    const ref = /^ref: (refs\/heads\/(\S+))$/.exec(head);
    const [, name, branch] = ref ?? [];
    if (name === undefined || branch === undefined) return undefined;
    const commit = await resolveRef(common, name);
    return commit === undefined ? undefined : { branch, commit };
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return undefined;
  }
}

/** Where git keeps what it knows of a working tree. */
export async function gitDirectoryOf(workTree: string): Promise<string> {
  const dotGit = join(workTree, ".git");
  // A directory in the ordinary case; a worktree and a submodule have a file that names it.
  if ((await statIfThere(dotGit))?.isDirectory() === true) return dotGit;
  const pointer = await readIfThere(dotGit);
  const target = pointer === undefined ? undefined : /^gitdir: (.+)$/m.exec(pointer)?.[1];
  if (target === undefined) return dotGit;
  return isAbsolute(target) ? target : resolve(workTree, target);
}

/** Where git keeps what all worktrees of a repository have in common. */
export async function commonDirectoryOf(gitDirectory: string): Promise<string> {
  const shared = (await readIfThere(join(gitDirectory, "commondir")))?.trim();
  return shared === undefined ? gitDirectory : resolve(gitDirectory, shared);
}

async function resolveRef(common: string, name: string): Promise<string | undefined> {
  const loose = (await readIfThere(join(common, name)))?.trim();
  const found = loose === undefined ? undefined : COMMIT.exec(loose)?.[1];
  if (found !== undefined) return found;
  const packed = await readIfThere(join(common, "packed-refs"));
  const line = packed?.split("\n").find((entry) => entry.endsWith(` ${name}`));
  return line === undefined ? undefined : COMMIT.exec(line.slice(0, line.indexOf(" ")))?.[1];
}

/** A large repository's packed refs are a few megabytes. What is larger is not a file of git's. */
const MOST_BYTES = 16 * 1024 * 1024;

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    // NONBLOCK: a FIFO in a git file's place must not stop its repo's state.
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stats = await handle.stat();
      if (!stats.isFile() || stats.size > MOST_BYTES) return undefined;
      // Git puts a new file in the place of the old one: what was opened does not change.
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(stats.size), 0, stats.size, 0);
      return buffer.toString("utf8", 0, bytesRead);
    } finally {
      void closeQuietly(handle);
    }
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return undefined;
  }
}
