import { spawn } from "node:child_process";
import { isJournal } from "../log/journal-stream.ts";
import { isLaunchdJob } from "../service/launchd-job.ts";

/**
 * Whoever has started the daemon and wants to know how it is: systemd, which gives it a socket to
 * tell (sd_notify(3)), or launchd, or nobody.
 *
 * Node cannot write to such a socket, so systemd's own tool does; NotifyAccess=all lets it. It
 * takes some 10 ms of another process a time.
 */
export class Supervisor {
  readonly kind: "systemd" | "launchd" | undefined;
  /** How often it wants to hear that the daemon lives, in milliseconds; undefined where it does not. */
  readonly watchdogMs: number | undefined;
  readonly #socket: string | undefined;
  #last: Promise<string | undefined> = Promise.resolve(undefined);

  private constructor(env: NodeJS.ProcessEnv) {
    this.#socket = env["NOTIFY_SOCKET"];
    this.watchdogMs = watchdogOf(env);
    if (this.#socket !== undefined || isJournal(env)) this.kind = "systemd";
    else if (isLaunchdJob(env, process.ppid)) this.kind = "launchd";
  }

  /**
   * Reads who it is from the environment, and takes it out: what the daemon starts must not speak
   * in its name.
   */
  static from(env: NodeJS.ProcessEnv): Supervisor {
    const supervisor = new Supervisor(env);
    for (const name of ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"]) delete env[name];
    return supervisor;
  }

  /** Whether there is anybody to tell. */
  get listens(): boolean {
    return this.#socket !== undefined;
  }

  /**
   * Tells it something, after what it was told before. Never rejects.
   *
   * @param assignments as in sd_notify(3): `READY=1`, `STATUS=...`.
   * @returns why it could not be told; undefined where it was, or where nobody listens.
   */
  async tell(...assignments: readonly string[]): Promise<string | undefined> {
    const socket = this.#socket;
    if (socket === undefined) return undefined;
    // A fork that fails for want of memory may go well a moment later.
    this.#last = this.#last.then(
      async () => (await notify(socket, assignments)) && (await notify(socket, assignments)),
    );
    return await this.#last;
  }
}

/** A message of which nobody has taken note by then is given up. */
const MOST_MS = 5_000;

/** @returns why it failed. */
async function notify(socket: string, assignments: readonly string[]): Promise<string | undefined> {
  return await new Promise((resolve) => {
    const env = { PATH: process.env["PATH"] ?? "/usr/bin:/bin", NOTIFY_SOCKET: socket };
    const child = spawn("systemd-notify", assignments.map(oneLine), {
      env,
      stdio: "ignore",
      timeout: MOST_MS,
    });
    child.on("error", (error) => resolve(error.message));
    child.on("exit", (code, signal) =>
      resolve(code === 0 ? undefined : `systemd-notify ended with ${code ?? signal}`),
    );
  });
}

/** A newline would begin another assignment. */
function oneLine(assignment: string): string {
  return assignment.replaceAll(/\s+/g, " ");
}

function watchdogOf(env: NodeJS.ProcessEnv): number | undefined {
  const { WATCHDOG_USEC: usec, WATCHDOG_PID: pid } = env;
  if (usec === undefined || (pid !== undefined && Number(pid) !== process.pid)) return undefined;
  const milliseconds = Number(usec) / 1_000;
  return Number.isFinite(milliseconds) && milliseconds > 0 ? milliseconds : undefined;
}
