import { basename } from "node:path";
import type { RepoEntry } from "../config/splice.ts";
import { nameFrom, nameOfBranch, untaken } from "../core/name.ts";
import { DEFAULT_GROUP, DEFAULT_STATE_FILE, type Registry, type Repo } from "../core/registry.ts";
import { FaultError } from "../errors.ts";
import { locateRepo, reposOfOtherTrees } from "../store/around.ts";
import { gitPosition } from "../store/git.ts";
import { realpathOrSame } from "../store/real-path.ts";
import { worktreeName } from "../sync/select.ts";

/** What a directory that is to be registered has from the repo that it is a worktree of. */
export interface Inherited {
  readonly from: string;
  readonly name: string;
  /** All that decides over who sees what, apart from what are the defaults. */
  readonly entry: Omit<RepoEntry, "path">;
  /** The same in words. */
  readonly told: string;
}

/** What of a new entry somebody has said themselves. */
export interface Said {
  readonly groups?: readonly string[] | undefined;
  readonly role?: "execution" | "passive" | undefined;
}

/**
 * A worktree holds the same work as its repo, so that it is shared as that is and no wider, unless
 * somebody says so.
 *
 * @returns undefined for a directory that is no worktree of a registered repo.
 * @throws FaultError USAGE where it cannot be told with whom it may be shared.
 */
export async function inheritedBy(
  directory: string,
  registry: Registry,
  said: Said,
): Promise<Inherited | undefined> {
  const located = await locateRepo(registry, directory);
  if (located?.worktree !== undefined) {
    const isSamePlace = (await realpathOrSame(directory)) === located.place;
    const name = isSamePlace
      ? await worktreeName(registry, located.repo.name, directory)
      : await nameBeside(registry, directory, located.worktree);
    return inherited(located.repo, name, isSamePlace, said);
  }
  const others = await reposOfOtherTrees(registry, directory);
  if (others === "unknown") {
    if (said.groups !== undefined) return undefined;
    throw new FaultError("USAGE", `${directory} is a worktree of a repository that is not there`, {
      path: directory,
      remedy:
        "Whom its repo shares with cannot be told. `git worktree repair` mends it, or `--groups` says who may see it.",
    });
  }
  const [first] = others;
  if (first === undefined) return undefined;
  if (said.groups === undefined && others.some((repo) => isolation(repo) !== isolation(first))) {
    const names = others.map(({ name }) => name).join(", ");
    throw new FaultError("USAGE", `${directory} lies in a worktree of ${names}, which do not share alike`, {
      path: directory,
      remedy: "Say with `--groups` who may see it.",
    });
  }
  return inherited(first, await nameBeside(registry, directory, directory), false, said);
}

async function nameBeside(registry: Registry, directory: string, top: string): Promise<string> {
  const own = nameFrom(basename(directory));
  const branch = directory === top ? undefined : (await gitPosition(top))?.branch;
  const taken = new Set(registry.repos.map(({ name }) => name));
  return untaken((branch === undefined ? undefined : nameOfBranch(own, branch)) ?? own, taken);
}

function inherited(repo: Repo, name: string, isSamePlace: boolean, said: Said): Inherited {
  const role = said.role ?? repo.role;
  const groups = said.groups ?? repo.groups;
  const entry = {
    ...(role === "passive" ? { role } : {}),
    ...(isSamePlace && repo.stateFile !== DEFAULT_STATE_FILE ? { stateFile: repo.stateFile } : {}),
    ...(groups.join() === DEFAULT_GROUP ? {} : { groups }),
    ...(repo.publish ? {} : { publish: false }),
    ...(repo.subscribe ? {} : { subscribe: false }),
    ...(repo.onSecret === "redact" ? {} : { onSecret: repo.onSecret }),
    ...(repo.fence ? { fence: true } : {}),
  };
  const facts = [
    said.groups === undefined ? `groups ${groups.join(", ")}` : "",
    role === "passive" ? "passive" : "",
    entry.publish === false ? "publish false" : "",
    entry.subscribe === false ? "subscribe false" : "",
    entry.onSecret === undefined ? "" : `onSecret ${entry.onSecret}`,
    entry.fence === true ? "fence true" : "",
    entry.stateFile === undefined ? "" : `stateFile ${entry.stateFile}`,
  ];
  const told = facts.filter((fact) => fact !== "").join("; ");
  return { from: repo.name, name, entry, told };
}

/** Everything of a repo that decides over who sees what. */
function isolation({ role, groups, publish, subscribe, onSecret, fence }: Repo): string {
  return JSON.stringify([role, groups.toSorted(), publish, subscribe, onSecret, fence]);
}
