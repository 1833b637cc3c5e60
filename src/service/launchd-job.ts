import { join } from "node:path";
import { LABEL } from "./plist.ts";

/**
 * Whether this process is a job of launchd's. What a job starts has its variable as well, and so
 * have the shells in a terminal's window, which is an application's job: `0`, or `application.` and more.
 *
 * @param parent the parent's process id.
 */
export function isLaunchdJob(env: Readonly<Record<string, string | undefined>>, parent: number): boolean {
  const name = env["XPC_SERVICE_NAME"] ?? "0";
  if (name === LABEL) return true;
  return name !== "0" && !name.startsWith("application.") && parent === 1;
}

/** What takes a job's stdout and stderr. Not in a directory of its own: launchd makes none. */
export function outputFile(home: string): string {
  return join(home, "Library", "Logs", "state-syncd.log");
}
