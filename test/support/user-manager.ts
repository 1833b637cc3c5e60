import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  accessSync,
  chownSync,
  constants,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { createInterface } from "node:readline";
import type { Ran } from "./workspace.ts";

const UID = 4242;
const USER = "tester";

/** Why there can be no user manager for tests here; undefined where there can. */
export function whyNoUserManager(): string | undefined {
  if (process.platform !== "linux" || process.getuid?.() !== 0)
    return "needs root, to set it up in namespaces";
  for (const program of ["/lib/systemd/systemd", "/lib/systemd/systemd-journald"])
    if (!existsSync(program)) return `needs ${program}`;
  const tried = spawnSync(
    "unshare",
    ["--mount", "--pid", "--cgroup", "--fork", "sh", "-c", "mount -t cgroup2 none /sys/fs/cgroup"],
    { encoding: "utf8" },
  );
  return tried.status === 0
    ? undefined
    : `needs namespaces and cgroups: ${tried.stderr}${tried.error?.message ?? ""}`;
}

/**
 * A real user manager of systemd with a journal, for an ordinary user with an empty home, and the
 * program installed where that user can read it. Ends with the test that started it.
 */
export class UserManager {
  /** The user's home, as the user sees it. */
  readonly home = `/home/${USER}`;
  /** What the user calls to run the program. */
  readonly program: readonly [node: string, script: string];
  readonly #process: ChildProcess;
  readonly #pid: number;

  private constructor(process: ChildProcess, pid: number) {
    this.#process = process;
    this.#pid = pid;
    this.program = this.#install(join(this.home, ".local"));
  }

  static async start(): Promise<UserManager> {
    const script = resolve("test/support/user-manager.sh");
    const process = spawn(
      "unshare",
      ["--mount", "--propagation", "private", "bash", script, "outside", `${UID}`, USER],
      { stdio: ["pipe", "pipe", "pipe"] },
    );
    let complaints = "";
    process.stderr.on("data", (chunk: Buffer) => (complaints += chunk.toString()));
    let pid = 0;
    for await (const line of createInterface(process.stdout)) {
      if (line.startsWith("inside ")) pid = Number(line.slice("inside ".length));
      if (line === "ready") return new UserManager(process, pid);
    }
    throw new Error(`no user manager: ${complaints}`);
  }

  /** A path of the user's, as this process sees it. */
  outside(path: string): string {
    return join(`/proc/${this.#pid}/root`, path);
  }

  /** Writes a file of the user's, with its directories. */
  write(path: string, content: string): void {
    const file = this.outside(path);
    makeOwned(dirname(file));
    writeFileSync(file, content);
    chownSync(file, UID, UID);
  }

  read(path: string): string {
    return readFileSync(this.outside(path), "utf8");
  }

  exists(path: string): boolean {
    return existsSync(this.outside(path));
  }

  /** Runs something as the user, to its end. */
  async run(
    command: string,
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): Promise<Ran> {
    return await ended(this.spawn(command, args, env));
  }

  /** Starts something as the user. */
  spawn(command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): ChildProcess {
    const environment = {
      HOME: this.home,
      USER,
      LOGNAME: USER,
      LANG: "C.UTF-8",
      PATH: "/usr/local/bin:/usr/bin:/bin",
      XDG_RUNTIME_DIR: `/run/user/${UID}`,
      DBUS_SESSION_BUS_ADDRESS: `unix:path=/run/user/${UID}/bus`,
      ...env,
    };
    const asUser = ["--reuid", `${UID}`, "--regid", `${UID}`, "--clear-groups"];
    return this.#inside("setpriv", [...asUser, "env", `--chdir=${this.home}`, command, ...args], environment);
  }

  /** Runs something there that the user may not do, to its end. */
  async asRoot(command: string, args: readonly string[]): Promise<Ran> {
    return await ended(this.#inside(command, args, { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" }));
  }

  #inside(command: string, args: readonly string[], env: NodeJS.ProcessEnv): ChildProcess {
    const where = ["--target", `${this.#pid}`, "--mount", "--pid", "--cgroup"];
    return spawn("nsenter", [...where, command, ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
  }

  /** Runs the program as the user. */
  async syncd(...args: readonly string[]): Promise<Ran> {
    const [node, script] = this.program;
    return await this.run(node, [script, ...args]);
  }

  async systemctl(...args: readonly string[]): Promise<Ran> {
    return await this.run("systemctl", ["--user", "--no-pager", ...args]);
  }

  /** One property of a unit. */
  async property(name: string, unit = "state-syncd.service"): Promise<string> {
    return (await this.systemctl("show", unit, "--property", name, "--value")).stdout.trim();
  }

  /** What the journal holds of a unit, a record each. */
  async journal(unit = "state-syncd.service"): Promise<Record<string, unknown>[]> {
    const { stdout } = await this.run("journalctl", ["--user-unit", unit, "-o", "json", "--no-pager"]);
    return stdout
      .split("\n")
      .filter((line) => line !== "")
      .map((line): Record<string, unknown> => JSON.parse(line));
  }

  /** The last of what the journal holds of the service, as text. */
  async said(): Promise<string> {
    return (await this.run("journalctl", ["--user-unit", "state-syncd.service", "--no-pager", "-n", "20"]))
      .stdout;
  }

  async stop(): Promise<void> {
    this.#process.stdin?.end();
    if (this.#process.exitCode === null && this.#process.signalCode === null)
      await once(this.#process, "exit");
  }

  /** The program with what it needs, as `npm install --global` lays it out, and a node that the user may run. */
  #install(prefix: string): [string, string] {
    const outside = this.outside(prefix);
    const root = join(outside, "lib", "node_modules", "state-syncd");
    cpSync(process.env["STATE_SYNCD_TEST_BUNDLE"] ?? "dist", join(root, "dist"), { recursive: true });
    for (const name of ["package.json", "systemd", "launchd"])
      cpSync(name, join(root, name), { recursive: true });
    copyPackage("fs-native-extensions", join(root, "node_modules"));
    mkdirSync(join(outside, "bin"));
    symlinkSync("../lib/node_modules/state-syncd/dist/state-syncd.cjs", join(outside, "bin", "state-syncd"));
    if (!isForEverybody(process.execPath)) cpSync(process.execPath, join(outside, "bin", "node"));
    execFileSync("chown", ["-R", `${UID}:${UID}`, outside]);
    const node = isForEverybody(process.execPath) ? process.execPath : join(prefix, "bin", "node");
    return [node, join(prefix, "bin", "state-syncd")];
  }
}

async function ended(child: ChildProcess): Promise<Ran> {
  const output = { stdout: "", stderr: "" };
  child.stdout?.on("data", (chunk: Buffer) => (output.stdout += chunk.toString()));
  child.stderr?.on("data", (chunk: Buffer) => (output.stderr += chunk.toString()));
  await once(child, "close");
  return { code: child.exitCode, ...output };
}

/** A package with all that it depends on. */
function copyPackage(name: string, into: string): void {
  const from = join("node_modules", name);
  const to = join(into, name);
  if (existsSync(to) || !existsSync(from)) return;
  cpSync(from, to, { recursive: true });
  const manifest: { readonly dependencies?: Record<string, string> } = JSON.parse(
    readFileSync(join(from, "package.json"), "utf8"),
  );
  for (const dependency of Object.keys(manifest.dependencies ?? {})) copyPackage(dependency, into);
}

function isForEverybody(file: string): boolean {
  for (let path = file; path !== dirname(path); path = dirname(path))
    if ((statSync(path).mode & 0o005) !== 0o005) return false;
  // What is below these is hidden from the user.
  return !["/home/", "/run/", "/root/"].some((hidden) => file.startsWith(hidden));
}

function makeOwned(directory: string): void {
  try {
    accessSync(directory, constants.F_OK);
  } catch {
    makeOwned(dirname(directory));
    mkdirSync(directory);
    chownSync(directory, UID, UID);
  }
}
