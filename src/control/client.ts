import { performance } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import type { Paths } from "../paths.ts";
import { type Fault, FaultError, FAULTS, systemCode } from "../errors.ts";
import { lockHolder } from "../store/lock-holder.ts";
import { MEANT_HEADER, NOT_MEANT_STATUS } from "./meant.ts";

/** Its log, to which the table points, is as closed as its socket. */
const NOT_YOURS =
  "The daemon there is another user's: run this as that user. After `su`, unset XDG_RUNTIME_DIR, which still names the other one's directory.";

export interface ClientOptions {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly body?: unknown;
  /** How long the daemon may take, in milliseconds. */
  readonly timeoutMs: number;
}

/** When to try again where too many are asking. */
const BUSY_MS = 50;

/** A syncing daemon answers when the slowest disk is done; an asked one at once. */
export const WORK_TIMEOUT_MS = 120_000;
export const ASK_TIMEOUT_MS = 10_000;

/**
 * Asks the running daemon of this state directory. Another one may listen on the same socket,
 * where two environments share a run directory: it says so, and counts as none.
 *
 * @returns the answer's JSON, or undefined where no daemon runs.
 * @throws FaultError the daemon's own, or DAEMON_UNRESPONSIVE.
 */
export async function ask(paths: Paths, options: ClientOptions): Promise<unknown> {
  const answer = await send(paths.socket, paths, options);
  if (answer !== undefined) return answer;
  // A daemon that was started with another XDG_RUNTIME_DIR listens elsewhere; the lock tells.
  const holder = await lockHolder(paths);
  if (holder?.socket === undefined || holder.socket === paths.socket) return undefined;
  return await send(holder.socket, paths, options);
}

async function send(socketPath: string, paths: Paths, options: ClientOptions): Promise<unknown> {
  const deadline = performance.now() + options.timeoutMs;
  for (;;) {
    try {
      return await sendOnce(socketPath, paths, options);
    } catch (error) {
      // So many want to be taken in at this moment that the system queues no more of them.
      if (systemCode(error) !== "EAGAIN") throw error;
      if (performance.now() > deadline) throw unresponsive(options.timeoutMs);
      await delay(BUSY_MS);
    }
  }
}

async function sendOnce(socketPath: string, paths: Paths, options: ClientOptions): Promise<unknown> {
  // What a hook mostly has to say, it says without asking anybody.
  const { request } = await import("node:http");
  const body = options.body === undefined ? undefined : JSON.stringify(options.body);
  return await new Promise<unknown>((resolve, reject) => {
    const details = {
      socketPath,
      method: options.method,
      path: options.path,
      headers: { [MEANT_HEADER]: encodeURIComponent(paths.stateDirectory) },
      timeout: options.timeoutMs,
      // Else Node looks whether the host's name is an address, with a pattern that takes five milliseconds to be made.
      servername: "",
    };
    const outgoing = request(details);
    outgoing.on("timeout", () => outgoing.destroy(unresponsive(options.timeoutMs)));
    outgoing.on("error", (error) => {
      const code = systemCode(error);
      // Cut off in the middle: a daemon that is ending. All that is asked can be asked again.
      const gone = ["ENOENT", "ECONNREFUSED", "ECONNRESET", "EPIPE", "ENOTDIR"];
      if (code !== undefined && gone.includes(code)) resolve(undefined);
      else if (code === "EACCES" || code === "EPERM")
        reject(new FaultError("DAEMON_REFUSED", `no permission for ${socketPath}`, { remedy: NOT_YOURS }));
      else reject(error);
    });
    outgoing.on("response", (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      // The same in the middle of its answer.
      response.on("error", (error) => {
        if (systemCode(error) === "ECONNRESET") resolve(undefined);
        else reject(error);
      });
      response.on("end", () => {
        if (response.statusCode === NOT_MEANT_STATUS) {
          resolve(undefined);
          return;
        }
        const value = parseAnswer(Buffer.concat(chunks).toString("utf8"));
        const refused = faultIn(value);
        if (refused === undefined) resolve(value);
        else reject(new FaultError(refused.code, refused.message, refused));
      });
    });
    outgoing.end(body);
  });
}

function unresponsive(timeoutMs: number): FaultError {
  return new FaultError("DAEMON_UNRESPONSIVE", `the daemon did not answer within ${timeoutMs / 1000} s`);
}

function parseAnswer(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function faultIn(value: unknown): Fault | undefined {
  if (typeof value !== "object" || value === null || !("fault" in value)) return undefined;
  const { fault } = value;
  return isFault(fault) ? fault : undefined;
}

function isFault(value: unknown): value is Fault {
  return (
    typeof value === "object" &&
    value !== null &&
    "code" in value &&
    "message" in value &&
    typeof value.code === "string" &&
    Object.hasOwn(FAULTS, value.code)
  );
}
