import { execFile } from "node:child_process";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { delimiter } from "node:path";
import { eventually } from "./eventually.ts";
import type { Behaviour, Reply } from "./launchd-server.ts";
import { bundleProgram, Program } from "./temp-dir.ts";

/** Any: there is no launchd that would mind. */
export const UID = 501;

/**
 * A launchd of the test's own with its `launchctl`, a real executable that refuses what the real
 * one refuses, as far as that is known. The jobs are real processes; none is left in the end.
 */
export class FakeLaunchd {
  readonly #program: Program;
  readonly #tool: string;

  private constructor(program: Program, tool: string) {
    this.#program = program;
    this.#tool = tool;
  }

  /** @param options.directory is short: a socket is made in it. */
  static async start(
    options: { readonly directory: string } & Partial<Omit<Behaviour, "socket" | "domain">>,
  ): Promise<FakeLaunchd> {
    const { directory, ...others } = options;
    const behaviour: Behaviour = {
      socket: join(directory, "launchd.sock"),
      domain: `gui/${UID}`,
      environment: {},
      throttleMs: 300,
      exitMs: 5_000,
      drainMs: 0,
      noSuch: 3,
      terse: false,
      ...others,
    };
    const bin = join(directory, "bin");
    await mkdir(bin, { recursive: true });
    const server = await bundleProgram(directory, "launchd", 'import "./test/support/launchd-server.ts";');
    const tool = join(bin, "launchctl");
    await writeFile(tool, launchctl(behaviour.socket));
    await chmod(tool, 0o755);
    const program = new Program(process.execPath, [server, JSON.stringify(behaviour)]);
    const fake = new FakeLaunchd(program, tool);
    await eventually("launchd to be there", () => program.lines.includes("ready"));
    return fake;
  }

  /** A PATH on which its `launchctl` is the first. */
  get path(): string {
    return [join(this.#tool, ".."), process.env["PATH"] ?? ""].join(delimiter);
  }

  /** Runs its `launchctl`. */
  async ctl(...args: readonly string[]): Promise<Reply> {
    return await new Promise((resolve) => {
      execFile(this.#tool, [...args], (error, stdout, stderr) => {
        resolve({ code: typeof error?.code === "number" ? error.code : 0, stdout, stderr });
      });
    });
  }

  /** Every process that it has ever started. */
  async pids(): Promise<number[]> {
    return JSON.parse((await this.ctl("pids")).stdout);
  }

  /** Ends it with all its jobs. @throws Error where a process of theirs lives on. */
  async end(): Promise<void> {
    const pids = await this.pids();
    this.#program.finish();
    await this.#program.end();
    const left = pids.filter(isAlive);
    for (const pid of left) process.kill(pid, "SIGKILL");
    if (left.length > 0) throw new Error(`left running: ${left.join(", ")}`);
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Without an ending or a package around it this is CommonJS, to every Node. */
function launchctl(socket: string): string {
  return `#!${process.execPath}
const connection = require("node:net").connect(${JSON.stringify(socket)});
connection.end(JSON.stringify(process.argv.slice(2)));
let text = "";
connection.on("data", (chunk) => (text += chunk));
connection.on("end", () => {
  const { code, stdout, stderr } = JSON.parse(text);
  process.stdout.write(stdout);
  process.stderr.write(stderr);
  process.exitCode = code;
});
`;
}
