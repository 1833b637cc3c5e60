import { closeSync, constants, openSync, statSync } from "node:fs";
import { systemCode } from "../errors.ts";
import type { HookEvent } from "./event.ts";
import { makeSessions, type SessionFiles } from "./session.ts";
import { shortMark } from "./short-mark.ts";

/** Hooks that stand in two settings are called side by side; a session does not start twice so soon for one reason. */
const SPAN_MS = 1_000;

/**
 * Whether this is the first hook that is called for a session's start: of two, for hooks that stand
 * in the user's settings and in the repo's, one is enough.
 *
 * @param now milliseconds since the epoch.
 */
export function isFirstCall(files: SessionFiles, { source = "start", cwd }: HookEvent, now: number): boolean {
  const span = Math.floor(now / SPAN_MS);
  // Some harness may call every session alike.
  const fileOf = (which: number) => files.started(`${source}-${shortMark(cwd)}-${which}`);
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
  try {
    makeSessions(fileOf(span));
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    // Where nothing can be written, twice is better than never.
    return true;
  }
  try {
    closeSync(openSync(fileOf(span), flags, 0o600));
  } catch (error) {
    const code = systemCode(error);
    if (code === undefined) throw error;
    return code !== "EEXIST";
  }
  return !isYoung(fileOf(span - 1), now);
}

/** The other one may have come at the end of the span before. */
function isYoung(file: string, now: number): boolean {
  try {
    return now - statSync(file).mtimeMs < SPAN_MS;
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return false;
  }
}
