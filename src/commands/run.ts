import { fstatSync } from "node:fs";
import { type Daemon, startDaemon } from "../daemon/daemon.ts";
import { EXIT, type ExitCode, FaultError } from "../errors.ts";
import type { Level } from "../log/events.ts";
import { type CommandContext, complain } from "./context.ts";

/** `run`: the daemon in the foreground, until a signal ends it. */
export async function run(options: { readonly level: Level }, context: CommandContext): Promise<ExitCode> {
  // Before anything else: a stop during the start is a stop, not a death.
  const stopSignal = firstSignal();
  const terminal = context.stderr.isTTY ? context.stderr : undefined;
  let daemon: Daemon;
  try {
    daemon = await startDaemon({ paths: context.paths, level: options.level, terminal });
  } catch (error) {
    // A supervisor that is told of a failure starts again, and again.
    const twice = error instanceof FaultError && error.fault.code === "DAEMON_RUNNING";
    if (!twice || !isSupervised()) throw error;
    complain(context, `state-syncd: ${error.message}; leaving it to that one`);
    return EXIT.ok;
  }
  const { stop, reload, internalError } = daemon;
  // What is wrong with the config is in the log and in `status`.
  process.on("SIGHUP", () => void reload().catch(() => undefined));
  const crash = (error: unknown): void => {
    internalError(error);
    process.exit(EXIT.failed);
  };
  process.on("uncaughtException", crash);
  process.on("unhandledRejection", crash);
  await stop(await stopSignal);
  // A disk that hangs must not keep a daemon alive that has let go of its lock.
  process.exit(EXIT.ok);
}

function firstSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let told = false;
    const tell = (signal: NodeJS.Signals): void => {
      // The second one is meant: somebody does not want to wait.
      if (told) process.exit(EXIT.failed);
      told = true;
      resolve(signal);
    };
    process.on("SIGTERM", tell);
    process.on("SIGINT", tell);
  });
}

/** Started by systemd (its journal is our stderr, or it waits for us to be ready) or by launchd. */
function isSupervised(): boolean {
  const { env } = process;
  if (env["NOTIFY_SOCKET"] !== undefined) return true;
  if ((env["XPC_SERVICE_NAME"] ?? "0") !== "0" && process.ppid === 1) return true;
  const { dev, ino } = fstatSync(2);
  return env["JOURNAL_STREAM"] === `${dev}:${ino}`;
}
