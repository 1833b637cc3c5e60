/**
 * Every fault that the program can name, in one table: what the code means and what to do about
 * it. A fault is data (code, message, remedy, path); only what a command cannot survive is thrown.
 */
export const FAULTS = {
  CONFIG_MISSING: "Run `state-syncd init --scan <directory of your repos>` to write one.",
  CONFIG_INVALID: "Correct the places named above; `state-syncd config check` tells when it is right.",
  CONFIG_UNREADABLE: "Make the file readable for your user.",
  CONFIG_EXISTS: "Add repos to it with `state-syncd repos add <path>`.",
  CONFIG_UNWRITABLE: "Make the config file and its directory writable for your user.",
  USAGE: "See `state-syncd --help`.",
  REPO_UNKNOWN: "Register it with `state-syncd repos add <path>`, or name one that is registered.",
  REPO_PASSIVE:
    "A passive repo is neither read nor written. Change its role in the config to share its state.",
  REPO_REGISTERED: "There is nothing to do.",
  PEER_UNKNOWN: "`state-syncd repos list` tells who is who; peers share a group, and publish.",
  REPO_EXISTS: "Choose another name with `--name`, or remove the other first.",
  REPO_MISSING: "Mount or restore the directory, or remove the repo with `state-syncd repos remove <name>`.",
  STATE_FILE_MISSING: "Write the file, or name another with `stateFile:` in the config.",
  STATE_FILE_UNREADABLE: "Make the file and its directories readable for your user.",
  STATE_FILE_PRIVACY:
    "macOS keeps the daemon out of the place. Grant Full Disk Access to the node that runs it, under System Settings > Privacy & Security, and restart it.",
  STATE_FILE_NOT_REGULAR: "Only a regular file is read. Put one in its place.",
  STATE_FILE_OUTSIDE: "The file leads out of its repo. Replace the link with a file inside the repo.",
  STATE_FILE_TOO_LARGE: "Prune the file; a state file is for what matters now.",
  STATE_FILE_NOT_UTF8: "Save the file as UTF-8.",
  STATE_FILE_EMPTY:
    "The peers keep the last good state. If it is meant to be empty, run `state-syncd sync <name>`.",
  STATE_FILE_UNSETTLED: "Something is writing the file at this moment. It is read again as soon as it rests.",
  STATE_FILE_CONFLICT:
    "Resolve the merge conflict in the file. The peers keep the last good state until then.",
  STATE_FILE_GIT_BUSY: "It is read again when git is done, or when its lock is a minute old.",
  STATE_FILE_GIT_MIDWAY:
    "Finish or abort what git is in the middle of, or save the file: what is saved goes. To send it as it is now: `state-syncd sync <name>`.",
  STATE_FILE_SECRET:
    "Take the secrets out of the file, and have new ones issued: these stood in plain text. Or set `onSecret: redact`.",
  STATE_FILE_UNGUARDED:
    "The file is not passed on unchecked. Change the pattern of `guard.patterns` that is named; where none is, please report this.",
  STATE_FILE_IN_GUARD: "Nothing travels unchecked. It goes on by itself when the guard is done.",
  CACHE_PERMISSION:
    "Make `.aibrain/` and the cache in it writable for your user. It is tried again by itself.",
  CACHE_PRIVACY:
    "macOS keeps the daemon out of the place. Grant Full Disk Access to the node that runs it, under System Settings > Privacy & Security, and restart it.",
  CACHE_DISK_FULL: "Free some space on that disk. The old cache is intact; the new state follows by itself.",
  CACHE_READ_ONLY: "Mount its file system writable. A hardened service: `state-syncd service restart`.",
  CACHE_OUTSIDE: "The cache leads out of its repo. Replace the link with a directory inside the repo.",
  CACHE_NOT_REGULAR: "Something that is not a regular file stands where the cache belongs. Move it away.",
  CACHE_NOT_DIRECTORY: "`.aibrain` must be a directory. Move away what stands in its place.",
  CACHE_TOO_LARGE: "No cache of ours grows this large. Look at what it holds, and move it away.",
  CACHE_BUSY: "Another program keeps writing this cache. It is tried again.",
  CACHE_CONTESTED:
    "Another program rewrites this cache again and again. Find and stop it; the old sync script is the usual one.",
  CACHE_IO: "Check the disk. It is tried again.",
  COPY_FAILED: "The old file must be copied before it is replaced. Make the state directory writable.",
  DAEMON_RUNNING:
    "There is one daemon a user. Stop that one first: `state-syncd service stop`, or `kill` with its pid.",
  DAEMON_NOT_RUNNING:
    "`state-syncd service start` starts it, `service install` where it is not installed yet; `state-syncd run` runs it here.",
  DAEMON_UNRESPONSIVE:
    "It holds the lock but does not answer. Look at `state-syncd logs`, then stop that process (`state-syncd service restart` where it is a service).",
  DAEMON_STARTING:
    "It proves itself with a save of its own before it calls itself well. Ask again in a few seconds.",
  DAEMON_DEAF:
    "File events do not reach the daemon. Restart it; if that does not help, look at the limits of inotify.",
  DAEMON_STUCK:
    "Look for a disk that does not answer among the problems, and at `state-syncd logs`. A restart helps.",
  DAEMON_SLOW:
    "The machine, the disk of the state directory or the daemon was busy. It is proved again by itself.",
  DAEMON_UNPROVEN:
    "The daemon could not prove that it works. Look at `state-syncd logs`, and at the path named.",
  DAEMON_OTHER_CONFIG: "The running daemon uses another config. Stop it, or leave out `--config`.",
  DAEMON_OTHER_VERSION:
    "Restart the daemon, so that it runs the installed version: `state-syncd service install`.",
  DAEMON_REFUSED: "See the daemon's log: `state-syncd logs`.",
  SERVICE_UNSUPPORTED: "Run `state-syncd run` under what starts programs there; SIGTERM ends it.",
  SERVICE_UNREACHABLE:
    "Run it in a session of your own user, without sudo or su. Where there is none, `loginctl enable-linger` starts the user's manager.",
  SERVICE_MISSING: "Install it with `state-syncd service install`.",
  SERVICE_FOREIGN: "Move the file away, then install again.",
  SERVICE_FAILED: "See `state-syncd service status` and `state-syncd logs`.",
  SETTINGS_INVALID: "Correct the place that is named. Until then the file is left as it is.",
  SETTINGS_UNREADABLE: "Put a file there that your user may read, or move away what stands in its place.",
  SETTINGS_UNWRITABLE:
    "Make the file and its directory writable for your user. Where another tool makes the file, put the hooks in there: `state-syncd hook install --dry-run` prints them.",
  EXCLUDE_UNWRITABLE: "Make it writable for your user, or add the line to it, or to `.gitignore`, by hand.",
  LOCK_BUSY: "Another state-syncd command is at work. Run this again when it is done.",
  DISK_SILENT: "Some disk does not answer. Look at `mount`, and at the servers of what is mounted there.",
  WATCH_LIMIT:
    "Raise the system's limit of file watches: `state-syncd doctor` tells how. Events come back by themselves.",
  WATCH_FAILED:
    "Make the file and its directories readable for your user. Until then the file is polled, or the rescan finds its changes.",
  PAUSED: "End the pause: `state-syncd resume`, or `state-syncd resume <name>`.",
  LOG_MISSING:
    "Nothing has been logged yet. Start the daemon: `state-syncd service install`, or `state-syncd run`.",
  LOG_UNREADABLE: "Make the log and its directory readable for your user.",
  LOG_UNWRITABLE: "Make room on its disk, or make the state directory writable. The daemon's work goes on.",
  LOG_DIVERTED:
    "Nothing is lost, `state-syncd logs` reads both. Look at journald; where it was stopped, restart the daemon.",
  STATE_DIRECTORY: "Make the directory writable for your user, or set XDG_STATE_HOME to one that is.",
} as const satisfies Record<string, string>;

export type FaultCode = keyof typeof FAULTS;

/** A fault as data: what a status, a log line or a response carries. */
export interface Fault {
  readonly code: FaultCode;
  /** What is wrong, and where. */
  readonly message: string;
  readonly remedy: string;
  /** The file or directory concerned. */
  readonly path?: string;
  /** The repo concerned. */
  readonly repo?: string;
}

export interface FaultPlace {
  readonly path?: string;
  readonly repo?: string;
  /** Where more is known than the table can say. */
  readonly remedy?: string;
}

export function fault(code: FaultCode, message: string, place: FaultPlace = {}): Fault {
  const remedy = place.repo === undefined ? FAULTS[code] : FAULTS[code].replaceAll("<name>", place.repo);
  return { code, message, remedy, ...place };
}

/** A fault that ends what was being done. The command line turns it into a message and an exit code. */
export class FaultError extends Error {
  readonly fault: Fault;

  constructor(code: FaultCode, message: string, options: FaultPlace & { readonly cause?: unknown } = {}) {
    const { cause, ...where } = options;
    super(message, cause === undefined ? undefined : { cause });
    this.name = "FaultError";
    this.fault = fault(code, message, where);
  }

  /**
   * By what it holds, and not by whose class made it: the questions to the daemon are bundled by
   * themselves, and the work where none answers comes from the other bundle, with a class of its own.
   */
  static override [Symbol.hasInstance](value: unknown): boolean {
    // Of a class below this one it is as ever.
    if (this !== FaultError) return Function.prototype[Symbol.hasInstance].call(this, value);
    return value instanceof Error && "fault" in value;
  }

  /** The message as it is printed, line by line: a path in it may hold newlines of its own. */
  get lines(): readonly string[] {
    return [this.message];
  }
}

/** The commands' exit codes. */
export const EXIT = { ok: 0, failed: 1, usage: 2, notRunning: 3 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

const USAGE_FAULTS: ReadonlySet<FaultCode> = new Set([
  "CONFIG_MISSING",
  "CONFIG_INVALID",
  "CONFIG_UNREADABLE",
  "CONFIG_EXISTS",
  "USAGE",
  "REPO_UNKNOWN",
  "REPO_PASSIVE",
  "REPO_EXISTS",
  "REPO_REGISTERED",
  "PEER_UNKNOWN",
  "DAEMON_OTHER_CONFIG",
]);

/** What the user got wrong is 2, what the world got wrong is 1. */
export function exitCodeOf(code: FaultCode): ExitCode {
  return USAGE_FAULTS.has(code) ? EXIT.usage : EXIT.failed;
}

/** The code of a system error (`ENOENT`, ...), or undefined for anything else. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}
