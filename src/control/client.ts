import { setTimeout as delay } from "node:timers/promises";
import type { Paths } from "../paths.ts";
import { type Fault, FaultError, FAULTS, systemCode } from "../errors.ts";
import { MEANT_HEADER, NOT_MEANT_STATUS } from "./meant.ts";
import { bodyOf, request, type RequestOptions } from "./request.ts";

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
  const { lockHolder } = await import("../store/lock-holder.ts");
  const holder = await lockHolder(paths);
  if (holder?.socket === undefined || holder.socket === paths.socket) return undefined;
  return await send(holder.socket, paths, options);
}

async function send(socketPath: string, paths: Paths, options: ClientOptions): Promise<unknown> {
  // The clock is a module of its own in Node, and takes a millisecond to load.
  let deadline: number | undefined;
  for (;;) {
    try {
      return await sendOnce(socketPath, paths, options);
    } catch (error) {
      // So many want to be taken in at this moment that the system queues no more of them.
      if (systemCode(error) !== "EAGAIN") throw error;
      deadline ??= performance.now() + options.timeoutMs;
      if (performance.now() > deadline) throw unresponsive(options.timeoutMs);
      await delay(BUSY_MS);
    }
  }
}

/** Cut off in the middle: a daemon that is ending. All that is asked can be asked again. */
const GONE: ReadonlySet<string | undefined> = new Set([
  "ENOENT",
  "ECONNREFUSED",
  "ECONNRESET",
  "EPIPE",
  "ENOTDIR",
]);

async function sendOnce(
  socketPath: string,
  paths: Paths,
  { method, path, body, timeoutMs }: ClientOptions,
): Promise<unknown> {
  const text = await answered(socketPath, {
    method,
    path,
    headers: { [MEANT_HEADER]: encodeURIComponent(paths.stateDirectory) },
    body: body === undefined ? undefined : JSON.stringify(body),
    timeout: { ms: timeoutMs, error: () => unresponsive(timeoutMs) },
  });
  if (text === undefined) return undefined;
  const value = parseAnswer(text);
  const refused = faultIn(value);
  if (refused === undefined) return value;
  throw new FaultError(refused.code, refused.message, refused);
}

/** @returns undefined where nobody answers, or not to the end, or somebody who was not meant. */
async function answered(socketPath: string, options: RequestOptions): Promise<string | undefined> {
  try {
    const incoming = await request(socketPath, options);
    if (incoming === undefined) return undefined;
    const body = await bodyOf(incoming);
    return incoming.status === NOT_MEANT_STATUS ? undefined : body?.toString("utf8");
  } catch (error) {
    const code = systemCode(error);
    if (GONE.has(code)) return undefined;
    if (code === "EACCES" || code === "EPERM")
      throw new FaultError("DAEMON_REFUSED", `no permission for ${socketPath}`, { remedy: NOT_YOURS });
    throw error;
  }
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
