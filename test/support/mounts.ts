import { execFileSync } from "node:child_process";
import { mkdtempSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { systemCode } from "../../src/errors.ts";

function mount(...args: readonly string[]): void {
  execFileSync("mount", args, { stdio: "pipe" });
}

/** The file systems that a test mounts. What it leaves mounted in the end is unmounted. */
export class Mounts {
  readonly #mounted: string[] = [];

  /** Mounts an empty file system in memory over a directory. @param options as `size=64k`. */
  tmpfs(directory: string, options = "size=1m"): void {
    mount("-t", "tmpfs", "-o", options, "tmpfs", directory);
    this.#mounted.push(directory);
  }

  /** The same with a clock as coarse as every file system's was before Linux 6.13: it stands still for milliseconds. */
  ramfs(directory: string): void {
    mount("-t", "ramfs", "ramfs", directory);
    this.#mounted.push(directory);
  }

  /** Shows a directory in another place as well. */
  bind(directory: string, at: string): void {
    mount("--bind", directory, at);
    this.#mounted.push(at);
  }

  remount(directory: string, how: "ro" | "rw"): void {
    mount("-o", `remount,${how}`, directory);
  }

  /** As `umount -l`: gone at once, whoever still has a file open there. */
  unmount(directory: string): void {
    execFileSync("umount", ["-l", directory], { stdio: "pipe" });
    this.#mounted.splice(this.#mounted.lastIndexOf(directory), 1);
  }

  end(): void {
    for (const directory of [...this.#mounted].reverse()) this.unmount(directory);
  }
}

/** Whether we may mount anything here. */
export function canMount(): boolean {
  const directory = mkdtempSync("/tmp/ss-");
  const mounts = new Mounts();
  try {
    mounts.tmpfs(directory);
    return true;
  } catch {
    return false;
  } finally {
    mounts.end();
    rmdirSync(directory);
  }
}

/** Fills a file system to the last byte, but for so many. @returns the file that fills it. */
export function fill(directory: string, exceptBytes = 0): string {
  const filler = join(directory, "filler");
  const page = Buffer.alloc(4096, "x");
  try {
    for (;;) writeFileSync(filler, page, { flag: "a" });
  } catch (error) {
    if (systemCode(error) !== "ENOSPC") throw error;
  }
  if (exceptBytes > 0) execFileSync("truncate", ["-s", `-${exceptBytes}`, filler]);
  return filler;
}
