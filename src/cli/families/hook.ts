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

const EVENT = [
  "Reads the event on standard input as Claude Code's hooks get it (`session_id`, `cwd`, `hook_event_name`), and answers in its JSON. Ends with 0 whatever happens, with at most one line on standard error.",
];

/** Nothing else: a hook that fails would end a turn, or take a prompt away. */
const ALWAYS = { 0: "whatever happens: no turn of an agent ends for its sake" } as const;

const budget = (usual: string) =>
  ({ type: "number", value: "N", describe: `At most so many characters (${usual})` }) as const;

export const hook: Family = {
  describe: "Have coding agents hear of their peers by themselves",
  commands: {
    "session-start": command({
      describe: "Tell a session that starts what its peers' states are",
      details: [
        "How old each peer's state is, whether it is the newest, and the gist of it; also after `resume`, `clear` and `compact`.",
        ...EVENT,
      ],
      options: { budget: budget("8,000") },
      examples: [{ line: "hook session-start < event.json", tells: "as the harness calls it" }],
      onlyExits: ALWAYS,
      run: async (args, context) =>
        (await import("../../commands/hook-here.ts")).hookHere("session-start", args, context),
    }),
    prompt: command({
      describe: "Tell a session what changed since it was told last",
      details: ["Says nothing where nothing changed.", ...EVENT],
      options: { budget: budget("4,000") },
      examples: [{ line: "hook prompt < event.json", tells: "as the harness calls it" }],
      onlyExits: ALWAYS,
      run: async (args, context) =>
        (await import("../../commands/hook-here.ts")).hookHere("prompt", args, context),
    }),
    checkpoint: command({
      describe: "After a tool call: now and then, how old the repo's own state is",
      details: [
        "Counts the session's tool calls since the state file changed. Where that file has just been saved and no daemon runs, its state is pushed to the peers.",
        ...EVENT,
      ],
      options: { every: { type: "number", value: "N", describe: "After so many tool calls (10)" } },
      examples: [{ line: "hook checkpoint --every 20 < event.json", tells: "as the harness calls it" }],
      onlyExits: ALWAYS,
      run: async (args, context) =>
        (await import("../../commands/hook-here.ts")).hookHere("checkpoint", args, context),
    }),
    print: command({
      describe: "Print what a session that starts here would be told",
      details: ["For agents without hooks, and for a look."],
      options: {
        format: {
          type: "text",
          value: "FORMAT",
          choices: ["text", "json"],
          describe: "text, or json with the facts apart",
        },
        budget: budget("8,000"),
      },
      examples: [
        { line: "hook print", tells: "of the repo you are in" },
        { line: "hook print --format json | jq '.peers[].state.digest'", tells: "for scripts" },
      ],
      exits: { 0: "done, also where there is nothing to tell" },
      run: async (args, context) => (await import("../../commands/hook-print.ts")).hookPrint(args, context),
    }),
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
