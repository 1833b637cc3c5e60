import type { Outlook } from "../status/outlook.ts";
import { identityAt } from "../store/identity.ts";
import type { SessionFiles } from "./session.ts";
import { writePlace } from "./session-write.ts";

/** Remembers where a directory belongs, so that the next event need not find out. @param config by which it was. */
export async function rememberPlace(
  files: SessionFiles,
  directory: string,
  outlook: Outlook | undefined,
  config: string,
): Promise<void> {
  const identity = (await identityAt(config)) ?? null;
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
  writePlace(files, directory, { config, identity, repo });
}
