import { SHELLS } from "../../commands/shells.ts";
import { command } from "../definition.ts";

/** What one does once. */

export const init = command({
  describe: "Write a first config from the repos that are found",
  details: [
    "On a terminal it shows what it found, lets you change it, and asks before it writes. ^C leaves everything as it is. A config that is there is left alone.",
  ],
  options: {
    scan: { type: "text", value: "DIR", describe: "Where the repos are", completes: "directory" },
    yes: { type: "flag", short: "y", describe: "Do not ask" },
    exclude: { type: "toggle", describe: "Put the caches into .git/info/exclude; asks if not given" },
  },
  examples: [
    { line: "init --scan ~/repos", tells: "find them, show them, ask, write" },
    { line: "init --scan ~/repos --yes --exclude", tells: "for scripts" },
  ],
  run: async (args, context) => (await import("../../commands/init.ts")).init(args, context),
});

export const migrate = command({
  describe: "Come over from the hand-run script utils/state_sync.py",
  details: [
    "Reads the script's REPO_MAP without running it, registers its repos, has its caches brought into the new form by an ordinary sync, and puts hooks of ours in the place of calls of the script and of checkpoint_reminder.sh in the agents' settings. It shows all of it first, and asks. Of every file whose text is replaced a copy is kept in the state directory.",
    "The script, its hook and what else speaks of it stay where they are: it lists them at the end. Run again it goes on from where it was, or says that everything is done.",
  ],
  positionals: {
    script: {
      describe:
        "The script, or where it is; looked for around, below and beside the current directory if none",
      many: true,
      completes: "file",
    },
  },
  options: {
    dryRun: { type: "flag", describe: "Print the plan; write nothing" },
    yes: { type: "flag", short: "y", describe: "Do not ask" },
    exclude: { type: "toggle", describe: "Put the caches into .git/info/exclude; asks if not given" },
    hooks: { type: "toggle", describe: "Replace the old hooks in the agents' settings (the default)" },
    user: { type: "flag", describe: "Our hooks go into your own settings, for every repo" },
    project: { type: "flag", describe: "Our hooks go where the old ones are (the default)" },
  },
  examples: [
    { line: "migrate", tells: "from inside one of the repos: show it, ask, do it" },
    { line: "migrate --dry-run", tells: "what it would do" },
    { line: "migrate ~/1_REPOS/app/utils/state_sync.py --yes --exclude", tells: "for scripts" },
  ],
  exits: {
    1: "something is not done, or could not be read and is left to complete by hand: it says what",
    2: "the command line or the config is not right, no map is found, or copies of it disagree",
  },
  run: async ({ script, hooks, ...args }, context) =>
    (await import("../../commands/migrate.ts")).migrate(
      { ...args, scripts: script, hooks: hooks ?? true },
      context,
    ),
});

export const demo = command({
  describe: "Show it at work on a scratch workspace, with a daemon of its own",
  options: { keep: { type: "flag", describe: "Leave the workspace for a look" } },
  examples: [
    { line: "demo", tells: "see an edit arrive; nothing else is touched" },
    { line: "demo --keep", tells: "and look at the files afterwards" },
  ],
  run: async (args, context) => (await import("../../commands/demo.ts")).demo(args, context),
});

export const completion = command({
  describe: "Print a completion script for bash, zsh or fish",
  options: {
    shell: {
      type: "text",
      value: "SHELL",
      choices: SHELLS,
      describe: "Which one; what $SHELL names if not given",
    },
  },
  examples: [
    { line: "completion >> ~/.bashrc", tells: "for the shell you use" },
    {
      line: "completion --shell fish > state-syncd.fish",
      tells: "for another one; this file belongs into ~/.config/fish/completions",
    },
  ],
  run: async ({ shell }, context) =>
    (await import("../../commands/completion.ts")).completion({ shell }, context),
});
