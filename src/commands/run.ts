import { StartLimit } from "../daemon/crash-loop.ts";
import { type Daemon, startDaemon } from "../daemon/daemon.ts";
import { Supervisor } from "../daemon/supervisor.ts";
import { EXIT, type ExitCode, FaultError } from "../errors.ts";
import type { Level } from "../log/events.ts";
import { isOwnJournal } from "../log/journal-stream.ts";
import { type CommandContext, complain } from "./context.ts";
import { endForSure } from "./ending.ts";

/** A start that a hanging disk holds up is given this long after a signal to end it. */
const START_GRACE_MS = 3_000;

/** `run`: the daemon in the foreground, until a signal ends it. */
export async function run(options: { readonly level: Level }, context: CommandContext): Promise<ExitCode> {
  // Before anything else: a stop during the start is a stop, not a death.
  const stopSignal = firstSignal();
  void stopSignal.then(() => setTimeout(() => starting && endForSure(EXIT.ok), START_GRACE_MS).unref());
  let starting = true;
  let daemon: Daemon | undefined;
  const supervisor = Supervisor.from(process.env);
  // What is wrong with the config is in the log and in `status`.
  process.on("SIGHUP", () => void daemon?.reload().catch(() => undefined));
  const limit = await StartLimit.begin(context.paths);
  if (limit.refusal.length > 0) return leaveIt(context, limit.refusal);
  try {
    daemon = await startDaemon({
      paths: context.paths,
      level: options.level,
      terminal: context.stderr.isTTY ? context.stderr : undefined,
      supervisor,
      journal: isOwnJournal(),
      onLockLost: () => {
        daemon?.internalError(new Error("another process has taken the writer's lock"));
        process.exit(EXIT.failed);
      },
    });
  } catch (error) {
    // A supervisor that is told of a failure starts again, and again.
    const twice = error instanceof FaultError && error.fault.code === "DAEMON_RUNNING";
    if (twice && supervisor.kind !== undefined) {
      await limit.endedWell();
      // systemd takes an end without a word of readiness for a failure.
      await supervisor.tell("READY=1", `STATUS=${error.message}`);
      return leaveIt(context, [`${error.message}; leaving it to that one`]);
    }
    const left = await limit.failed(error);
    if (left === undefined) throw error;
    return leaveIt(context, left);
  } finally {
    starting = false;
  }
  const { stop, internalError } = daemon;
  const crash = (error: unknown): void => {
    internalError(error);
    process.exit(EXIT.failed);
  };
  process.on("uncaughtException", crash);
  process.on("unhandledRejection", crash);
  try {
    await stop(await stopSignal);
    await limit.endedWell();
  } finally {
    endForSure(EXIT.ok, supervisor.kind !== undefined);
  }
}

/** Ends so that no supervisor starts it again, and says why. */
function leaveIt(context: CommandContext, [first = "", ...others]: readonly string[]): ExitCode {
  for (const line of [`state-syncd: ${first}`, ...others]) complain(context, line);
  return EXIT.ok;
}

/** `npm run` and some shells deliver one ^C twice. */
const SAME_SIGNAL_MS = 500;

function firstSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let first: number | undefined;
    const tell = (signal: NodeJS.Signals): void => {
      const now = performance.now();
      // The second one is meant: somebody does not want to wait.
      if (first !== undefined && now - first > SAME_SIGNAL_MS) endForSure(EXIT.failed);
      first ??= now;
      resolve(signal);
    };
    process.on("SIGTERM", tell);
    process.on("SIGINT", tell);
  });
}
