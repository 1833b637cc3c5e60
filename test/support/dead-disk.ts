import { execFileSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmdirSync } from "node:fs";

/**
 * A directory on a disk that does not answer, as of a server that is gone: whatever process looks
 * there is stuck in the kernel. A file system in user space whose program never answers.
 */
export class DeadDisk {
  readonly #directory: string;
  readonly #program: number;

  private constructor(directory: string, program: number) {
    this.#directory = directory;
    this.#program = program;
  }

  /** Nobody who looks into the directory comes back from now on, this process neither. */
  static over(directory: string): DeadDisk {
    const program = openSync("/dev/fuse", "r+");
    const options = "fd=3,rootmode=40000,user_id=0,group_id=0";
    const stdio = ["ignore", "pipe", "pipe", program] as const;
    try {
      execFileSync("mount", ["-i", "-t", "fuse", "-o", options, "dead", directory], { stdio: [...stdio] });
    } catch (error) {
      closeSync(program);
      throw error;
    }
    return new DeadDisk(directory, program);
  }

  /** Whoever is stuck comes back with an error, and what was there before is there again. */
  revive(): void {
    closeSync(this.#program);
    execFileSync("umount", ["-l", this.#directory], { stdio: "pipe" });
  }
}

/** Whether we may have such disks here. */
export function canDie(): boolean {
  const directory = mkdtempSync("/tmp/ss-");
  try {
    DeadDisk.over(directory).revive();
    return true;
  } catch {
    return false;
  } finally {
    rmdirSync(directory);
  }
}
