import { join } from "node:path";
import type { Paths } from "../paths.ts";
import { writable, type WritablePath } from "../store/write-scope.ts";
import { readJson, SESSIONS } from "./session.ts";

/** The last thing that went wrong in a hook. Its one line on stderr goes where hardly anybody looks. */
export interface HookFailure {
  /** ISO 8601. */
  readonly at: string;
  readonly hook: string;
  readonly message: string;
}

/** Remembers it, for `doctor`. */
export async function recordFailure(paths: Paths, failure: HookFailure): Promise<void> {
  const { writeJson } = await import("./session-write.ts");
  writeJson(fileOf(paths), new Map(Object.entries(failure)));
}

export function lastFailure(paths: Paths): HookFailure | undefined {
  const record = readJson(fileOf(paths));
  const [at, hook, message] = ["at", "hook", "message"].map((field) => record?.get(field));
  if (typeof at !== "string" || typeof hook !== "string" || typeof message !== "string") return undefined;
  return Number.isNaN(Date.parse(at)) ? undefined : { at, hook, message };
}

/** Beside the sessions' files, and swept with them. */
function fileOf(paths: Paths): WritablePath {
  return writable(join(paths.stateDirectory, SESSIONS, ".last-failure"), { registry: { repos: [] }, paths });
}
