import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { holdsAll, plainCache } from "./cache-content.mjs";
import { compiled } from "./compiled.mjs";

/** The least possible program: floor.c, or floor.mjs where no compiler is there. */
export class Floor {
  name;
  scene;
  pid;
  #scratch;
  #command;
  #child;

  constructor(scratch, scene, options = []) {
    const { language, command } = compiled(scratch, "floor");
    this.name = ["floor in", language, ...options].join(" ");
    this.scene = scene;
    this.#scratch = scratch;
    this.#command = [...command, ...options, join(scene.root, "list")];
  }

  async start() {
    const states = this.scene.states();
    const lines = this.scene.repos.map(({ name, state, cache }) => `${name}\t${state}\t${cache}\n`);
    writeFileSync(join(this.scene.root, "list"), lines.join(""));
    for (const repo of this.scene.repos) {
      mkdirSync(dirname(repo.cache), { recursive: true });
      writeFileSync(repo.cache, plainCache(this.scene.peersOf(repo), states));
    }
    const [program, ...args] = this.#command;
    this.#child = this.#scratch.start(program, args, { stdio: ["ignore", "pipe", "inherit"] });
    this.pid = this.#child.pid;
    await once(this.#child.stdout, "data");
  }

  targets(saved = this.scene.repos) {
    return this.scene.readersOf(saved).map((repo) => ({ path: repo.cache, repo }));
  }

  isRight(bytes, { repo }, states) {
    return holdsAll(bytes, this.scene.peersOf(repo), states);
  }

  async stop() {
    await this.#scratch.end(this.#child);
  }
}
