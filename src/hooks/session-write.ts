import { renameSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { temporaryFor } from "../store/temporary.ts";
import type { WritablePath } from "../store/write-scope.ts";
import { makeSessions, type PlaceRecord, readJson, type SessionFiles, type ToldRecord } from "./session.ts";

/*
 * Apart from the reading, which is all that most events take: a name for a temporary takes a module
 * of Node's that is slow to load.
 */

/** A session wanders through a few directories. */
const MOST_PLACES = 64;

/**
 * Writes what a session will have been told, beside what it has been told so far.
 *
 * @returns the name by which `confirmTold` finds it.
 */
export function prepareTold(files: SessionFiles, repo: string, told: ToldRecord): string {
  return basename(writeBeside(files.told, new Map([...(readJson(files.told) ?? []), [repo, told]])));
}

export function writePlace(files: SessionFiles, directory: string, place: PlaceRecord): void {
  const others = [...(readJson(files.places) ?? [])].filter(([name]) => name !== directory);
  writeJson(files.places, new Map([...others.slice(1 - MOST_PLACES), [directory, place]]));
}

export function writeJson(file: WritablePath, value: ReadonlyMap<string, unknown>): void {
  renameSync(writeBeside(file, value), file);
}

function writeBeside(file: WritablePath, value: ReadonlyMap<string, unknown>): string {
  makeSessions(file);
  const temporary = temporaryFor(file);
  writeFileSync(temporary, JSON.stringify(Object.fromEntries(value)), { mode: 0o600, flag: "wx" });
  return temporary;
}
