import { systemCode } from "../errors.ts";

/** Where this process is; the root where its directory was removed, as a worktree's is that an agent has done with. */
export function here(): string {
  try {
    return process.cwd();
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return "/";
  }
}
