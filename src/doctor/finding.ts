import type { Config } from "../config/load.ts";
import type { FaultError } from "../errors.ts";
import type { Paths } from "../paths.ts";
import type { Change } from "../service/change.ts";
import type { ServiceManager, ServiceState } from "../service/manager.ts";
import type { StatusReport } from "../status/report.ts";

/** What a check has found out about one thing. */
export interface Finding {
  /** What it is about, in a word: `node`, `service`. */
  readonly about: string;
  /** `fine`: looked at, nothing wrong. `note`: good to know, nothing to do. The other two want something done. */
  readonly level: "fine" | "note" | "warning" | "error";
  /** What is so, and where. */
  readonly message: string;
  /** What to do about it; empty where there is nothing to do. */
  readonly remedy: string;
  /** Does it, where that is safe without asking. */
  readonly fix?: Fix;
}

export interface Fix {
  /** What is done, in words. */
  readonly describe: string;
  /** @throws FaultError where it cannot be done. */
  readonly apply: () => Promise<void>;
}

/** What the checks look at. Undefined is what could not be had: another finding says why. */
export interface World {
  readonly paths: Paths;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly platform: NodeJS.Platform;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** As it is on disk. */
  readonly config: Config | undefined;
  readonly report: StatusReport | undefined;
  readonly service: { readonly manager: ServiceManager; readonly state: ServiceState } | undefined;
  /** Why it could not be had; undefined where it could. */
  readonly noService: FaultError | undefined;
  /** What the installed service lacks to be as this version, and the config, would have it. @throws FaultError. */
  readonly drift: () => Promise<readonly Change[]>;
  /** Brings the service's files up to date, and has it start at login. What it runs stays. */
  readonly refresh: () => Promise<void>;
  /** Installs the service as it is, with what runs now. */
  readonly reinstall: () => Promise<void>;
}

/** One thing that goes wrong in practice. Rejects with nothing but defects. */
export type Check = (world: World) => Promise<readonly Finding[]>;

export function fine(about: string, message: string): Finding {
  return { about, level: "fine", message, remedy: "" };
}

export function note(about: string, message: string, remedy = ""): Finding {
  return { about, level: "note", message, remedy };
}

export function warning(about: string, message: string, remedy: string, fix?: Fix): Finding {
  return { about, level: "warning", message, remedy, ...(fix === undefined ? {} : { fix }) };
}

export function problem(about: string, message: string, remedy: string, fix?: Fix): Finding {
  return { about, level: "error", message, remedy, ...(fix === undefined ? {} : { fix }) };
}
