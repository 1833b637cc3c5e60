import { basename } from "node:path";
import { reminder } from "../core/briefing/reminder.ts";
import { isoTime } from "../core/iso-time.ts";
import type { Paths } from "../paths.ts";
import { statIfThere } from "../store/identity.ts";
import { lockHolder } from "../store/lock-holder.ts";
import { countCall } from "./calls.ts";
import type { HookWorld } from "./consult.ts";
import type { HookEvent } from "./event.ts";
import type { Answer } from "./question.ts";
import { placeOf, type PlaceRecord, type SessionFiles, sessionFiles } from "./session.ts";

/** A state file that changed as recently as this was most likely changed by the tool call itself. */
const JUST_SAVED_MS = 5_000;

/** Where a harness names none: its calls count together. */
const NO_SESSION = "none";
/** Nothing is to be told. */
const NONE = { news: 0, all: 0 };

/**
 * After a tool call: counts it, and tells the agent every so many calls how old its own state file
 * is. Where that file has just been saved and no daemon runs, its state is pushed.
 *
 * @param every after how many calls since the file changed, or since the session began.
 */
export async function checkpoint(event: HookEvent, every: number, world: HookWorld): Promise<Answer> {
  const { paths, now } = world;
  const files = sessionFiles(paths, event.sessionId ?? NO_SESSION);
  const place = (await placeOf(files, event.cwd)) ?? (await foundPlace(event, files, world));
  const repo = place?.repo ?? null;
  if (repo === null || repo.readers === 0) return { text: null };
  const stats = await statIfThere(repo.stateFile);
  const changedMs = stats === undefined ? undefined : Number(stats.mtimeMs);
  const remark = await pushed(repo.name, changedMs, world);
  const calls = countCall(files.calls, { now, since: changedMs ?? 0, id: event.toolUseId });
  const isTime = calls !== undefined && calls > 0 && calls % every === 0;
  const text = isTime ? noteFor(repo, changedMs, calls, now) : null;
  return remark === undefined ? { text } : { text, remark };
}

async function foundPlace(
  { cwd, sessionId }: HookEvent,
  files: SessionFiles,
  world: HookWorld,
): Promise<PlaceRecord | undefined> {
  const { consult } = await import("./consult.ts");
  await consult({ kind: "place", directory: cwd, sessionId: sessionId ?? NO_SESSION, budgets: NONE }, world);
  return await placeOf(files, cwd);
}

/** @returns what went wrong, where something did. */
async function pushed(
  repo: string,
  changedMs: number | undefined,
  { paths, now, alone }: HookWorld,
): Promise<string | undefined> {
  const isJustSaved = changedMs !== undefined && Math.abs(now - changedMs) <= JUST_SAVED_MS;
  if (!isJustSaved || (await daemonRuns(paths))) return undefined;
  const faults = await (await alone()).push(repo);
  return faults.length === 0 ? undefined : faults.join("; ");
}

async function daemonRuns(paths: Paths): Promise<boolean> {
  // Most often there is none, and that is known without the lock, which is slow to load.
  if ((await lockHolder(paths))?.role !== "daemon") return false;
  const { runningDaemon } = await import("../store/lock.ts");
  return (await runningDaemon(paths)) !== undefined;
}

function noteFor(
  { name, stateFile, readers }: NonNullable<PlaceRecord["repo"]>,
  changedMs: number | undefined,
  calls: number,
  now: number,
): string {
  const changedAt = changedMs === undefined ? undefined : isoTime(changedMs);
  return reminder({ repo: name, stateFile: basename(stateFile), changedAt, calls, readers, now });
}
