import { command, type Command, type Family } from "../definition.ts";

const dryRun = { type: "flag", describe: "Print what would be written and run; do nothing" } as const;

const NOT_RUNNING = { 3: "it does not run" } as const;

export const service: Family = {
  describe: "Have the daemon run in the background",
  details: [
    "A systemd user unit on Linux, a LaunchAgent on macOS: the daemon starts at login, and again when it fails. No root is needed.",
  ],
  commands: {
    install: command({
      describe: "Install the service, or bring it up to date, and start it",
      details: [
        "Running it again changes nothing where nothing has changed. After an upgrade of node or of state-syncd it has the service run the new one.",
        "Hardened (Linux): the daemon may write the registered caches and its own directory, and nothing else; it has no network, and does not see your keys. The list follows the config: a repo that is added is let in, and the service restarted.",
      ],
      options: {
        dryRun,
        hardened: { type: "toggle", describe: "Keep the daemon from all that it does not need (Linux)" },
        start: { type: "toggle", describe: "Start it now (the default)" },
      },
      examples: [
        { line: "service install", tells: "from now on it runs" },
        { line: "service install --dry-run", tells: "read the unit first" },
        { line: "service install --hardened", tells: "the strict set" },
      ],
      run: async ({ dryRun: dry, hardened, start }, context) =>
        (await import("../../commands/service.ts")).serviceInstall(
          { dryRun: dry, hardened, start: start ?? true },
          context,
        ),
    }),
    uninstall: command({
      describe: "Stop the service and leave nothing of it",
      details: ["The config, the caches, the log and copies of caches stay."],
      options: { dryRun },
      examples: [{ line: "service uninstall", tells: "the daemon runs no more, now and later" }],
      run: async (args, context) =>
        (await import("../../commands/service.ts")).serviceUninstall(args, context),
    }),
    start: control("start", "Start it", "service start", "after a stop"),
    stop: control(
      "stop",
      "Stop it, until the next login",
      "service stop",
      "it finishes what is due, and ends",
    ),
    restart: control("restart", "Stop it and start it", "service restart", "after an upgrade, for instance"),
    status: command({
      describe: "Tell how the service is",
      details: ["Whether every state has arrived, `state-syncd status` tells."],
      examples: [
        { line: "service status", tells: "does it run, since when, what does it run" },
        { line: "service status --json", tells: "for scripts" },
      ],
      exits: NOT_RUNNING,
      run: async (_args, context) => (await import("../../commands/service.ts")).serviceStatus(context),
    }),
    refresh: command({
      describe: "Let a hardened service write where the config says now",
      details: ["Runs by itself when the config has changed."],
      options: { dryRun },
      examples: [{ line: "service refresh", tells: "only where you have edited the units yourself" }],
      run: async (args, context) => (await import("../../commands/service.ts")).serviceRefresh(args, context),
    }),
  },
};

function control(verb: "start" | "stop" | "restart", describe: string, line: string, tells: string): Command {
  return command({
    describe,
    options: { dryRun },
    examples: [{ line, tells }],
    run: async (args, context) =>
      (await import("../../commands/service.ts")).serviceControl(verb, args, context),
  });
}

export const doctor = command({
  describe: "Look for what goes wrong in practice",
  details: [
    "The version of node, the service and what it runs, the config, every repo's directory and permissions, file systems without events, inotify's limits, caches that git tracks, the old script, agents' hooks and what their instructions import, the clock, leftovers. Each finding comes with its remedy.",
  ],
  options: { fix: { type: "flag", describe: "Mend what can be mended without asking" } },
  examples: [
    { line: "doctor", tells: "is everything as it should be?" },
    { line: "doctor --fix", tells: "the service runs what an upgrade has removed, for instance" },
    { line: "doctor --json", tells: "for scripts: a list of findings" },
  ],
  exits: { 0: "nothing has to be done", 1: "something is wrong, and was told" },
  run: async (args, context) => (await import("../../commands/doctor.ts")).doctor(args, context),
});
