import type { Outlook } from "../status/outlook.ts";
import type { ConfigMark } from "./knowledge.ts";
import type { SessionFiles } from "./session.ts";
import { writePlace } from "./session-write.ts";

/** Remembers where a directory belongs, so that the next event need not find out. @param config by which it was found out. */
export function rememberPlace(
  files: SessionFiles,
  directory: string,
  outlook: Outlook | undefined,
  { file, identity }: ConfigMark,
): void {
  const repo =
    outlook === undefined
      ? null
      : {
          name: outlook.repo,
          cache: outlook.cache,
          stateFile: outlook.stateFile,
          // A worktree's own state file is another one, which nobody reads.
          readers: outlook.worktree === null ? outlook.readers : 0,
        };
  writePlace(files, directory, { config: file, identity: identity ?? null, repo });
}
