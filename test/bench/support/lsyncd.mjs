import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Contender } from "./contender.mjs";

/**
 * lsyncd (Debian: lsyncd), which copies files and merges nothing: each state file as it is into a
 * directory of each peer's. `default.direct` has a sync an edge and a `cp` a copy. With "tee" it is a
 * sync a repo, whose one process writes all copies: less than that it cannot start.
 */
export class Lsyncd extends Contender {
  writesInPlace = true;
  #tee;

  constructor(scratch, scene, { tee = false } = {}) {
    super(scratch, scene, tee ? "lsyncd, a tee a change" : "lsyncd, default.direct");
    this.#tee = tee;
  }

  async start() {
    const states = this.scene.states();
    for (const { path, repo, source } of this.targets()) {
      mkdirSync(join(repo.path, ".aibrain", "peers", source.name), { recursive: true });
      writeFileSync(path, states.get(source.name));
    }
    const config = join(this.scene.root, "lsyncd.lua");
    writeFileSync(config, this.#config());
    this.child = this.scratch.start("lsyncd", ["-nodaemon", config]);
  }

  /** Of each edge the copy. */
  targets(saved = this.scene.repos) {
    return saved.flatMap((source) =>
      this.scene.peersOf(source).map((repo) => ({ path: copyOf(source, repo), repo, source })),
    );
  }

  isRight(bytes, { source }, states) {
    return bytes.equals(states.get(source.name));
  }

  #config() {
    const settings = 'settings { nodaemon = true, inotifyMode = "CloseWrite" }\n';
    const syncs = this.scene.repos.flatMap((source) => {
      const peers = this.scene.peersOf(source);
      return this.#tee ? [teeSync(source, peers)] : peers.map((repo) => directSync(source, repo));
    });
    return settings + syncs.join("");
  }
}

/** Of a repo its state file alone. What stands in the target is right already: nothing is to be done at the start. */
const COMMON = 'delay = 0, init = false, filter = { "+ /STATE.md", "- *" }';

function copyOf(source, repo) {
  return join(repo.path, ".aibrain", "peers", source.name, "STATE.md");
}

function directSync(source, repo) {
  const target = join(repo.path, ".aibrain", "peers", source.name);
  return `sync { default.direct, source = "${source.path}", target = "${target}", ${COMMON} }\n`;
}

function teeSync(source, peers) {
  const copies = peers.map((repo) => copyOf(source, repo)).join(" ");
  return `sync {
  default.direct, source = "${source.path}", target = "${dirname(copyOf(source, peers[0]))}", ${COMMON},
  action = function(inlet)
    local event = inlet.getEvent()
    if event.etype == "Create" or event.etype == "Modify" then
      spawnShell(event, "exec tee ${copies} < ${source.state} > /dev/null")
    else
      inlet.discardEvent(event)
    end
  end,
}
`;
}
