import { execFile } from "node:child_process";
import { systemCode } from "../errors.ts";

/** What a manager's tool answered. */
export interface Answer {
  /** 127 where there is no such tool, 124 where it did not answer in time. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A start waits until the daemon is ready, which dead disks may hold up; nothing takes longer. */
const MOST_MS = 150_000;

/** Runs a tool to its end, with words that do not depend on the user's language. Never rejects. */
export async function ask(tool: string, args: readonly string[], mostMs = MOST_MS): Promise<Answer> {
  return await new Promise((resolve) => {
    const env = { ...process.env, LC_ALL: "C", TZ: "UTC", SYSTEMD_COLORS: "0", SYSTEMD_PAGER: "" };
    const options = { env, timeout: mostMs, maxBuffer: 1 << 22, encoding: "utf8" } as const;
    execFile(tool, [...args], options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : codeOf(error), stdout, stderr: stderr.trim() });
    });
  });
}

function codeOf(error: Error & { readonly killed?: boolean; readonly code?: unknown }): number {
  if (error.killed === true) return 124;
  if (systemCode(error) !== undefined) return 127;
  return typeof error.code === "number" ? error.code : 1;
}
