import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stateText } from "./state-text.mjs";

let scenes = 0;

/**
 * Repos on disk, each with a state file, in full mesh or in groups. Each contender has one of its
 * own, so that all can run side by side.
 */
export class Scene {
  name;
  root;
  repos;
  #saves = 0;

  /** @param groupSize how many repos share with each other; all where absent. */
  constructor(scratch, count, groupSize = count) {
    this.name = `s${(scenes += 1)}`;
    this.root = join(scratch.root, this.name);
    this.repos = Array.from({ length: count }, (_, index) => {
      const name = `repo-${index}`;
      const path = join(this.root, "repos", name);
      const cache = join(path, ".aibrain", "global-state-cache.md");
      return { name, path, group: Math.floor(index / groupSize), state: join(path, "STATE.md"), cache };
    });
    for (const repo of this.repos) {
      // As much of git as is read with a state.
      const git = join(repo.path, ".git");
      for (const directory of ["objects", "refs/heads"]) mkdirSync(join(git, directory), { recursive: true });
      writeFileSync(join(git, "HEAD"), "ref: refs/heads/main\n");
      writeFileSync(join(git, "refs", "heads", "main"), `${"1a2b3c4d".repeat(5)}\n`);
      writeFileSync(join(git, "config"), "[core]\n\trepositoryformatversion = 0\n\tbare = false\n");
      writeFileSync(repo.state, stateText(repo.name, 0));
    }
  }

  peersOf(repo) {
    return this.repos.filter((peer) => peer.group === repo.group && peer !== repo);
  }

  /** The repos whose caches change with these saves. */
  readersOf(saved) {
    const groups = new Map();
    for (const { group, name } of saved) groups.set(group, [...(groups.get(group) ?? []), name]);
    return this.repos.filter(({ group, name }) => groups.get(group)?.some((other) => other !== name));
  }

  /** Prepares a save of each of these repos; the function that comes back does it, and tells when it began, in ns. */
  saving(repos, way) {
    const saves = repos.map((repo) => {
      const text = stateText(repo.name, (this.#saves += 1));
      const beside = join(repo.path, ".STATE.md.new");
      if (way === "rename") writeFileSync(beside, text);
      return way === "rename" ? () => renameSync(beside, repo.state) : () => writeFileSync(repo.state, text);
    });
    return () => {
      const at = Number(process.hrtime.bigint());
      for (const save of saves) save();
      return at;
    };
  }

  remove() {
    rmSync(this.root, { recursive: true, force: true });
  }

  /** What stands in each state file now, by the repo's name. */
  states() {
    return new Map(this.repos.map((repo) => [repo.name, readFileSync(repo.state)]));
  }
}
