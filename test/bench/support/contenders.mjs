import { performance } from "node:perf_hooks";
import { Floor } from "./floor.mjs";
import { Lsyncd } from "./lsyncd.mjs";
import { Observing } from "./observing.mjs";
import { Onchange } from "./onchange.mjs";
import { Scene } from "./scene.mjs";
import { StateSyncd } from "./state-syncd.mjs";

const START_LIMIT_MS = 60_000;
/** The first try for its arrival; each further one has twice the time, for a save may take that long. */
const TRY_MS = 2_000;
/** Who has taken this long in all has no further rounds: a part is not to take all night for the slowest. */
const ENOUGH_MS = 30_000;

export const OURS = "state-syncd";

const KINDS = {
  [OURS]: (scratch, scene) => new StateSyncd(scratch, scene),
  floor: (scratch, scene) => new Floor(scratch, scene),
  "floor --no-fsync": (scratch, scene) => new Floor(scratch, scene, ["--no-fsync"]),
  "floor --eager": (scratch, scene) => new Floor(scratch, scene, ["--eager"]),
  lsyncd: (scratch, scene) => new Lsyncd(scratch, scene),
  "lsyncd tee": (scratch, scene) => new Lsyncd(scratch, scene, { tee: true }),
  onchange: (scratch, scene) => new Onchange(scratch, scene),
};

/**
 * Contenders side by side, each with repos of its own and observed, all running for as long as
 * `work` takes: it has them do their rounds in turn. Who does nothing takes no time from the others.
 */
export async function withContenders(scratch, kinds, count, work) {
  const running = [];
  try {
    for (const kind of kinds) {
      const scene = new Scene(scratch, count);
      const contender = KINDS[kind](scratch, scene);
      const one = { kind, contender, scene, observing: undefined, limit: undefined };
      running.push(one);
      await contender.start();
      one.observing = await Observing.of(scratch, contender);
      if (await itHears(one)) continue;
      if (isOurs(kind)) throw new Error(`${contender.name} does not hear of saves`);
      await retire(one, `not up in ${START_LIMIT_MS / 1_000} s`);
    }
    scratch.settle();
    return await work(running);
  } finally {
    for (const { contender, observing, scene } of running) {
      await contender.stop();
      await observing?.stop();
      scene.remove();
    }
  }
}

/**
 * Rounds of all in turn, so that a machine that slows down slows all of them. Who does not bring a
 * round to its end within the limit is stopped, and has no further ones.
 *
 * @param warmUps rounds before those, which do not count.
 * @returns the rounds by the contender's kind.
 */
export async function inTurn(contenders, rounds, limitMs, round, warmUps = 1) {
  const found = new Map(contenders.map(({ kind }) => [kind, []]));
  const spent = new Map();
  for (let number = -warmUps; number < rounds; number += 1) {
    for (const one of contenders) {
      if (one.limit !== undefined || (spent.get(one.kind) ?? 0) > ENOUGH_MS) continue;
      const began = performance.now();
      const result = await round(one, number + warmUps);
      if (number >= 0) spent.set(one.kind, (spent.get(one.kind) ?? 0) + performance.now() - began);
      if (number >= 0 || !result.complete) found.get(one.kind).push(result);
      if (!result.complete) await retire(one, `> ${limitMs / 1_000} s`);
    }
  }
  return found;
}

/** What every row says of its contender; a wrong one of ours fails the run. */
export function about({ kind, contender, limit }) {
  return { kind, contender: contender.name, limit, isWrong: limit !== undefined && isOurs(kind) };
}

function isOurs(kind) {
  return kind === OURS || kind.startsWith("floor");
}

async function retire(one, limit) {
  one.limit = limit;
  await one.contender.stop();
}

/** Some say when they are ready, and all show it: by a save of the last repo that arrives, and one of the first. */
async function itHears({ scene, observing }) {
  const until = performance.now() + START_LIMIT_MS;
  for (const repo of [scene.repos.at(-1), scene.repos[0]]) {
    let complete = false;
    for (let patienceMs = TRY_MS; !complete; patienceMs *= 2) {
      const leftMs = until - performance.now();
      if (leftMs <= 0) return false;
      scene.saving([repo], "rename")();
      ({ complete } = await observing.converged([repo], Math.min(patienceMs, leftMs)));
    }
    await observing.drop();
  }
  return true;
}
