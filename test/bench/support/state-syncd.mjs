import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { performance } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import { Contender } from "./contender.mjs";

const SCRIPT = resolve("dist/state-syncd.cjs");
const READY_LIMIT_MS = 120_000;

/** The product, as it is installed and with everything on: a daemon in an environment of its own. */
export class StateSyncd extends Contender {
  #env;
  #log;

  constructor(scratch, scene, config = {}) {
    super(scratch, scene, "state-syncd");
    this.#env = {
      ...scratch.env,
      XDG_CONFIG_HOME: join(scene.root, "config"),
      XDG_STATE_HOME: join(scene.root, "state"),
      XDG_RUNTIME_DIR: join(scratch.run, scene.name),
    };
    this.#log = join(scene.root, "state", "state-syncd", "state-syncd.log");
    mkdirSync(this.#env.XDG_RUNTIME_DIR, { recursive: true, mode: 0o700 });
    const repos = scene.repos.map(({ name, path, group }) => [name, { path, groups: [`group-${group}`] }]);
    mkdirSync(join(scene.root, "config", "state-syncd"), { recursive: true });
    writeFileSync(
      join(scene.root, "config", "state-syncd", "config.yaml"),
      JSON.stringify({ version: 1, repos: Object.fromEntries(repos), ...config }),
    );
  }

  /** @returns how long it took until the daemon called itself ready, in ms. */
  async start() {
    const before = this.#logged().length;
    const started = performance.now();
    this.child = this.scratch.start(process.execPath, [SCRIPT, "run"], { env: this.#env });
    while (!this.#logged().includes('"daemon.ready"', before)) {
      if (this.child.exitCode !== null) throw new Error(`the daemon ended:\n${this.#logged().slice(before)}`);
      if (performance.now() - started > READY_LIMIT_MS) throw new Error("the daemon does not become ready");
      await delay(2);
    }
    return performance.now() - started;
  }

  /** Waits until every cache is complete. */
  async settled() {
    const states = this.scene.states();
    const until = performance.now() + READY_LIMIT_MS;
    for (const target of this.targets()) {
      while (!this.isRight(readIfThere(target.path), target, states)) {
        if (performance.now() > until) throw new Error(`${target.path} does not become right`);
        await delay(100);
      }
    }
  }

  #logged() {
    return readIfThere(this.#log).toString("latin1");
  }
}

function readIfThere(path) {
  try {
    return readFileSync(path);
  } catch {
    return Buffer.alloc(0);
  }
}
