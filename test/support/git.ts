import { type ChildProcess, execFileSync, spawn } from "node:child_process";

const WHO = ["-c", "user.name=t", "-c", "user.email=t@t", "-c", "protocol.file.allow=always"];

/** Git in one working tree, where nobody's own configuration can change what it does. */
export class Git {
  readonly #workTree: string;
  readonly #env: NodeJS.ProcessEnv;

  /** @param home a directory that stands for the user's. */
  constructor(workTree: string, home: string, env: NodeJS.ProcessEnv = {}) {
    this.#workTree = workTree;
    const { PATH } = process.env;
    this.#env = { PATH, HOME: home, GIT_CONFIG_NOSYSTEM: "1", GIT_EDITOR: "true", ...env };
  }

  /**
   * Runs it to its end.
   *
   * @throws Error where it fails; a rebase that stops at a conflict does.
   */
  run(...args: readonly string[]): string {
    const options = { cwd: this.#workTree, env: this.#env, stdio: "pipe" } as const;
    return execFileSync("git", [...WHO, ...args], options)
      .toString()
      .trim();
  }

  /** Starts it beside what the test goes on to do. */
  start(...args: readonly string[]): ChildProcess {
    return spawn("git", [...WHO, ...args], { cwd: this.#workTree, env: this.#env, stdio: "ignore" });
  }
}
