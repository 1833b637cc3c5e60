import { readdirSync, statSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { systemCode } from "../errors.ts";
import type { Paths } from "../paths.ts";
import { writable, type WritablePath } from "../store/write-scope.ts";
import { SESSIONS } from "./session.ts";

/** A session that was resumed after so long is told everything anew, which does no harm. */
const KEPT_MS = 14 * 86_400_000;
/** What was prepared, and has not been heard by now, nobody confirms any more. */
const UNHEARD_MS = 3_600_000;
const UNHEARD = /\.state-syncd-tmp$|\.started-[A-Za-z]+-\d+-\d+$/;
/** The agent waits: the rest is for another session's start, which begins at another place. */
const MOST_AT_ONCE = 500;

/** Removes what is remembered of sessions that ended long ago. */
export function sweepSessions(paths: Paths, now: number): void {
  const directory = join(paths.stateDirectory, SESSIONS);
  try {
    const names = readdirSync(directory);
    const first = now % Math.max(1, names.length);
    for (const name of [...names.slice(first), ...names.slice(0, first)].slice(0, MOST_AT_ONCE))
      sweep(writable(join(directory, name), { registry: { repos: [] }, paths }), now);
  } catch (error) {
    // There is none yet.
    if (systemCode(error) === undefined) throw error;
  }
}

function sweep(file: WritablePath, now: number): void {
  try {
    const keptMs = UNHEARD.test(file) ? UNHEARD_MS : KEPT_MS;
    if (now - statSync(file).mtimeMs > keptMs) unlinkSync(file);
  } catch (error) {
    // Another hook was faster, or somebody has made a directory there.
    if (systemCode(error) === undefined) throw error;
  }
}
