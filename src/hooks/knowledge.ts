import type { Config } from "../config/load.ts";
import type { Paths } from "../paths.ts";
import type { FileIdentity } from "../store/identity.ts";
import type { Outlook } from "../status/outlook.ts";

/** The config by which somebody knows. */
export interface ConfigMark {
  /** Absolute. */
  readonly file: string;
  /** The file's when it was read; undefined where there was none. Of one that is wrong too, though the last good one counts. */
  readonly identity: FileIdentity | undefined;
  /** Of the guard's rules, see `rulesMark`. */
  readonly rules: string;
}

/** Who can answer a hook: the daemon, or a process that has loaded the config. */
export interface Knowledge {
  readonly paths: Paths;
  readonly config: ConfigMark;
  /** Undefined where the directory is in no repo that has a part in this. */
  readonly outlook: (directory: string) => Promise<Outlook | undefined>;
  /** By which a text may be shown, and a cache is told from another repo's. */
  readonly inForce: Pick<Config, "registry" | "guard">;
  readonly now: () => Date;
}
