import { readFile } from "node:fs/promises";
import { systemCode } from "../errors.ts";
import { identityAt } from "./identity.ts";
import { replaceFile } from "./replace.ts";
import type { WritablePath } from "./write-scope.ts";

/** The daemon's starts of late, for where nobody else limits how often it is started anew. */
export interface StartRecord {
  /** When those were that have not ended well since, in seconds since the machine came up. */
  readonly starts: readonly number[];
  /** Why it is not tried again; empty while it is. */
  readonly givenUp: string;
}

const NONE: StartRecord = { starts: [], givenUp: "" };

/** What has been recorded; nothing where the file is missing, out of reach or spoilt. */
export async function readStartRecord(path: string): Promise<StartRecord> {
  try {
    const value: unknown = JSON.parse(await readFile(path, "utf8"));
    return isRecord(value) ? value : NONE;
  } catch (error) {
    if (systemCode(error) === undefined && !(error instanceof SyntaxError)) throw error;
    return NONE;
  }
}

/** @throws the file system's error. */
export async function writeStartRecord(path: WritablePath, record: StartRecord): Promise<void> {
  await replaceFile(path, [Buffer.from(`${JSON.stringify(record)}\n`)], { basedOn: await identityAt(path) });
}

function isRecord(value: unknown): value is StartRecord {
  if (typeof value !== "object" || value === null || !("starts" in value) || !("givenUp" in value))
    return false;
  const { starts, givenUp } = value;
  return (
    Array.isArray(starts) && starts.every((each) => Number.isFinite(each)) && typeof givenUp === "string"
  );
}
