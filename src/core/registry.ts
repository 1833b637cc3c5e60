/** One registered repo, with every default filled in. */
export interface Repo {
  /** As `NAME_PATTERN` has it: `karematch`, or `karematch@feature-x` for a worktree of it. */
  readonly name: string;
  /** The directory as an absolute path, `~` and variables resolved, symlinks not. */
  readonly path: string;
  /** The directory as the user wrote it; messages show this one. */
  readonly writtenPath: string;
  /** A passive repo is known by name only: never read, never written. */
  readonly role: "execution" | "passive";
  /** Relative to `path`, normalised, never leaving it. */
  readonly stateFile: string;
  readonly groups: readonly string[];
  /** Peers receive this repo's state. */
  readonly publish: boolean;
  /** This repo's cache is written. */
  readonly subscribe: boolean;
  /** What happens to a state file in which a secret was found. */
  readonly onSecret: "redact" | "block";
  /** The peers' texts stand in code fences in this repo's cache. */
  readonly fence: boolean;
}

/** All registered repos in the order of the config file, which is the order of a cache's sections. */
export interface Registry {
  readonly repos: readonly Repo[];
}

/** Names that begin like this are the daemon's own. */
export const RESERVED_PREFIX = "state-syncd.";

export const DEFAULT_GROUP = "default";
export const DEFAULT_STATE_FILE = "STATE.md";

/** Where a repo's cache lies, relative to the repo. */
export const CACHE_DIRECTORY = ".aibrain";
export const CACHE_FILE = "global-state-cache.md";

export function findRepo(registry: Registry, name: string): Repo | undefined {
  return registry.repos.find((repo) => repo.name === name);
}

/** True where `from`'s state may stand in `to`'s cache. */
export function isAllowed(from: Repo, to: Repo): boolean {
  return (
    from.name !== to.name &&
    from.role === "execution" &&
    to.role === "execution" &&
    from.publish &&
    to.subscribe &&
    from.groups.some((group) => to.groups.includes(group))
  );
}

/** The repos whose state `to`'s cache holds, in the order of the registry. */
export function peersOf(registry: Registry, to: Repo): Repo[] {
  return registry.repos.filter((from) => isAllowed(from, to));
}

/** The repos whose caches hold `from`'s state, in the order of the registry. */
export function targetsOf(registry: Registry, from: Repo): Repo[] {
  return registry.repos.filter((to) => isAllowed(from, to));
}

/** Execution repos that have a cache of ours: those whose cache is to be read and reconciled. */
export function cachesOf(registry: Registry): Repo[] {
  return registry.repos.filter((repo) => repo.role === "execution" && repo.subscribe);
}

/** Execution repos whose state file is to be read. */
export function sourcesOf(registry: Registry): Repo[] {
  return registry.repos.filter((repo) => repo.role === "execution" && repo.publish);
}

export interface RegistryDiff {
  /** Names that are new. */
  readonly added: readonly string[];
  /** Names that are gone. */
  readonly removed: readonly string[];
  /** Names whose path, state file or role differ: their watches start anew. */
  readonly moved: readonly string[];
  /** Repos of the new registry whose cache may have to look different: edges, order or fences changed. */
  readonly caches: readonly string[];
}

/** What has to happen to get from one registry to the next. */
export function diffRegistries(before: Registry, after: Registry): RegistryDiff {
  const old = new Map(before.repos.map((repo) => [repo.name, repo]));
  const present = new Set(after.repos.map((repo) => repo.name));
  const added = after.repos.filter((repo) => !old.has(repo.name)).map((repo) => repo.name);
  const removed = before.repos.filter((repo) => !present.has(repo.name)).map((repo) => repo.name);
  const moved = after.repos
    .filter((repo) => {
      const was = old.get(repo.name);
      return (
        was !== undefined &&
        (was.path !== repo.path || was.stateFile !== repo.stateFile || was.role !== repo.role)
      );
    })
    .map((repo) => repo.name);
  const caches = cachesOf(after).filter((repo) => {
    const was = old.get(repo.name);
    if (was === undefined || was.path !== repo.path || !was.subscribe || was.role !== "execution")
      return true;
    if (was.fence !== repo.fence) return true;
    const peersBefore = peersOf(before, was).map((peer) => peer.name);
    const peersAfter = peersOf(after, repo).map((peer) => peer.name);
    return peersBefore.join(" ") !== peersAfter.join(" ");
  });
  return { added, removed, moved, caches: caches.map((repo) => repo.name) };
}
