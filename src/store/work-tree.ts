import { readFile } from "node:fs/promises";
import { basename, dirname, join, relative, resolve } from "node:path";
import { systemCode } from "../errors.ts";
import { commonDirectoryOf, gitDirectoryOf } from "./git.ts";
import { statIfThere } from "./identity.ts";
import { realpathOrSame } from "./real-path.ts";

/** A working tree of git: the one that a clone has, or one that `git worktree add` has put beside it. */
export interface WorkTree {
  /** Its topmost directory, links resolved. */
  readonly top: string;
  /** Where git keeps what all working trees of the repository share, links resolved. */
  readonly common: string;
  /** It is the one that has the repository in it. */
  readonly isMain: boolean;
  /** The directory that was asked about, relative to the top; empty where it is the top. */
  readonly inside: string;
}

/**
 * The working tree that a directory is, or lies in. Read from the files that git keeps, without a
 * process of git; a submodule is a repository of its own. A directory that only holds a bare
 * repository is none.
 *
 * @param directory absolute, links resolved.
 */
export async function workTreeAround(directory: string): Promise<WorkTree | undefined> {
  for (let top = directory; ; top = dirname(top)) {
    const tree = await workTreeAt(top);
    if (tree !== undefined) return { ...tree, inside: relative(top, directory) };
    if (top === dirname(top)) return undefined;
  }
}

async function workTreeAt(top: string): Promise<Omit<WorkTree, "inside"> | undefined> {
  const gitDirectory = await gitDirectoryOf(top);
  if ((await statIfThere(join(gitDirectory, "HEAD"))) === undefined) return undefined;
  const common = await realpathOrSame(await commonDirectoryOf(gitDirectory));
  const isMain = common === (await realpathOrSame(gitDirectory));
  if (isMain && (await isBare(common))) return undefined;
  return { top, common, isMain };
}

async function isBare(common: string): Promise<boolean> {
  return /^\s*bare\s*=\s*true\s*$/im.test((await textOf(join(common, "config"))) ?? "");
}

/** A directory that git would call a worktree if it, or the repository, had not been moved: `git worktree repair` mends it. */
export interface Stray {
  readonly top: string;
  readonly inside: string;
  /** The name by which its repository knows it. */
  readonly id: string;
}

/** The innermost one that a directory is, or lies in. @param directory absolute, links resolved. */
export async function strayAround(directory: string): Promise<Stray | undefined> {
  for (let top = directory; top !== dirname(top); top = dirname(top)) {
    const pointer = await gitDirectoryOf(top);
    const isPointer = basename(dirname(pointer)) === "worktrees";
    if ((await statIfThere(join(pointer, "HEAD"))) !== undefined) return undefined;
    if (isPointer) return { top, inside: relative(top, directory), id: basename(pointer) };
  }
  return undefined;
}

/** Whether the repository with that common directory has it as its worktree. */
export async function isWorkTreeOf({ top, id }: Stray, common: string): Promise<boolean> {
  const known = join(common, "worktrees", id);
  const told = (await textOf(join(known, "gitdir")))?.trim();
  if (told === undefined) return false;
  // Where both were moved together neither finds the other, but one lies in the other.
  return resolve(known, told) === join(top, ".git") || top.startsWith(`${dirname(common)}/`);
}

async function textOf(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return undefined;
  }
}
