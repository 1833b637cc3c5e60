import { spawnSync } from "node:child_process";

/** Whether a program is on this machine; a test that needs it says in its title that it is skipped without. */
export function isInstalled(program: string): boolean {
  return spawnSync("sh", ["-c", `command -v ${program}`]).status === 0;
}
