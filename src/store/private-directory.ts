import type { Stats } from "node:fs";
import { chmod, lstat, mkdir, stat } from "node:fs/promises";
import { FaultError, systemCode } from "../errors.ts";

/**
 * Makes a directory of ours, and its parents, private to the user; tightens one that is not.
 *
 * @throws FaultError STATE_DIRECTORY where that cannot be had.
 */
export async function makePrivateDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
    await tighten(path, await stat(path));
  } catch (cause) {
    throw unusable(path, cause);
  }
}

/**
 * The same for a place where others may write too, as in /tmp, and may have been there first: what
 * they have put there is not used.
 *
 * @throws FaultError STATE_DIRECTORY also where there is a link, or another user's directory.
 */
export async function makePrivateDirectoryAmongOthers(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
    const stats = await lstat(path);
    const why = foreign(stats);
    if (why !== undefined) {
      const remedy = "Remove it, or set XDG_RUNTIME_DIR to a directory where only you can write.";
      throw new FaultError("STATE_DIRECTORY", `cannot use ${path}: ${why}`, { path, remedy });
    }
    await tighten(path, stats);
  } catch (cause) {
    throw cause instanceof FaultError ? cause : unusable(path, cause);
  }
}

function foreign(stats: Stats): string | undefined {
  if (stats.isSymbolicLink()) return "it is a link";
  if (stats.uid === process.getuid?.()) return undefined;
  return `it belongs to another user (uid ${stats.uid})`;
}

async function tighten(path: string, stats: Stats): Promise<void> {
  if ((stats.mode & 0o077) !== 0) await chmod(path, 0o700);
}

function unusable(path: string, cause: unknown): FaultError {
  const why = systemCode(cause) ?? String(cause);
  return new FaultError("STATE_DIRECTORY", `cannot use ${path}: ${why}`, { path, cause });
}
