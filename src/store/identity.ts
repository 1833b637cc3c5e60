import type { BigIntStats } from "node:fs";
import { type FileHandle, stat } from "node:fs/promises";
import { systemCode } from "../errors.ts";

/**
 * What a file system says of a file at one moment. Two equal identities mean the same file with
 * the same content: ctime moves with every write and cannot be set back, as mtime can.
 */
export type FileIdentity = string & { readonly identity: true };

export function identityOf(stats: BigIntStats): FileIdentity {
  const { dev, ino, size, mtimeNs, ctimeNs } = stats;
  return `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}` as FileIdentity;
}

/**
 * Whatever is written into a file later gives it another identity, unless its time is put back: that lies
 * before the moment of the last change, so that a write moves it even where the kernel's clock has stood still since.
 */
export function isTelling(identity: FileIdentity): boolean {
  const [, , , mtimeNs = "", ctimeNs = ""] = identity.split(":");
  return BigInt(mtimeNs) < BigInt(ctimeNs);
}

/** The identity of what is at a path now; undefined where nothing is, or nothing can be seen. */
export async function identityAt(path: string): Promise<FileIdentity | undefined> {
  const stats = await statIfThere(path);
  return stats === undefined ? undefined : identityOf(stats);
}

/** Like `stat`, with undefined for a path that is not there or cannot be reached. */
export async function statIfThere(path: string): Promise<BigIntStats | undefined> {
  try {
    return await stat(path, { bigint: true });
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return undefined;
  }
}

/** True where the opened file is the one that stands at this path now. */
export async function isStillAt(handle: FileHandle, path: string): Promise<boolean> {
  const [opened, present] = await Promise.all([handle.stat({ bigint: true }), statIfThere(path)]);
  return present !== undefined && opened.ino === present.ino && opened.dev === present.dev;
}
