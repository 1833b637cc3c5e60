import { constants, fstatSync, futimesSync, renameSync, statSync } from "node:fs";
import { type FileHandle, open, unlink } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { FaultError, systemCode } from "../errors.ts";
import { Anchor } from "./anchor.ts";
import { crashPoint, firstPart } from "./crash-point.ts";
import { type FileIdentity, identityOf } from "./identity.ts";
import { temporaryFor } from "./temporary.ts";
import type { WritablePath } from "./write-scope.ts";

export interface ReplaceOptions {
  /**
   * The file that the new content was made from; undefined where there was none. When something
   * else stands there in the end, nothing is replaced.
   */
  readonly basedOn: FileIdentity | undefined;
  /** A directory, links resolved, that the file must lie in at the moment of writing. Unchecked where absent. */
  readonly inside?: string;
  /** Asked at the last moment; where it says no, nothing is replaced. */
  readonly isStillWanted?: () => boolean;
  /** Permission bits and owner of the file that is replaced; a new one is private. */
  readonly like?: { readonly mode: number; readonly uid: number; readonly gid: number };
}

/** Undefined where another writer was faster, or it is not wanted any more, and nothing was done. */
export type Replaced =
  | {
      /** The new file's; undefined where somebody has written into it already. */
      readonly identity: FileIdentity | undefined;
    }
  | undefined;

/** More than a time loses on its way through a double, and through file systems that keep microseconds. */
const ANTEDATED_MICROSECONDS = 2;

/**
 * Puts new content in the place of a file so that a reader sees the old or the new one, whole,
 * whatever happens: temporary beside it, length checked, fsync, rename, fsync of the directory.
 *
 * @throws the file system's error, or FaultError CACHE_OUTSIDE where the directory is not `inside`
 *   any more. No temporary is left then, and the old file is untouched, unless the very last step
 *   failed, the directory's fsync: the new one is in place by then.
 */
export async function replaceFile(
  target: WritablePath,
  chunks: readonly Buffer[],
  options: ReplaceOptions,
): Promise<Replaced> {
  const directory = await Anchor.open(dirname(target));
  try {
    await refuseOutside(directory, target, options.inside);
    return await replaceIn(directory, basename(target), chunks, options);
  } finally {
    await directory.close();
  }
}

async function refuseOutside(directory: Anchor, target: string, inside: string | undefined): Promise<void> {
  if (inside === undefined || (await directory.isIn(inside))) return;
  throw new FaultError("CACHE_OUTSIDE", `${target} lies outside of ${inside} by now`, { path: target });
}

async function replaceIn(
  directory: Anchor,
  name: string,
  chunks: readonly Buffer[],
  options: ReplaceOptions,
): Promise<Replaced> {
  const target = directory.at(name);
  const temporary = directory.at(temporaryFor(name));
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  crashPoint("replace.begun");
  const handle = await open(temporary, flags, 0o600);
  try {
    crashPoint("replace.opened");
    await writeAll(handle, chunks);
    crashPoint("replace.filled");
    await copyAttributes(handle, options.like);
    crashPoint("replace.attributed");
    await handle.sync();
    crashPoint("replace.synced");
    antedate(handle.fd);
    const written = fstatSync(handle.fd, { bigint: true });
    // From the check to the rename nothing else runs in this process: for another writer the
    // window is these two system calls.
    if (identityNow(target) !== options.basedOn || options.isStillWanted?.() === false) {
      await unlink(temporary);
      return undefined;
    }
    crashPoint("replace.renaming");
    renameSync(temporary, target);
    crashPoint("replace.renamed");
    const placed = fstatSync(handle.fd, { bigint: true });
    await directory.sync();
    crashPoint("replace.done");
    // The rename moved ctime. A moved mtime or size is somebody who wrote into the new file already.
    const untouched = placed.mtimeNs === written.mtimeNs && placed.size === written.size;
    return { identity: untouched ? identityOf(placed) : undefined };
  } catch (error) {
    await unlinkQuietly(temporary);
    throw error;
  } finally {
    await handle.close();
  }
}

async function writeAll(handle: FileHandle, chunks: readonly Buffer[]): Promise<void> {
  let rest = chunks.filter((chunk) => chunk.length > 0);
  while (rest.length > 0) {
    // A nearly full disk takes a part and reports success; only the count tells.
    const { bytesWritten } = await handle.writev(firstPart(rest));
    if (bytesWritten === 0) throw Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
    rest = without(rest, bytesWritten);
    if (rest.length > 0) crashPoint("replace.torn");
  }
}

function without(chunks: readonly Buffer[], count: number): Buffer[] {
  let left = count;
  const rest: Buffer[] = [];
  for (const chunk of chunks) {
    if (left >= chunk.length) left -= chunk.length;
    else {
      rest.push(chunk.subarray(left));
      left = 0;
    }
  }
  return rest;
}

/**
 * Sets the new file's time back by a moment. A kernel's clock stands still for milliseconds, so that a
 * write of the same length, right after the rename, would leave the identity as it is. Whoever writes
 * after this sets mtime to now, and now is later.
 */
function antedate(descriptor: number): void {
  const { mtimeNs } = fstatSync(descriptor, { bigint: true });
  const seconds = Number(mtimeNs / 1_000n - BigInt(ANTEDATED_MICROSECONDS)) / 1e6;
  try {
    futimesSync(descriptor, seconds, seconds);
  } catch (error) {
    // Where times cannot be set, the file is read again.
    if (systemCode(error) === undefined) throw error;
  }
}

async function copyAttributes(handle: FileHandle, like: ReplaceOptions["like"]): Promise<void> {
  if (like === undefined) return;
  const now = await handle.stat();
  const isSameOwner = now.uid === like.uid && now.gid === like.gid;
  if (!isSameOwner) {
    // Only root may give files away, but everyone to a group of his: colleagues keep their access.
    if (!(await chown(handle, like.uid, like.gid))) await chown(handle, now.uid, like.gid);
  }
  const isSameMode = ((now.mode ^ like.mode) & 0o7777) === 0;
  // Another owner may have cost it some bits.
  if (!isSameOwner || !isSameMode) await handle.chmod(like.mode & 0o7777);
}

/** @returns false where we may not. */
async function chown(handle: FileHandle, uid: number, gid: number): Promise<boolean> {
  try {
    await handle.chown(uid, gid);
    return true;
  } catch (error) {
    if (systemCode(error) !== "EPERM") throw error;
    return false;
  }
}

function identityNow(path: string): FileIdentity | undefined {
  const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stats === undefined ? undefined : identityOf(stats);
}

async function unlinkQuietly(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch {
    // Renamed away, or the disk is gone: the next start sweeps.
  }
}
