import { CACHE_DIRECTORY, CACHE_FILE, cachesOf, type Registry } from "../core/registry.ts";
import { ask } from "../service/tool.ts";
import { shellWord } from "../shell-word.ts";
import { type Check, type Finding, note, warning } from "./finding.ts";

const CACHE = `${CACHE_DIRECTORY}/${CACHE_FILE}`;
const GIT_MS = 10_000;

/** Whether git carries caches around: each save of a peer would be a change of this repo, and its states would be published. */
export const checkGit: Check = async ({ config }) =>
  config === undefined ? [] : await lookAtGit(config.registry);

/** The same of a registry that may not be in force yet. */
export async function lookAtGit(registry: Registry): Promise<readonly Finding[]> {
  const found: Finding[] = [];
  for (const { name, path } of cachesOf(registry)) {
    const tracked = await git(path, "ls-files", "--error-unmatch", "--", CACHE);
    if (tracked === 0) {
      const remedy = `\`${untracking(path)}\` leaves the file where it is; ${hiding(path)}`;
      found.push(warning(name, `${CACHE} is tracked by git: peers' states end up in its history`, remedy));
    } else if (tracked === 1 && (await git(path, "check-ignore", "--quiet", "--", CACHE)) === 1) {
      found.push(
        note(
          name,
          `git shows ${CACHE} as a new file: one \`git add .\` publishes its peers' states`,
          hiding(path),
        ),
      );
    }
  }
  return found;
}

/** The command after which git does not track a repo's cache any more. */
export function untracking(path: string): string {
  return `git -C ${shellWord(path)} rm --cached ${CACHE}`;
}

/** To be copied wherever one is: of itself git names the file as seen from the repo. */
function hiding(path: string): string {
  const file = `$(git -C ${shellWord(path)} rev-parse --path-format=absolute --git-path info/exclude)`;
  return `\`echo /${CACHE} >> "${file}"\` hides it from git for you alone.`;
}

/** Its exit code: 128 outside of a repository, 127 without git. */
async function git(directory: string, ...args: string[]): Promise<number> {
  return (await ask("git", ["-C", directory, ...args], GIT_MS)).code;
}
