import { LEVELS } from "../../log/events.ts";
import { command } from "../definition.ts";

/** The daemon, and what is said to it and of it. */

export const run = command({
  describe: "Run the daemon in the foreground",
  details: [
    "What systemd and launchd start. It ends at ^C or SIGTERM, after finishing what is due. There is one daemon a user: a second one is refused, with the pid of the first.",
  ],
  options: {
    logLevel: {
      type: "text",
      value: "LEVEL",
      choices: LEVELS,
      default: "info",
      describe: "What to log",
    },
  },
  examples: [
    { line: "run", tells: "watch every registered repo until ^C" },
    { line: "run --log-level trace", tells: "see it think" },
  ],
  exits: {
    0: "it was told to end, or under a supervisor: another daemon runs",
    1: "it could not start: another daemon runs, for instance",
  },
  run: async ({ logLevel }, context) =>
    (await import("../../commands/run.ts")).run({ level: logLevel }, context),
});

export const pause = command({
  describe: "Keep a repo, or all of them, out of it for a while",
  details: [
    "A paused repo is neither read nor written. A pause outlives the daemon. Where none runs, the pause counts from its next start on.",
  ],
  positionals: { repo: { describe: "A registered repo; all of them if none", completes: "repo" } },
  options: {
    for: { type: "text", value: "DURATION", describe: "How long (30m, 2h, 1d); until resumed if not given" },
  },
  examples: [
    { line: "pause karematch --for 2h", tells: "neither read nor written for two hours" },
    { line: "pause", tells: "everything, until `state-syncd resume`" },
  ],
  run: async ({ repo, for: duration }, context) =>
    (await import("../../commands/pause.ts")).pause({ repo, duration }, context),
});

export const resume = command({
  describe: "End a pause",
  positionals: { repo: { describe: "A registered repo; all of them if none", completes: "repo" } },
  examples: [
    { line: "resume karematch", tells: "read and write it again" },
    { line: "resume", tells: "end every pause" },
  ],
  run: async (args, context) => (await import("../../commands/pause.ts")).resume(args, context),
});

export const logs = command({
  describe: "Print the daemon's log",
  options: {
    follow: { type: "flag", short: "f", describe: "Go on as it grows" },
    lines: { type: "number", short: "n", value: "N", describe: "How many (50 if nothing limits them)" },
    level: { type: "text", value: "LEVEL", choices: LEVELS, describe: "This and more important ones" },
    repo: {
      type: "text",
      value: "REPO",
      describe: "Only what concerns this repo",
      completes: "repo",
    },
    since: { type: "text", value: "TIME", describe: "A duration (10m) or an ISO time" },
  },
  examples: [
    { line: "logs -f", tells: "watch it work" },
    { line: "logs --since 1h --level warn", tells: "what went wrong lately" },
  ],
  run: async (args, context) => (await import("../../commands/logs.ts")).logs(args, context),
});
