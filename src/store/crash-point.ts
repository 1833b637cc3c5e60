import { AsyncLocalStorage } from "node:async_hooks";
import { appendFileSync } from "node:fs";

/**
 * Every boundary of a write: the moments between two steps at which a process may be killed with
 * another result on the disk. `test/crash` kills it at each one, at each time it comes by.
 */
export const CRASH_POINTS = [
  // Any file that is put in the place of another: caches, copies, the pauses, the config.
  "replace.begun",
  "replace.opened",
  "replace.torn",
  "replace.filled",
  "replace.attributed",
  "replace.synced",
  "replace.renaming",
  "replace.renamed",
  "replace.done",
  // One turn of a cache.
  "turn.read",
  "turn.directory-ready",
  "turn.copied",
  "turn.replaced",
  // A copy of what a turn leaves out.
  "copy.begun",
  "copy.kept",
  "copy.pruned",
  // The writer's lock.
  "lock.taken",
  "lock.named",
  "lock.emptied",
  // What commands change.
  "pauses.saved",
  "config.locked",
  "config.edited",
  "config.directory-made",
  "config.created",
] as const;

export type CrashPoint = (typeof CRASH_POINTS)[number];

/** Set by the bundler: true in the bundle that `test/crash` runs, false in the one that is published. */
declare const __CRASH_POINTS__: boolean | undefined;

/**
 * Does nothing, and is not even there in the published bundle. In the bundle of the crash tests it
 * kills the process where `STATE_SYNCD_CRASH_AT` says so: `replace.renamed payments #2` is the
 * second time that payments' turns pass this point, and `lock.taken #1` the first time that it is
 * passed outside of turns. `STATE_SYNCD_CRASH_TRACE` names a file that gets a line for each point
 * that is passed: its name and whose turn it is.
 *
 * @param turn the repo whose turn begins here; what the turn does from now on is told by it.
 */
export function crashPoint(point: CrashPoint, turn?: string): void {
  if (typeof __CRASH_POINTS__ !== "undefined" && __CRASH_POINTS__) pass(point, turn);
}

/** What the disk is asked to take at once: everything, except in the bundle of the crash tests, which want a torn file. */
export function firstPart(chunks: Buffer[]): Buffer[] {
  return typeof __CRASH_POINTS__ !== "undefined" && __CRASH_POINTS__ ? halfOf(chunks) : chunks;
}

const passed = new Map<string, number>();
/** Turns run side by side; whose step it is, only the thread of calls can tell. */
let turns: AsyncLocalStorage<string> | undefined;

function pass(point: CrashPoint, turn: string | undefined): void {
  turns ??= newStorage();
  if (turn !== undefined) turns.enterWith(turn);
  const place = `${point} ${turns.getStore() ?? ""}`.trimEnd();
  const times = (passed.get(place) ?? 0) + 1;
  passed.set(place, times);
  const trace = process.env["STATE_SYNCD_CRASH_TRACE"];
  if (trace !== undefined) appendFileSync(trace, `${place}\n`);
  if (process.env["STATE_SYNCD_CRASH_AT"] !== `${place} #${times}`) return;
  process.kill(process.pid, "SIGKILL");
  // The kernel may let the call return first; not one step more may be made.
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

function newStorage(): AsyncLocalStorage<string> {
  const storage = new AsyncLocalStorage<string>();
  // Node follows who waits for whom only once it is used: at the first point, which is outside of turns.
  storage.run("", () => undefined);
  return storage;
}

/** Small files, and what is left of large ones, are not worth more kills. */
const WORTH_HALVING_BYTES = 1_024;

function halfOf(chunks: Buffer[]): Buffer[] {
  const whole = Buffer.concat(chunks);
  return whole.length < WORTH_HALVING_BYTES ? chunks : [whole.subarray(0, whole.length >> 1)];
}
