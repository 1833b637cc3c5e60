import { join, sep } from "node:path";
import { concurrently, Shared, within } from "../concurrently.ts";
import type { Registry, Repo } from "../core/registry.ts";
import { realpathOrSame } from "./real-path.ts";
import { isWorkTreeOf, type Stray, strayAround, type WorkTree, workTreeAround } from "./work-tree.ts";

const SIDE_BY_SIDE = 8;
/** A disk that does not say by then what lies on it holds no working tree that is asked about. */
const PATIENCE_MS = 2_000;
const PLACE_MS = 250;
/** Of the whole process: a dead disk is asked once, however many ask what lies on it. */
const trees = new Shared<WorkTree | undefined>();

async function treeAround(directory: string): Promise<WorkTree | undefined> {
  return await trees.ask(directory, PATIENCE_MS, () => workTreeAround(directory));
}

/** The registered repo that somebody who works in a directory means. */
export interface Located {
  readonly repo: Repo;
  /**
   * The directory lies in a worktree of the repo that is not registered itself: its topmost
   * directory. What is known of the repo is then not of this directory: its state file is another.
   */
  readonly worktree?: string;
  /** What of that worktree is to the repo's own directory as the same place: its top, or in a monorepo a directory in it. */
  readonly place?: string;
}

/** A registered repo, and where its directory really is. */
interface Candidate {
  readonly repo: Repo;
  readonly real: string;
}

/**
 * The repo around a directory, of nested ones the innermost; for a worktree that is not registered the
 * repo that it is a worktree of, wherever the worktree lies. Starts no process.
 */
export async function locateRepo(registry: Registry, directory: string): Promise<Located | undefined> {
  const real = await realpathOrSame(directory);
  const candidates = await Promise.all(
    registry.repos.map(async (repo) => ({ repo, real: await realpathOrSame(repo.path) })),
  );
  const around = candidates
    .filter((candidate) => isAtOrBelow(real, candidate.real))
    .reduce<Candidate | undefined>(
      (best, one) => (best !== undefined && best.real.length >= one.real.length ? best : one),
      undefined,
    );
  const stray = await within(PATIENCE_MS, strayAround(real));
  const known =
    stray === undefined
      ? undefined
      : await otherTree(candidates, stray, ({ common }) => isWorkTreeOf(stray, common));
  if (known !== undefined) return known;
  const tree = await treeAround(real);
  const itself = around === undefined ? undefined : { repo: around.repo };
  // A repo around the working tree is another one, or another working tree of it.
  if (tree === undefined || (around !== undefined && isAtOrBelow(around.real, tree.top))) return itself;
  const other = await otherTree(candidates, tree, ({ common }) => Promise.resolve(common === tree.common));
  return other ?? itself;
}

/**
 * The registered repos that lie in other working trees of the repository that a directory is in, whatever place they
 * are: what a new one is beside.
 *
 * @returns `"unknown"` where the directory is a worktree of a repository that is not there.
 */
export async function reposOfOtherTrees(
  registry: Registry,
  directory: string,
): Promise<readonly Repo[] | "unknown"> {
  const real = await realpathOrSame(directory);
  const tree = await treeAround(real);
  const stray = await within(PATIENCE_MS, strayAround(real));
  if (stray !== undefined) return "unknown";
  if (tree === undefined) return [];
  const others = await Promise.all(
    registry.repos.map(async (repo) => {
      const theirs = await treeAround(await realpathOrSame(repo.path));
      return theirs?.common === tree.common ? { repo, top: theirs.top } : undefined;
    }),
  );
  const found = others.filter((one) => one !== undefined);
  // Beside a repo in the same tree it is a part of that tree like any other.
  return found.some(({ top }) => top === tree.top) ? [] : found.map(({ repo }) => repo);
}

/** The registered repo that is the same place in another working tree of the same repository. */
async function otherTree(
  candidates: readonly Candidate[],
  here: Pick<WorkTree | Stray, "top" | "inside">,
  isSame: (theirs: WorkTree) => Promise<boolean>,
): Promise<Located | undefined> {
  let best: Found | undefined;
  await concurrently(
    [...candidates.entries()],
    SIDE_BY_SIDE,
    async ([at, { repo, real }]) => {
      const tree = await treeAround(real);
      if (tree === undefined || !isPlaceIn(here.inside, tree.inside) || !(await isSame(tree))) return;
      const found = { repo, tree, at };
      if (best === undefined || isNearer(found, best)) best = found;
    },
    PLACE_MS,
  );
  if (best === undefined) return undefined;
  return { repo: best.repo, worktree: here.top, place: join(here.top, best.tree.inside) };
}

interface Found {
  readonly repo: Repo;
  readonly tree: WorkTree;
  /** Its place in the config. */
  readonly at: number;
}

/** The innermost directory of a monorepo; then the main working tree; then the first in the config. */
function isNearer(one: Found, other: Found): boolean {
  if (one.tree.inside.length !== other.tree.inside.length)
    return one.tree.inside.length > other.tree.inside.length;
  if (one.tree.isMain !== other.tree.isMain) return one.tree.isMain;
  return one.at < other.at;
}

function isPlaceIn(inside: string, place: string): boolean {
  return place === "" || inside === place || inside.startsWith(place + sep);
}

function isAtOrBelow(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory.endsWith(sep) ? directory : directory + sep);
}

/** The repos that lie around some others, by the paths of the config: what they have taken for their own may be one of these's by now. */
export function namesAround(names: readonly string[], { repos }: Registry): string[] {
  const inner = repos.filter(({ name }) => names.includes(name)).map(({ path }) => path);
  return repos
    .filter(({ path }) => inner.some((each) => each.startsWith(path + sep)))
    .map(({ name }) => name);
}
