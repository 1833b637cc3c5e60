import { sep } from "node:path";
import { nearest } from "../config/nearest.ts";
import { findRepo, type Registry, type Repo } from "../core/registry.ts";
import { FaultError } from "../errors.ts";
import { realpathOrSame } from "../store/real-path.ts";

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
 * @throws FaultError REPO_UNKNOWN or REPO_PASSIVE, naming what there is.
 */
export async function selectRepos(registry: Registry, selection: Selection): Promise<Repo[]> {
  if (selection.all === true) return registry.repos.filter((repo) => repo.role === "execution");
  const named = selection.repos ?? [];
  if (named.length > 0) return [...new Set(named)].map((name) => repoNamed(registry, name));
  if (selection.around === undefined) throw new FaultError("USAGE", "say which repos: repos, all, or around");
  return [await repoAround(registry, selection.around)];
}

/** The execution repo of that name. @throws as {@link selectRepos}. */
export function repoNamed(registry: Registry, name: string): Repo {
  const repo = findRepo(registry, name);
  if (repo === undefined) {
    throw new FaultError(
      "REPO_UNKNOWN",
      `Unknown repo: ${name}.${hint(registry, name)} Registered are: ${names(registry)}`,
      {
        repo: name,
      },
    );
  }
  if (repo.role === "passive")
    throw new FaultError("REPO_PASSIVE", `${name} is a passive repo`, { repo: name });
  return repo;
}

/** Of nested repos the innermost. */
async function repoAround(registry: Registry, directory: string): Promise<Repo> {
  const inside = await realpathOrSame(directory);
  let found: { readonly name: string; readonly path: string } | undefined;
  for (const { name, path } of registry.repos) {
    const real = await realpathOrSame(path);
    const around = inside === real || inside.startsWith(real.endsWith(sep) ? real : real + sep);
    if (around && (found === undefined || real.length > found.path.length)) found = { name, path: real };
  }
  if (found === undefined) {
    const message = `${directory} is in no registered repo. Registered are: ${names(registry)}`;
    throw new FaultError("REPO_UNKNOWN", message, { path: directory });
  }
  return repoNamed(registry, found.name);
}

function names(registry: Registry): string {
  return registry.repos.map((repo) => repo.name).join(", ") || "none";
}

function hint(registry: Registry, name: string): string {
  const meant = nearest(
    name,
    registry.repos.map((repo) => repo.name),
  );
  return meant === undefined ? "" : ` Did you mean ${meant}?`;
}
