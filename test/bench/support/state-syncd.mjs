import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { performance } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import { holdsAll } from "./cache-content.mjs";

export const SCRIPT = resolve("dist/state-syncd.cjs");
const READY_LIMIT_MS = 120_000;

/** The product, as it is installed and with everything on: a daemon in an environment of its own. */
export class StateSyncd {
  name = "state-syncd";
  scene;
  env;
  pid;
  #scratch;
  #child;

  constructor(scratch, scene, config = {}) {
    this.#scratch = scratch;
    this.scene = scene;
    const id = scene.root.slice(scratch.root.length + 1);
    this.env = {
      ...scratch.env,
      XDG_CONFIG_HOME: join(scene.root, "config"),
      XDG_STATE_HOME: join(scene.root, "state"),
      XDG_RUNTIME_DIR: join(scratch.run, id),
    };
    mkdirSync(this.env.XDG_RUNTIME_DIR, { recursive: true, mode: 0o700 });
    mkdirSync(join(this.env.XDG_CONFIG_HOME, "state-syncd"), { recursive: true });
    const repos = scene.repos.map(({ name, path, group }) => [name, { path, groups: [`group-${group}`] }]);
    writeFileSync(
      join(this.env.XDG_CONFIG_HOME, "state-syncd", "config.yaml"),
      JSON.stringify({ version: 1, repos: Object.fromEntries(repos), ...config }),
    );
  }

  /** @returns how long it took until the daemon called itself ready, in ms. */
  async start() {
    const log = join(this.env.XDG_STATE_HOME, "state-syncd", "state-syncd.log");
    const before = textOf(log).length;
    const started = performance.now();
    this.#child = this.#scratch.start(process.execPath, [SCRIPT, "run"], { env: this.env });
    this.pid = this.#child.pid;
    while (!textOf(log).slice(before).includes('"daemon.ready"')) {
      if (this.#child.exitCode !== null) throw new Error(`the daemon ended:\n${textOf(log).slice(before)}`);
      if (performance.now() - started > READY_LIMIT_MS) throw new Error("the daemon does not become ready");
      await delay(2);
    }
    return performance.now() - started;
  }

  /** The files that must arrive after these repos' saves, each with the repo that reads it. */
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

function textOf(path) {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
