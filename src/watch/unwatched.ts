import { type Fault, fault } from "../errors.ts";
import { protectionOf } from "../store/privacy.ts";
import type { Refusal, WatchMode } from "./watched-file.ts";

interface Unwatched {
  readonly path: string;
  readonly mode: WatchMode;
  readonly refusal: Refusal;
}

/** What to raise, by the code with which the system refuses a watch. */
const REMEDIES: ReadonlyMap<string, string> = new Map([
  ["ENOSPC", "raise fs.inotify.max_user_watches"],
  ["EMFILE", "raise fs.inotify.max_user_instances, or this process's limit of open files"],
  ["ENFILE", "raise fs.file-max, the system's limit of open files"],
]);

/**
 * The files that go without events, as faults: one a repo, and one for each file that is no repo's.
 *
 * @param files a repo's state file before its cache.
 */
export function unwatched(
  files: readonly Unwatched[],
  ownerOf: (path: string) => string | undefined,
): Fault[] {
  const told = new Map<string, Fault>();
  // Of a repo's two files the one that is not watched at all is the one to tell of.
  for (const file of [...files].sort((a, b) => rank(b.mode) - rank(a.mode))) {
    const repo = ownerOf(file.path);
    const key = repo ?? file.path;
    if (!told.has(key)) told.set(key, faultOf(file, repo));
  }
  return [...told.values()];
}

function rank(mode: WatchMode): number {
  return mode === "lost" ? 1 : 0;
}

function faultOf({ path, mode, refusal }: Unwatched, repo: string | undefined): Fault {
  const where = repo === undefined ? { path } : { path, repo };
  const done = mode === "polling" ? "is polled" : "is looked at only by the rescan";
  if (!refusal.isLimit) {
    const protection = protectionOf(path, refusal.code);
    const remedy = protection === undefined ? {} : { remedy: protection.remedy };
    return fault("WATCH_FAILED", `${path} ${done}: no events (${refusal.code})`, { ...where, ...remedy });
  }
  const message = `${path} ${done}: the system has no watches left (${refusal.code})`;
  const raise = REMEDIES.get(refusal.code);
  const remedy = raise === undefined ? {} : { remedy: `${capital(raise)}. Events come back by themselves.` };
  return fault("WATCH_LIMIT", message, { ...where, ...remedy });
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
