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

/** What is asked of a registry at each save, worked out once: it is never changed, another one takes its place. */
interface Index {
  readonly byName: ReadonlyMap<string, Repo>;
  readonly names: readonly string[];
  readonly caches: readonly Repo[];
  readonly sources: readonly Repo[];
  /** In the order of the registry. */
  readonly byGroup: ReadonlyMap<string, readonly Repo[]>;
  readonly place: ReadonlyMap<Repo, number>;
  readonly peers: WeakMap<Repo, readonly Repo[]>;
  readonly targets: WeakMap<Repo, readonly Repo[]>;
}

const indexes = new WeakMap<Registry, Index>();

function indexOf(registry: Registry): Index {
  const present = indexes.get(registry);
  if (present !== undefined) return present;
  const { repos } = registry;
  const index = {
    // Of two by one name the first counts.
    byName: new Map([...repos].reverse().map((repo) => [repo.name, repo])),
    names: repos.map((repo) => repo.name),
    caches: repos.filter(hasCache),
    sources: repos.filter(isSource),
    byGroup: groupsOf(repos),
    place: new Map(repos.map((repo, place) => [repo, place])),
    peers: new WeakMap(),
    targets: new WeakMap(),
  };
  indexes.set(registry, index);
  return index;
}

function groupsOf(repos: readonly Repo[]): Map<string, Repo[]> {
  const groups = new Map<string, Repo[]>();
  for (const repo of repos) {
    for (const group of new Set(repo.groups)) {
      const members = groups.get(group);
      if (members === undefined) groups.set(group, [repo]);
      else members.push(repo);
    }
  }
  return groups;
}

/** The repos that share a group with one, itself among them: where most share none, it takes too long to ask each. */
function aroundOf({ byGroup, place }: Index, { groups }: Repo): readonly Repo[] {
  const [only] = groups;
  if (groups.length === 1 && only !== undefined) return byGroup.get(only) ?? [];
  const around = new Set(groups.flatMap((group) => byGroup.get(group) ?? []));
  return [...around].sort((a, b) => (place.get(a) ?? 0) - (place.get(b) ?? 0));
}

export function findRepo(registry: Registry, name: string): Repo | undefined {
  return indexOf(registry).byName.get(name);
}

/** Every repo's name, in the order of the registry; for one registry the same array. */
export function namesOf(registry: Registry): readonly string[] {
  return indexOf(registry).names;
}

/** True of an execution repo that has a cache of ours. */
export function hasCache({ role, subscribe }: Repo): boolean {
  return role === "execution" && subscribe;
}

/** True of an execution repo whose state file is to be read. */
export function isSource({ role, publish }: Repo): boolean {
  return role === "execution" && publish;
}

/** True where `from`'s state may stand in `to`'s cache. */
export function isAllowed(from: Repo, to: Repo): boolean {
  return (
    from.name !== to.name &&
    isSource(from) &&
    hasCache(to) &&
    from.groups.some((group) => to.groups.includes(group))
  );
}

/** The repos whose state `to`'s cache holds, in the order of the registry. */
export function peersOf(registry: Registry, to: Repo): readonly Repo[] {
  const index = indexOf(registry);
  const known = index.peers.get(to) ?? aroundOf(index, to).filter((from) => isAllowed(from, to));
  index.peers.set(to, known);
  return known;
}

/** The repos whose caches hold `from`'s state, in the order of the registry. */
export function targetsOf(registry: Registry, from: Repo): readonly Repo[] {
  const index = indexOf(registry);
  const known = index.targets.get(from) ?? aroundOf(index, from).filter((to) => isAllowed(from, to));
  index.targets.set(from, known);
  return known;
}

/** Execution repos that have a cache of ours: those whose cache is to be read and reconciled. */
export function cachesOf(registry: Registry): readonly Repo[] {
  return indexOf(registry).caches;
}

/** Execution repos whose state file is to be read. */
export function sourcesOf(registry: Registry): readonly Repo[] {
  return indexOf(registry).sources;
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
