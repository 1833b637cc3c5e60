import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { tryLock } from "fs-native-extensions";
import type { Paths } from "../config/paths.ts";
import { FaultError, systemCode } from "../errors.ts";
import type { LockHolder } from "./lock-holder.ts";
import { makePrivateDirectory } from "./private-directory.ts";

const POLL_MS = 10;

/**
 * The one writer's lock: at most one process of a user writes caches at a time. It is a kernel
 * lock on a file that stays, so a process that is killed leaves nothing behind.
 */
export class WriterLock {
  readonly #handle: FileHandle;

  private constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  /**
   * Waits for the lock.
   *
   * @param waitMs how long; 0 tries once.
   * @param giveUp asked between tries: true ends the waiting at once.
   * @returns undefined where somebody else holds it still.
   * @throws FaultError STATE_DIRECTORY where the lock's file cannot be had.
   */
  static async acquire(
    paths: Paths,
    holder: LockHolder,
    waitMs: number,
    giveUp: () => Promise<boolean> = async () => false,
  ): Promise<WriterLock | undefined> {
    await makePrivateDirectory(paths.stateDirectory);
    const handle = await openLockFile(paths);
    const deadline = performance.now() + waitMs;
    try {
      while (!tryLock(handle.fd)) {
        if (performance.now() >= deadline || (await giveUp())) {
          await handle.close();
          return undefined;
        }
        await delay(POLL_MS);
      }
      const text = Buffer.from(`${JSON.stringify(holder)}\n`);
      await handle.truncate(0);
      await handle.write(text, 0, text.length, 0);
      return new WriterLock(handle);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  async release(): Promise<void> {
    await this.#handle.truncate(0);
    await this.#handle.close();
  }
}

async function openLockFile(paths: Paths): Promise<FileHandle> {
  try {
    return await open(paths.lockFile, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
  } catch (cause) {
    const why = systemCode(cause) ?? String(cause);
    throw new FaultError("STATE_DIRECTORY", `cannot open ${paths.lockFile}: ${why}`, {
      path: paths.lockFile,
      cause,
    });
  }
}
