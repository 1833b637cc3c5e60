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
