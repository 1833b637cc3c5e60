import { holdsAll } from "./cache-content.mjs";

/** A program that brings states to peers, with repos of its own. Most do so into caches. */
export class Contender {
  name;
  scene;
  scratch;
  child;
  /** Whether it writes into files that readers may have open. */
  writesInPlace = false;

  constructor(scratch, scene, name) {
    this.scratch = scratch;
    this.scene = scene;
    this.name = name;
  }

  get pid() {
    return this.child.pid;
  }

  /** The files that must arrive after these repos' saves. */
  targets(saved = this.scene.repos) {
    return this.scene.readersOf(saved).map((repo) => ({ path: repo.cache, repo }));
  }

  /** Whether what arrived is what had to, by what stands in the state files. */
  isRight(bytes, { repo }, states) {
    return holdsAll(bytes, this.scene.peersOf(repo), states);
  }

  async stop() {
    if (this.child !== undefined) await this.scratch.end(this.child);
  }
}
