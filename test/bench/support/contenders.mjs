import { join } from "node:path";
import { Floor } from "./floor.mjs";
import { Observing } from "./observing.mjs";
import { Scene } from "./scene.mjs";
import { StateSyncd } from "./state-syncd.mjs";

let scenes = 0;

/** What each is made of; those that a run leaves out are not there. */
const KINDS = {
  "state-syncd": (scratch, scene, config) => new StateSyncd(scratch, scene, config),
  floor: (scratch, scene) => new Floor(scratch, scene),
  "floor --no-fsync": (scratch, scene) => new Floor(scratch, scene, ["--no-fsync"]),
  "floor --eager": (scratch, scene) => new Floor(scratch, scene, ["--eager"]),
};

/**
 * Contenders side by side, each with repos of its own and observed, all running for as long as
 * `work` takes. Who does nothing takes no time from the others.
 */
export async function withContenders(scratch, kinds, count, work) {
  const contenders = [];
  try {
    for (const kind of kinds) {
      const scene = new Scene(join(scratch.root, `s${(scenes += 1)}`), count);
      const contender = KINDS[kind](scratch, scene);
      contenders.push({ kind, contender, scene });
      await contender.start();
      const observing = await Observing.of(scratch, contender);
      contenders.at(-1).observing = observing;
      await untilRight(contender, observing);
    }
    scratch.settle();
    return await work(contenders);
  } finally {
    for (const { contender, observing } of contenders) {
      await contender.stop();
      await observing?.stop();
    }
  }
}

/** A contender's own start may take a while. */
async function untilRight(contender, observing) {
  const until = performance.now() + 120_000;
  while (!observing.areRight()) {
    if (performance.now() > until) throw new Error(`${contender.name} has not come up`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await observing.drop();
}
