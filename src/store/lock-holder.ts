import { readFile } from "node:fs/promises";
import type { Paths } from "../paths.ts";
import { systemCode } from "../errors.ts";

/** Who holds the writer's lock, as it wrote of itself. */
export interface LockHolder {
  readonly pid: number;
  readonly role: "daemon" | "command";
  /** Where a daemon listens. */
  readonly socket?: string;
  readonly config: string;
}

/** Who holds the lock now; undefined where nobody does. Takes nothing. */
export async function lockHolder(paths: Paths): Promise<LockHolder | undefined> {
  let text: string;
  try {
    text = await readFile(paths.lockFile, "utf8");
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return undefined;
  }
  const holder = parseHolder(text);
  // What a killed process wrote stays in the file; its lock does not.
  return holder !== undefined && isAlive(holder.pid) ? holder : undefined;
}

function parseHolder(text: string): LockHolder | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isHolder(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isHolder(value: unknown): value is LockHolder {
  if (typeof value !== "object" || value === null) return false;
  if (!("pid" in value) || !("role" in value) || !("config" in value)) return false;
  return (
    typeof value.pid === "number" &&
    (value.role === "daemon" || value.role === "command") &&
    typeof value.config === "string" &&
    (!("socket" in value) || typeof value.socket === "string")
  );
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) === "EPERM";
  }
}
