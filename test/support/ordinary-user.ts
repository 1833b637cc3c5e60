import { execFileSync, spawn } from "node:child_process";
import { eventually } from "./eventually.ts";
import { Daemon, type Ran, SCRIPT, type Workspace } from "./workspace.ts";

export const isRoot = process.getuid?.() === 0;

export interface User {
  readonly uid: number;
  readonly gid: number;
  /** Further groups that the user is in. */
  readonly groups?: readonly number[];
}

const SOMEBODY: User = { uid: 1000, gid: 1000 };

/**
 * Runs the program as a user whom permissions bind, for where the tests run as root: that one may
 * read and write everything. Elsewhere, as whoever runs the tests.
 */
export class OrdinaryUser {
  readonly #workspace: Workspace;
  readonly #user: User;

  /** The workspace becomes the user's own. */
  constructor(workspace: Workspace, user: User = SOMEBODY) {
    this.#workspace = workspace;
    this.#user = user;
    if (isRoot) execFileSync("chown", ["-R", `${user.uid}:${user.gid}`, workspace.root]);
  }

  /** Starts a process without waiting for anything. It ends with the workspace, if not before. */
  spawn(args: readonly string[]): Daemon {
    const { uid, gid, groups } = this.#user;
    const others = groups === undefined ? ["--clear-groups"] : ["--groups", groups.join()];
    const become = isRoot ? ["setpriv", "--reuid", `${uid}`, "--regid", `${gid}`, ...others] : [];
    const [command = "", ...rest] = [...become, process.execPath, SCRIPT, ...args];
    const { root: cwd, env } = this.#workspace;
    return this.#workspace.adopt(
      new Daemon(spawn(command, rest, { cwd, env, stdio: ["ignore", "pipe", "pipe"] })),
    );
  }

  /** Runs a command to its end. */
  async run(args: readonly string[]): Promise<Ran> {
    const process = this.spawn(args);
    const code = await process.end();
    return { code, stdout: process.stdout, stderr: process.stderr };
  }

  /** Starts the daemon and waits until everything was reconciled once. */
  async startDaemon(): Promise<Daemon> {
    const daemon = this.spawn(["run"]);
    await eventually("the daemon to be ready", async () => {
      if (daemon.ended) throw new Error(`it ended: ${daemon.stderr}`);
      return (await this.#workspace.log()).some((line) => line["event"] === "daemon.ready");
    });
    return daemon;
  }
}
