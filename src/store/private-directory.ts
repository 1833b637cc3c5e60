import { chmod, mkdir, stat } from "node:fs/promises";
import { FaultError, systemCode } from "../errors.ts";

/**
 * Makes a directory of ours, and its parents, private to the user; tightens one that is not.
 *
 * @throws FaultError STATE_DIRECTORY where that cannot be had.
 */
export async function makePrivateDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
    const stats = await stat(path);
    if ((stats.mode & 0o077) !== 0) await chmod(path, 0o700);
  } catch (cause) {
    const why = systemCode(cause) ?? String(cause);
    throw new FaultError("STATE_DIRECTORY", `cannot use ${path}: ${why}`, { path, cause });
  }
}
