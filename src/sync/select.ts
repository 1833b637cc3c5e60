import { basename } from "node:path";
import { nearest } from "../config/nearest.ts";
import { nameFrom, nameOfBranch, untaken } from "../core/name.ts";
import { findRepo, type Registry, type Repo } from "../core/registry.ts";
import { FaultError } from "../errors.ts";
import { locateRepo } from "../store/around.ts";
import { gitPosition } from "../store/git.ts";
import { realpathOrSame } from "../store/real-path.ts";
import { workTreeAround } from "../store/work-tree.ts";

/** Which repos somebody means. */
export interface Selection {
  readonly repos?: readonly string[] | undefined;
  readonly all?: boolean | undefined;
  /** A directory: the repo around it is meant where neither of the others is given. */
  readonly around?: string | undefined;
}

/**
 * The execution repos that a selection means.
 *
 * @param work what is to be done. A worktree that is not registered reads what its repo reads; its own state is not
 *   the repo's, so that nothing is pushed from there by itself.
 * @throws FaultError REPO_UNKNOWN or REPO_PASSIVE, naming what there is.
 */
export async function selectRepos(
  registry: Registry,
  selection: Selection,
  work: "sync" | "pull",
): Promise<Repo[]> {
  if (selection.all === true) return registry.repos.filter((repo) => repo.role === "execution");
  const named = selection.repos ?? [];
  if (named.length > 0) return [...new Set(named)].map((name) => repoNamed(registry, name));
  if (selection.around === undefined) throw new FaultError("USAGE", "say which repos: repos, all, or around");
  return [await repoAround(registry, selection.around, work)];
}

/** The execution repo of that name. @throws as {@link selectRepos}. */
export function repoNamed(registry: Registry, name: string): Repo {
  const repo = findRepo(registry, name);
  if (repo === undefined)
    throw unknownRepo(
      name,
      registry.repos.map((one) => one.name),
    );
  if (repo.role === "passive")
    throw new FaultError("REPO_PASSIVE", `${name} is a passive repo`, { repo: name });
  return repo;
}

async function repoAround(registry: Registry, directory: string, work: "sync" | "pull"): Promise<Repo> {
  const located = await locateRepo(registry, directory);
  if (located === undefined) {
    const message = `${directory} is in no registered repo. Registered are: ${names(registry)}`;
    throw new FaultError("REPO_UNKNOWN", message, { path: directory });
  }
  const repo = repoNamed(registry, located.repo.name);
  const { place } = located;
  if (place !== undefined && work === "sync") await refuseWorktree(registry, repo, place, directory);
  return repo;
}

async function refuseWorktree(
  registry: Registry,
  { name }: Repo,
  place: string,
  directory: string,
): Promise<never> {
  const path = (await realpathOrSame(directory)) === place ? "." : `'${place}'`;
  const own = await worktreeName(registry, name, place);
  throw new FaultError("REPO_UNKNOWN", `${place} is a worktree of ${name}, and is not registered itself`, {
    path: directory,
    repo: name,
    remedy: `\`state-syncd sync ${name}\` pushes the state of ${name} itself; \`state-syncd repos add ${path}\` registers this one as ${own}.`,
  });
}

/**
 * What a worktree of a repo would be called: by its branch, or by its directory where it has none. The main working
 * tree has its own name, also where a worktree was registered first.
 */
export async function worktreeName(registry: Registry, repo: string, directory: string): Promise<string> {
  const tree = await workTreeAround(await realpathOrSame(directory));
  const branch = (await gitPosition(directory))?.branch ?? basename(directory);
  const taken = new Set(registry.repos.map(({ name }) => name));
  const name = tree?.isMain === true ? undefined : nameOfBranch(repo, branch);
  return untaken(name ?? nameFrom(basename(directory)), taken);
}

function names(registry: Registry): string {
  return registry.repos.map((repo) => repo.name).join(", ") || "none";
}

/** @param known the names that there are. */
export function unknownRepo(name: string, known: readonly string[]): FaultError {
  const meant = nearest(name, known);
  const hint = meant === undefined ? "" : ` Did you mean ${meant}?`;
  const message = `Unknown repo: ${name}.${hint} Registered are: ${known.join(", ") || "none"}`;
  return new FaultError("REPO_UNKNOWN", message, { repo: name });
}
