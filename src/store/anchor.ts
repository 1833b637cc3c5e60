import { constants, readlinkSync } from "node:fs";
import { type FileHandle, open, realpath, stat } from "node:fs/promises";
import { join, sep } from "node:path";
import { systemCode } from "../errors.ts";
import { closeQuietly } from "./close.ts";

/** True where a path, links resolved, lies below a directory, links resolved. */
export function isInside(real: string, root: string): boolean {
  return real.startsWith(root.endsWith(sep) ? root : root + sep);
}

/**
 * Where an opened file is now, links resolved. What a path's links led to before it was opened
 * proves nothing: any directory on the way may have become a link since. The kernel knows where an
 * open file is (Linux; a file that was replaced meanwhile is where it was, with another name);
 * elsewhere the path is followed once more, and has to lead to the very file that is open.
 *
 * @param path what was opened.
 * @returns undefined where that cannot be told.
 */
export async function whereOpen(handle: FileHandle, path: string): Promise<string | undefined> {
  const known = kernelPath(handle.fd);
  if (known !== undefined) return known;
  try {
    const real = await realpath(path);
    const [opened, there] = await Promise.all([handle.stat({ bigint: true }), stat(real, { bigint: true })]);
    return opened.dev === there.dev && opened.ino === there.ino ? real : undefined;
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return undefined;
  }
}

/**
 * True where an opened file or directory lies inside `root`, see {@link whereOpen}.
 *
 * @param root a directory, links resolved.
 */
export async function isOpenInside(handle: FileHandle, path: string, root: string): Promise<boolean> {
  const real = await whereOpen(handle, path);
  return real !== undefined && isInside(real, root);
}

/** Linux's O_PATH, which Node does not name: a directory that may be written but not read can be held by it. */
const O_PATH = 0o10000000;

/**
 * A directory held open, so that what is done in it is done there and nowhere else, whatever takes
 * the place of its path meanwhile. Node has no `openat`; on Linux the descriptor's own path serves
 * for it. Elsewhere paths are what they are, and are checked before and after.
 */
export class Anchor {
  readonly #handle: FileHandle;
  readonly #path: string;
  readonly #readable: boolean;
  readonly #byDescriptor: boolean;

  private constructor(handle: FileHandle, path: string, readable: boolean) {
    this.#handle = handle;
    this.#path = path;
    this.#readable = readable;
    this.#byDescriptor = kernelPath(handle.fd) !== undefined;
  }

  /** @throws the file system's error. */
  static async open(path: string): Promise<Anchor> {
    try {
      return new Anchor(await open(path, constants.O_RDONLY | constants.O_DIRECTORY), path, true);
    } catch (error) {
      if (systemCode(error) !== "EACCES" || process.platform !== "linux") throw error;
      return new Anchor(await open(path, O_PATH | constants.O_DIRECTORY), path, false);
    }
  }

  /** The path of an entry of this directory, for as long as it is held. */
  at(name: string): string {
    return this.#byDescriptor ? `/proc/self/fd/${this.#handle.fd}/${name}` : join(this.#path, name);
  }

  /** True where the directory itself is `root` or lies inside it. */
  async isIn(root: string): Promise<boolean> {
    // A name in it, so that the root counts as inside itself.
    const known = kernelPath(this.#handle.fd);
    if (known !== undefined) return isInside(join(known, "x"), root);
    return this.#path === root || (await isOpenInside(this.#handle, this.#path, root));
  }

  /** Brings its entries to the disk. Some file systems cannot, and one that is not readable cannot be asked to. */
  async sync(): Promise<void> {
    if (!this.#readable) return;
    try {
      await this.#handle.sync();
    } catch (error) {
      if (!NO_DIRECTORY_SYNC.has(systemCode(error) ?? "")) throw error;
    }
  }

  async close(): Promise<void> {
    await closeQuietly(this.#handle);
  }
}

const NO_DIRECTORY_SYNC = new Set(["EINVAL", "ENOTSUP", "EACCES", "EPERM"]);

/** Where the kernel says that a descriptor leads; undefined where it does not say (no `/proc`). Asks no disk. */
function kernelPath(descriptor: number): string | undefined {
  if (process.platform !== "linux") return undefined;
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`);
  } catch {
    return undefined;
  }
}
