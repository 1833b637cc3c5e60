import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { plainCache } from "./cache-content.mjs";
import { Contender } from "./contender.mjs";

/** The repos as floor.c reads them, and caches as it keeps them. @returns the list's path. */
export function prepareForFloor(scene) {
  const states = scene.states();
  const list = join(scene.root, "list");
  const lines = scene.repos.map(({ name, state, cache }) => `${name}\t${state}\t${cache}\n`);
  writeFileSync(list, lines.join(""));
  for (const repo of scene.repos) {
    mkdirSync(dirname(repo.cache), { recursive: true });
    writeFileSync(repo.cache, plainCache(scene.peersOf(repo), states));
  }
  return list;
}

/** The least possible program: floor.c, or floor.mjs where no compiler is there. */
export class Floor extends Contender {
  #command;

  constructor(scratch, scene, options = []) {
    const { language, command } = scratch.compiled("floor");
    super(scratch, scene, ["floor in", language, ...options].join(" "));
    this.#command = [...command, ...options];
  }

  async start() {
    const [program, ...args] = this.#command;
    const list = prepareForFloor(this.scene);
    this.child = this.scratch.start(program, [...args, list], { stdio: ["ignore", "pipe", "inherit"] });
    await once(this.child.stdout, "data");
  }
}
