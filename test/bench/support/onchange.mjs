import { join } from "node:path";
import { Contender } from "./contender.mjs";
import { prepareForFloor } from "./floor.mjs";

/**
 * onchange (npm: onchange): one watcher that runs a script at each change. The script is the floor,
 * for one repo, so that what is counted is the way of doing it and not a slow script.
 */
export class Onchange extends Contender {
  #script;

  constructor(scratch, scene) {
    const { language, command } = scratch.compiled("floor");
    super(scratch, scene, `onchange, a script in ${language}`);
    this.#script = command;
  }

  async start() {
    const list = prepareForFloor(this.scene);
    const args = ["*/STATE.md", "--", ...this.#script, "--once", "{{fileDir}}", list];
    this.child = this.scratch.start("onchange", args, { cwd: join(this.scene.root, "repos") });
  }
}
