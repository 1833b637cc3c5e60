import type { Section } from "../core/cache/document.ts";
import type { Paths } from "../paths.ts";
import type { Outlook } from "../status/outlook.ts";

/** Who can answer a hook: the daemon, or a process that has loaded the config. */
export interface Knowledge {
  readonly paths: Paths;
  /** The config by which it knows. */
  readonly config: string;
  /** Undefined where the directory is in no repo that has a part in this. */
  readonly outlook: (directory: string) => Promise<Outlook | undefined>;
  /**
   * The sections of the repo's cache that may be shown.
   *
   * @param sure names of the peers whose sections have passed the rules in force. Others pass them again.
   */
  readonly sections: (outlook: Outlook, sure: ReadonlySet<string>) => Promise<readonly Section[]>;
  readonly now: () => Date;
}
