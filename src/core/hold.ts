/** Why a readable state file is not passed on yet. The peers keep its last good state meanwhile. */
export type Hold = "empty" | "conflict";

const LF = 0x0a;
const OURS = "<<<<<<< ";
const BASE = "=======";
const THEIRS = ">>>>>>> ";

/**
 * @returns why the content should wait, or undefined where it is good. Blank counts as empty:
 *   an editor or a shell's `>` truncates before it writes.
 */
export function holdOf(body: Buffer): Hold | undefined {
  if (isBlank(body)) return "empty";
  return hasConflict(body) ? "conflict" : undefined;
}

/** A rebase that waits for its user may wait for days: a look at it costs next to nothing, but not nothing. */
const MIDWAY_MS = 5_000;

/**
 * How soon a state file that waits is looked at again without being told, in milliseconds.
 *
 * @param code the fault that has it wait.
 * @param waitMs the quiet time that ends a burst.
 * @returns undefined where a change of the file will tell.
 */
export function relookMs(code: string | undefined, waitMs: number): number | undefined {
  switch (code) {
    case "STATE_FILE_UNSETTLED":
    case "STATE_FILE_GIT_BUSY":
      return waitMs;
    case "STATE_FILE_GIT_MIDWAY":
      return Math.max(waitMs, MIDWAY_MS);
    default:
      return undefined;
  }
}

function isBlank(body: Buffer): boolean {
  for (const byte of body) if (byte !== 0x20 && byte !== LF && byte !== 0x0d && byte !== 0x09) return false;
  return true;
}

/**
 * The three marks of a git conflict at the starts of lines, in their order. One alone is not a
 * conflict (a row of equals signs underlines a heading), and neither is an example in a fence.
 */
function hasConflict(body: Buffer): boolean {
  if (!body.includes(OURS)) return false;
  const awaited = [OURS, BASE, THEIRS];
  let fence: string | undefined;
  for (const line of body.toString("latin1").split("\n")) {
    const mark = /^ {0,3}(`{3,}|~{3,})/.exec(line)?.[1];
    if (mark !== undefined) {
      if (fence === undefined) fence = mark;
      else if (mark.startsWith(fence)) fence = undefined;
    }
    const next = awaited[0];
    if (fence === undefined && next !== undefined && line.startsWith(next)) awaited.shift();
  }
  return awaited.length === 0;
}
