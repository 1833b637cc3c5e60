import type { ExitCode } from "../errors.ts";
import type { Family, Options } from "./definition.ts";
import { config } from "./families/config.ts";
import { hook } from "./families/hook.ts";
import { logs, pause, resume, run } from "./families/daemon.ts";
import { repos } from "./families/repos.ts";
import { completion, demo, init, migrate } from "./families/setup.ts";
import { doctor, service } from "./families/service.ts";
import { explain, pull, status, sync } from "./families/state.ts";

export const PROGRAM = "state-syncd";

/** The whole command line, in the order in which help and manual list it. */
export const ROOT: Family = {
  describe: "Keeps the agents of every repo on this machine informed of the other repos' STATE.md.",
  commands: {
    run,
    sync,
    pull,
    status,
    explain,
    pause,
    resume,
    logs,
    init,
    migrate,
    demo,
    repos,
    config,
    service,
    hook,
    doctor,
    completion,
  },
};

/** What every command takes. */
export const GLOBAL_OPTIONS = {
  config: { type: "text", value: "FILE", describe: "The config file", completes: "file" },
  json: { type: "flag", describe: "Facts as JSON" },
  verbose: { type: "flag", describe: "Stack traces of defects" },
} as const satisfies Options;

/** What the exit codes say of any command. */
export const EXITS: Readonly<Record<Exclude<ExitCode, 3>, string>> = {
  0: "done",
  1: "it failed, and said why",
  2: "the command line or the config is not right",
};
