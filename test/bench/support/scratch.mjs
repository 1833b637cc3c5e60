import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";

/**
 * The directories and the processes of a run. Whatever ends the run, an error or ^C, ends every
 * process that it started, by its group, and removes what it made.
 */
export class Scratch {
  /** Lies on the file system that is measured. */
  root;
  /** A socket's path must be short, whatever directory was chosen. */
  run;
  env;
  #groups = new Set();
  #compiled = new Map();

  constructor(directory = tmpdir()) {
    this.root = mkdtempSync(join(directory, "ss-bench-"));
    this.run = mkdtempSync(join(tmpdir(), "ss-run-"));
    const path = `${process.env["PATH"]}${delimiter}${resolve("node_modules/.bin")}`;
    this.env = { ...process.env, PATH: path, NO_COLOR: "1", STATE_SYNCD_CONFIG: "" };
    // Node 20 reads a CA bundle at each start; it would count for all and make every ratio better.
    delete this.env["NODE_EXTRA_CA_CERTS"];
    process.once("exit", () => this.#clear());
    for (const [signal, code] of [
      ["SIGINT", 130],
      ["SIGTERM", 143],
      ["SIGHUP", 129],
    ]) {
      process.once(signal, () => process.exit(code));
    }
  }

  /** Starts a program in a process group of its own: ^C in the terminal is for us to pass on. */
  start(command, args, options = {}) {
    const child = spawn(command, args, { env: this.env, stdio: "ignore", ...options, detached: true });
    child.once("error", (error) => {
      this.#groups.delete(child.pid);
      process.stderr.write(`${command}: ${error.message}\n`);
    });
    if (child.pid !== undefined) {
      this.#groups.add(child.pid);
      child.once("exit", () => {
        // What it has started may live on in its group.
        signal(child.pid, "SIGKILL");
        this.#groups.delete(child.pid);
      });
    }
    return child;
  }

  /** Ends a program that {@link start} started; one that does not end by itself is killed. */
  async end(child) {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
    const ended = once(child, "exit");
    signal(child.pid, "SIGTERM");
    const timer = setTimeout(() => signal(child.pid, "SIGKILL"), 5_000);
    await ended;
    clearTimeout(timer);
  }

  /** The command line of a program of ours: its C where a compiler is there, else the same in Node. */
  compiled(name) {
    if (!this.#compiled.has(name)) {
      const output = join(this.run, name);
      const args = ["-O2", "-o", output, resolve(`test/bench/${name}.c`)];
      const { status } = spawnSync(process.env["CC"] ?? "cc", args, {
        stdio: ["ignore", "ignore", "inherit"],
      });
      const inNode = { language: "Node", command: [process.execPath, resolve(`test/bench/${name}.mjs`)] };
      this.#compiled.set(name, status === 0 ? { language: "C", command: [output] } : inNode);
    }
    return this.#compiled.get(name);
  }

  /** Whether a program is to be had. */
  has(program) {
    return spawnSync("sh", ["-c", `command -v ${program}`], { env: this.env }).status === 0;
  }

  /** Has the disk finish with what earlier rounds left, so that it does not count for the next. */
  settle() {
    spawnSync("sync", ["-f", this.root]);
  }

  #clear() {
    for (const group of this.#groups) signal(group, "SIGKILL");
    for (const directory of [this.root, this.run]) rmSync(directory, { recursive: true, force: true });
  }
}

function signal(group, name) {
  try {
    process.kill(-group, name);
  } catch {
    // Gone already.
  }
}
