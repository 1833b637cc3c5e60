import {
  closeSync,
  fchmodSync,
  fstatSync,
  fsyncSync,
  openSync,
  readSync,
  statSync,
  writeSync,
} from "node:fs";
import { systemCode } from "../errors.ts";
import { FILE_COUNT, rotate } from "./rotate.ts";

/**
 * Appends whole lines, synchronously, and takes no failure to heart. pino's own destination does
 * not: on a full disk it keeps every failed line in memory, and its `flushSync` never returns.
 *
 * What has grown to its limit is rotated. Where that fails the old file goes on growing, and it is
 * tried again when there is as much again, or at the next {@link retry}.
 */
export class AppendFile {
  readonly #path: string;
  readonly #fileBytes: number;
  #limit: number;
  #descriptor: number | undefined;
  #size = 0;
  #torn = false;

  constructor(path: string, fileBytes: number) {
    this.#path = path;
    this.#fileBytes = fileBytes;
    this.#limit = fileBytes;
    try {
      this.#open();
    } catch {
      // The first line tries again, and counts.
    }
  }

  /** @returns the system's code of what went wrong, or undefined. */
  append(line: string): string | undefined {
    try {
      const bytes = Buffer.from(line);
      const descriptor = this.#withRoomFor(bytes.length);
      // A line that a full disk or a crash cut short must not swallow the next one.
      if (this.#torn) writeSync(descriptor, "\n");
      let offset = 0;
      while (offset < bytes.length) offset += writeSync(descriptor, bytes, offset);
      this.#size += bytes.length;
      this.#torn = false;
      return undefined;
    } catch (error) {
      // Opening anew also helps against a handle that went stale when a disk came back.
      this.close();
      return systemCode(error) ?? "unknown";
    }
  }

  /** Goes on in the file that the path names now, if it is another one, and rotates what could not be rotated. */
  retry(): void {
    this.#limit = this.#fileBytes;
    if (!this.#isAtItsPath()) this.reopen();
  }

  /** Opens the new file first, and keeps the old one where that fails. */
  reopen(): void {
    const old = this.#descriptor;
    try {
      this.#open();
    } catch {
      return;
    }
    if (old !== undefined) closeQuietly(old);
  }

  close(): void {
    const old = this.#descriptor;
    this.#descriptor = undefined;
    if (old !== undefined) closeQuietly(old);
  }

  #withRoomFor(bytes: number): number {
    const descriptor = this.#descriptor ?? this.#open();
    if (this.#size === 0 || this.#size + bytes <= this.#limit) return descriptor;
    // Somebody may have emptied it.
    this.#size = fstatSync(descriptor).size;
    if (this.#size === 0 || this.#size + bytes <= this.#limit) return descriptor;
    try {
      // Where somebody has moved it away already, the path is free.
      if (this.#isAtItsPath()) rotate(this.#path, FILE_COUNT);
      this.reopen();
    } catch {
      // A log that is too large is better than none.
    }
    if (this.#descriptor === descriptor) this.#limit = this.#size + this.#fileBytes;
    return this.#descriptor ?? descriptor;
  }

  /** False where the path names another file by now, or none. */
  #isAtItsPath(): boolean {
    if (this.#descriptor === undefined) return false;
    try {
      const present = statSync(this.#path, { throwIfNoEntry: false });
      const opened = fstatSync(this.#descriptor);
      return present !== undefined && present.ino === opened.ino && present.dev === opened.dev;
    } catch {
      return false;
    }
  }

  #open(): number {
    const descriptor = openSync(this.#path, "a+", 0o600);
    try {
      const stats = fstatSync(descriptor);
      // Only what is a file: the path may name a device, whose mode is not ours to change.
      if (stats.isFile() && (stats.mode & 0o077) !== 0) fchmodSync(descriptor, 0o600);
      this.#torn = stats.isFile() && stats.size > 0 && lastByte(descriptor, stats.size) !== 0x0a;
      this.#size = stats.size;
    } catch (error) {
      closeQuietly(descriptor);
      throw error;
    }
    this.#descriptor = descriptor;
    this.#limit = this.#fileBytes;
    return descriptor;
  }
}

function lastByte(descriptor: number, size: number): number | undefined {
  const byte = Buffer.alloc(1);
  return readSync(descriptor, byte, 0, 1, size - 1) === 1 ? byte[0] : undefined;
}

function closeQuietly(descriptor: number): void {
  try {
    fsyncSync(descriptor);
  } catch {
    // A device cannot be synced, and a failing disk has been counted already.
  }
  try {
    closeSync(descriptor);
  } catch {
    // The descriptor is released whatever close reports.
  }
}
