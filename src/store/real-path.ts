import { realpath } from "node:fs/promises";
import { Shared } from "../concurrently.ts";
import { systemCode } from "../errors.ts";

/** A disk that does not say by then where its links lead is taken at its word. */
const PATIENCE_MS = 2_000;

/** Of the whole process, as the threads are that a dead disk holds: it is asked once at a time. */
const asked = new Shared<string>();

/** A path with its links resolved; as it is where that cannot be done, or takes too long. */
export async function realpathOrSame(path: string): Promise<string> {
  return (await asked.ask(path, PATIENCE_MS, () => resolved(path))) ?? path;
}

async function resolved(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return path;
  }
}
