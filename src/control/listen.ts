import { createInterface } from "node:readline";
import type { Paths } from "../paths.ts";
import { systemCode } from "../errors.ts";
import { lockHolder } from "../store/lock-holder.ts";
import { MEANT_HEADER, NOT_MEANT_STATUS } from "./meant.ts";
import { type Incoming, request } from "./request.ts";

/** A fact as the daemon tells it while it happens. What else it holds depends on the event. */
export interface Fact {
  /** ISO 8601. */
  readonly time: string;
  readonly event: string;
  readonly [field: string]: unknown;
}

export interface Listener {
  /** The daemon has taken us in. */
  readonly onOpen: () => void;
  readonly onFact: (fact: Fact) => void;
}

/**
 * Listens to the running daemon of this state directory.
 *
 * @returns when it has ended, when none runs, and when the signal says so.
 */
export async function listen(paths: Paths, listener: Listener, signal: AbortSignal): Promise<void> {
  if (await listenAt(paths.socket, paths, listener, signal)) return;
  // As when it is asked: one that was started with another XDG_RUNTIME_DIR listens elsewhere.
  const holder = await lockHolder(paths);
  if (holder?.socket === undefined || holder.socket === paths.socket) return;
  await listenAt(holder.socket, paths, listener, signal);
}

async function listenAt(
  socketPath: string,
  paths: Paths,
  listener: Listener,
  signal: AbortSignal,
): Promise<boolean> {
  const incoming = await open(socketPath, paths, signal);
  if (incoming === undefined) return false;
  const { socket, status } = incoming;
  if (status !== 200) {
    socket.destroy();
    return status !== NOT_MEANT_STATUS;
  }
  listener.onOpen();
  try {
    for await (const line of createInterface({ input: socket })) {
      const fact = parseFact(line);
      if (fact !== undefined) listener.onFact(fact);
    }
  } catch (error) {
    // However it ended, it has ended.
    if (systemCode(error) === undefined) throw error;
  }
  return true;
}

async function open(socketPath: string, paths: Paths, signal: AbortSignal): Promise<Incoming | undefined> {
  const headers = { [MEANT_HEADER]: encodeURIComponent(paths.stateDirectory) };
  try {
    return await request(socketPath, { method: "GET", path: "/events", headers, signal });
  } catch {
    return undefined;
  }
}

function parseFact(line: string): Fact | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isFact(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isFact(value: unknown): value is Fact {
  return (
    typeof value === "object" &&
    value !== null &&
    "event" in value &&
    typeof value.event === "string" &&
    "time" in value &&
    typeof value.time === "string"
  );
}
