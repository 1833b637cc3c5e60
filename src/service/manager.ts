import type { Change, RunTool } from "./change.ts";
import type { Program } from "./program.ts";

/**
 * What keeps the daemon running in the background: systemd's user manager, or launchd. What is to
 * be done is told first, as a list of changes, and done by `change.ts`: so `--dry-run` cannot lie.
 */
export interface ServiceManager {
  readonly name: ManagerName;
  /** How things are, asked afresh. @throws FaultError SERVICE_UNREACHABLE where the manager does not answer. */
  state(): Promise<ServiceState>;
  /**
   * What has to be done so that this program is the service. Empty where it is.
   *
   * @throws FaultError SERVICE_UNREACHABLE, or SERVICE_FOREIGN where a file of that name is somebody else's.
   */
  install(request: InstallRequest): Promise<readonly Change[]>;
  /** What has to be done so that nothing is left of it but the user's own files. */
  uninstall(): Promise<readonly Change[]>;
  /**
   * What has to be done so that it runs, does not run, or runs anew.
   *
   * @throws FaultError SERVICE_UNREACHABLE, or SERVICE_MISSING where it is not installed.
   */
  control(verb: ControlVerb): Promise<readonly Change[]>;
  /** Runs one of the tools that the changes name. @throws FaultError SERVICE_FAILED with what it said. */
  run(step: RunTool): Promise<void>;
}

export type ManagerName = "systemd" | "launchd";
export type ControlVerb = "start" | "stop" | "restart";

export interface InstallRequest {
  readonly program: Program;
  /** What the daemon may write, where it is to be kept from all else; undefined for the base unit. launchd knows no such thing. */
  readonly hardened: Confinement | undefined;
  /** Start it now, or anew where what it runs has changed. */
  readonly start: boolean;
  /** Start it anew though what it runs is the same: what is settled at its start has changed. */
  readonly anew?: boolean;
}

/** What the daemon needs of the disk. Absolute paths. */
export interface Confinement {
  /** What it writes: the repos' cache directories and its own. */
  readonly writes: readonly string[];
  /** What it only reads: the repos. */
  readonly reads: readonly string[];
  /** The config file: as it was named, and where that leads. */
  readonly configs: readonly string[];
}

export interface ServiceState {
  readonly manager: ManagerName;
  /** The files that make the service, absolute; none where it is not installed. */
  readonly files: readonly string[];
  /** Whether it starts by itself at the next login. */
  readonly enabled: boolean;
  readonly activity: "running" | "starting" | "reloading" | "stopping" | "stopped" | "failed";
  readonly pid: number | null;
  /** Since when it is so, ISO 8601; null where nobody knows. */
  readonly since: string | null;
  /** What the daemon says of itself; empty where it says nothing. */
  readonly says: string;
  /** Why it failed, in the manager's words; empty where it did not. */
  readonly failure: string;
  readonly hardened: boolean;
  /** Whether it goes on when the user's last session ends; null where the manager knows no such thing. */
  readonly lingers: boolean | null;
  /** What it runs: node, the script, its arguments. Empty where that cannot be told. */
  readonly command: readonly string[];
  /** What it is given beside the manager's environment. */
  readonly environment: Readonly<Record<string, string>>;
}
