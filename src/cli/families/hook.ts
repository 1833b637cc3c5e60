import { command, type Family } from "../definition.ts";

const scope = {
  user: { type: "flag", describe: "Your own settings, for every repo (the default)" },
  project: { type: "flag", describe: "This repo's settings, which teammates share" },
  local: { type: "flag", describe: "This repo's settings for you alone" },
  dryRun: { type: "flag", describe: "Show what would be written; write nothing" },
  yes: { type: "flag", short: "y", describe: "Do not ask" },
} as const;

const FILES =
  "The file is `$CLAUDE_CONFIG_DIR/settings.json`, or `~/.claude/settings.json`; with --project `.claude/settings.json` of the repo that you are in, with --local `.claude/settings.local.json` there.";

export const hook: Family = {
  describe: "Have coding agents hear of their peers by themselves",
  commands: {
    install: command({
      describe: "Put the hooks into Claude Code's settings",
      details: [
        FILES,
        "It shows what changes, and asks before it writes. Comments, layout and everybody else's hooks stay as they are. Running it again changes nothing where nothing has changed; after a move of node or of state-syncd it puts the new paths in, and keeps the options and timeouts that you gave a hook.",
        "Hooks that do nothing but call the utility that state-syncd replaces (`checkpoint_reminder.sh`, `state_sync.py`) are taken out with --replace-old; the threshold of the script goes over as `--every`. Where they are a part of a longer command they stay, and are named.",
        "What goes into shared settings does nothing where state-syncd is not installed.",
      ],
      options: {
        ...scope,
        replaceOld: { type: "toggle", describe: "Take out the old utility's hooks; asks if not given" },
      },
      examples: [
        { line: "hook install", tells: "for every repo of yours" },
        { line: "hook install --dry-run", tells: "look at it first" },
        { line: "hook install --project", tells: "for everybody who works on this repo" },
        { line: "hook install --yes --replace-old", tells: "for scripts" },
      ],
      run: async (args, context) =>
        (await import("../../commands/hook-install.ts")).hookInstall(args, context),
    }),
    uninstall: command({
      describe: "Take the hooks out again",
      details: [
        FILES,
        "Only the hooks of state-syncd go, and what is empty without them. Where one is a part of a longer command it stays, and is named.",
      ],
      options: scope,
      examples: [
        { line: "hook uninstall", tells: "agents hear of their peers no more" },
        { line: "hook uninstall --project --yes", tells: "this repo's shared settings, without a question" },
      ],
      run: async (args, context) =>
        (await import("../../commands/hook-uninstall.ts")).hookUninstall(args, context),
    }),
  },
};
