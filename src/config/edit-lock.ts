import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { tryLock } from "fs-native-extensions";
import { FaultError, systemCode } from "../errors.ts";
import { isStillAt } from "../store/identity.ts";

const POLL_MS = 10;
/** An edit takes milliseconds; who holds the lock for so long is stuck. */
const PATIENCE_MS = 10_000;

/**
 * Runs an edit of a config with no other edit at the same time, in this process or another. The
 * lock is on the file itself: it leaves nothing behind, and ends with the process that holds it.
 *
 * @param file the file itself, not a link to it.
 * @throws FaultError CONFIG_UNWRITABLE where the lock cannot be had.
 */
export async function withEditLock<T>(file: string, work: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const handle = await tryToLock(file);
    if (handle !== undefined) {
      try {
        return await work();
      } finally {
        await handle.close();
      }
    }
    if (performance.now() >= deadline) {
      throw new FaultError("CONFIG_UNWRITABLE", `another program keeps ${file} locked`, { path: file });
    }
    await delay(POLL_MS);
  }
}

async function tryToLock(file: string): Promise<FileHandle | undefined> {
  const handle = await openForLock(file);
  try {
    // What was locked may have been replaced since it was opened; the lock is then on a dead file.
    if (tryLock(handle.fd) && (await isStillAt(handle, file))) return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
  await handle.close();
  return undefined;
}

async function openForLock(file: string): Promise<FileHandle> {
  try {
    // The kernel gives exclusive locks only to those who could write.
    return await open(file, constants.O_RDWR | constants.O_NONBLOCK);
  } catch (cause) {
    const code = systemCode(cause);
    if (code === undefined) throw cause;
    throw new FaultError("CONFIG_UNWRITABLE", `cannot write ${file}: ${code}`, { path: file, cause });
  }
}
