import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { tryLock } from "fs-native-extensions";
import type { Paths } from "../paths.ts";
import { FaultError, systemCode } from "../errors.ts";
import { closeQuietly } from "./close.ts";
import { crashPoint } from "./crash-point.ts";
import { isStillAt } from "./identity.ts";
import { type LockHolder, lockHolder } from "./lock-holder.ts";
import { makePrivateDirectory } from "./private-directory.ts";

const POLL_MS = 10;
/** No command holds the lock for longer. */
const COMMAND_MS = 60_000;

/**
 * The one writer's lock: at most one process of a user writes caches at a time. It is a kernel
 * lock on a file that stays, so a process that is killed leaves nothing behind.
 */
export class WriterLock {
  readonly #paths: Paths;
  readonly #holder: LockHolder;
  #handle: FileHandle;

  private constructor(paths: Paths, holder: LockHolder, handle: FileHandle) {
    this.#paths = paths;
    this.#holder = holder;
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
    const deadline = performance.now() + waitMs;
    for (;;) {
      const handle = await tryToLock(paths, holder);
      if (handle !== undefined) return new WriterLock(paths, holder, handle);
      if (performance.now() >= deadline || (await giveUp())) return undefined;
      await delay(POLL_MS);
    }
  }

  /**
   * Makes sure that this lock is still the one that others would meet: somebody may have removed
   * the directory it lies in, and a lock on a file without a name keeps nobody out.
   *
   * @returns false where another process has taken it meanwhile. We must not write any more then.
   */
  async keep(): Promise<boolean> {
    if (await isStillAt(this.#handle, this.#paths.lockFile)) return true;
    const deadline = performance.now() + COMMAND_MS;
    let handle = await tryToLock(this.#paths, this.#holder);
    // A command that was faster is done in a moment; a daemon stays.
    while (handle === undefined && (await lockHolder(this.#paths))?.role !== "daemon") {
      if (performance.now() > deadline) return false;
      await delay(POLL_MS);
      handle = await tryToLock(this.#paths, this.#holder);
    }
    if (handle === undefined) return false;
    await closeQuietly(this.#handle);
    this.#handle = handle;
    return true;
  }

  async release(): Promise<void> {
    try {
      await this.#handle.truncate(0);
      crashPoint("lock.emptied");
    } finally {
      await closeQuietly(this.#handle);
    }
  }
}

async function tryToLock(paths: Paths, holder: LockHolder): Promise<FileHandle | undefined> {
  await makePrivateDirectory(paths.stateDirectory);
  const handle = await openLockFile(paths);
  try {
    // The file may have been removed between the opening and the locking; the lock is on nothing then.
    if (tryLock(handle.fd) && (await isStillAt(handle, paths.lockFile))) {
      const text = Buffer.from(`${JSON.stringify(holder)}\n`);
      crashPoint("lock.taken");
      await handle.truncate(0);
      await handle.write(text, 0, text.length, 0);
      crashPoint("lock.named");
      return handle;
    }
  } catch (error) {
    await closeQuietly(handle);
    throw error;
  }
  await closeQuietly(handle);
  return undefined;
}

/** The daemon that holds the lock, whether it answers or not. A pid that a killed one left may be another process's by now. */
export async function runningDaemon(paths: Paths): Promise<LockHolder | undefined> {
  const holder = await lockHolder(paths);
  return holder?.role === "daemon" && (await isLocked(paths)) ? holder : undefined;
}

/** True where some process holds the lock now, whatever its file says. */
export async function isLocked(paths: Paths): Promise<boolean> {
  let handle: FileHandle;
  try {
    handle = await open(paths.lockFile, constants.O_RDWR | constants.O_NOFOLLOW);
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return false;
  }
  try {
    return !tryLock(handle.fd, { shared: true });
  } finally {
    await closeQuietly(handle);
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
