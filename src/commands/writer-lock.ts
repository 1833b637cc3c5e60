import type { Config } from "../config/load.ts";
import type { Paths } from "../paths.ts";
import { lockHolder } from "../store/lock-holder.ts";
import type { WriterLock } from "../store/lock.ts";
import type { CommandContext } from "./context.ts";

/** A command before this one, or a daemon that is just starting, gets this long. */
export const WAIT_MS = 30_000;

/** Does something short as the only process that writes; undefined where a daemon is, or comes up. */
export async function withWriterLock<T>(
  { paths }: CommandContext,
  config: Pick<Config, "file">,
  work: () => Promise<T>,
): Promise<T | undefined> {
  const lock = await acquireLock(paths, config);
  if (lock === undefined) return undefined;
  try {
    return await work();
  } finally {
    await lock.release();
  }
}

/** The same, for longer work: whoever has it lets it go. */
export async function acquireLock(
  paths: Paths,
  config: Pick<Config, "file">,
): Promise<WriterLock | undefined> {
  const { WriterLock: Lock } = await import("../store/lock.ts");
  const self = { pid: process.pid, role: "command", config: config.file } as const;
  const isDaemon = async (): Promise<boolean> => (await lockHolder(paths))?.role === "daemon";
  return await Lock.acquire(paths, self, WAIT_MS, isDaemon);
}
