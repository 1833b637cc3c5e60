import { userInfo } from "node:os";
import { isAbsolute, join, resolve } from "node:path";
import { FaultError, systemCode } from "./errors.ts";

/** Where state-syncd keeps its own things. The only paths besides caches that it ever writes. */
export interface Paths {
  /** The config file, absolute. */
  readonly config: string;
  /** False where nobody named a config and the default one is meant, or a running daemon's. */
  readonly configChosen: boolean;
  /** 0700; log, copies of replaced caches, the lock. */
  readonly stateDirectory: string;
  /** False where it is the default one, which a daemon has that systemd starts. */
  readonly stateChosen: boolean;
  readonly logFile: string;
  /** Is there where a daemon of this state directory has logged to the journal. */
  readonly journalMark: string;
  readonly copiesDirectory: string;
  /**
   * Held by whoever writes. In the state directory and not beside the socket: a session and a
   * cron job may disagree about XDG_RUNTIME_DIR, and two locks would be none.
   */
  readonly lockFile: string;
  readonly pauseFile: string;
  /** Counts the daemon's starts, where it has to limit them by itself. */
  readonly startsFile: string;
  /** 0700; the control socket. */
  readonly runDirectory: string;
  readonly socket: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * @param configOption the value of `--config`, relative to the current directory.
 */
export function locate(configOption: string | undefined, env: Environment = process.env): Paths {
  const home = homeOf(env);
  const defaultState = join(home, ".local", "state", "state-syncd");
  const stateHome = xdg(env["XDG_STATE_HOME"]);
  const stateDirectory = stateHome === undefined ? defaultState : join(stateHome, "state-syncd");
  const runtime = xdg(env["XDG_RUNTIME_DIR"]);
  const runDirectory = runtime === undefined ? join(stateDirectory, "run") : join(runtime, "state-syncd");
  const chosen = configOption ?? nonEmpty(env["STATE_SYNCD_CONFIG"]);
  const configHome = xdg(env["XDG_CONFIG_HOME"]) ?? join(home, ".config");
  return {
    config: chosen === undefined ? join(configHome, "state-syncd", "config.yaml") : resolve(chosen),
    configChosen: chosen !== undefined,
    stateDirectory,
    stateChosen: stateDirectory !== defaultState,
    journalMark: join(stateDirectory, "journal"),
    logFile: join(stateDirectory, "state-syncd.log"),
    copiesDirectory: join(stateDirectory, "copies"),
    lockFile: join(stateDirectory, "lock"),
    pauseFile: join(stateDirectory, "paused.json"),
    startsFile: join(stateDirectory, "starts.json"),
    runDirectory,
    socket: join(runDirectory, "control.sock"),
  };
}

/**
 * The user's home. A HOME that is empty or relative is none: what is kept there would be looked for,
 * and written, wherever somebody happens to be.
 *
 * @throws FaultError USAGE where the system knows none either, as of a number without a name in a container.
 */
export function homeOf(env: Environment): string {
  const home = xdg(env["HOME"]);
  if (home !== undefined) return home;
  try {
    return userInfo().homedir;
  } catch (cause) {
    if (systemCode(cause) === undefined) throw cause;
    throw new FaultError("USAGE", "this user has no home", { remedy: "Set HOME.", cause });
  }
}

/** The base directory specification has relative values ignored. */
function xdg(value: string | undefined): string | undefined {
  return value !== undefined && isAbsolute(value) ? value : undefined;
}

function nonEmpty(value: string | undefined): string | undefined {
  return value === undefined || value === "" ? undefined : value;
}
