import { command } from "../definition.ts";

/** What there is to do with states: bring them on their way, and see where they are. */

export const sync = command({
  describe: "Push repos' states to their peers now",
  details: [
    "The running daemon does it, or this command where none runs. For each cache that was written one line goes to standard output. A state file that is empty, or held while git is in the middle of something, is sent all the same: who names a repo means it.",
  ],
  positionals: {
    repo: {
      describe: "Names; the repo around the current directory if none",
      many: true,
      completes: "repo",
    },
  },
  options: {
    all: { type: "flag", describe: "Every execution repo" },
    dryRun: { type: "flag", describe: "Print what would change as a diff, write nothing" },
  },
  examples: [
    { line: "sync", tells: "push the repo you are in" },
    { line: "sync karematch --dry-run", tells: "look first" },
    { line: "sync --all", tells: "push every repo" },
  ],
  exits: { 0: "all done", 1: "some cache could not be written; the others are" },
  run: async ({ repo, all, dryRun }, context) =>
    (await import("../../commands/sync.ts")).sync({ repos: repo, all, dryRun }, context),
});

export const pull = command({
  describe: "Bring a repo's cache up to date and print the peers' states",
  details: [
    "A peer whose directory is out of reach is taken from the newest copy that another cache of its group holds.",
  ],
  positionals: {
    repo: { describe: "A name; the repo around the current directory if none", completes: "repo" },
  },
  options: {
    from: { type: "text", value: "PEER", describe: "Only this peer's state", completes: "repo" },
    raw: { type: "flag", describe: "With --from: byte for byte" },
    digest: { type: "flag", describe: "The gist: what blocks, what is next, how things are" },
    budget: { type: "number", value: "N", describe: "With --digest: at most so many characters (8,000)" },
  },
  examples: [
    { line: "pull", tells: "the other repos' states" },
    { line: "pull --raw --from karematch", tells: "one peer's, byte for byte" },
    { line: "pull --digest --budget 3000", tells: "what matters of all of them, in some 700 tokens" },
  ],
  exits: { 0: "all done", 1: "some peer's state is not there, or not the newest" },
  run: async (args, context) => (await import("../../commands/pull.ts")).pull(args, context),
});

export const status = command({
  describe: "Compare every state file with every cache, and tell",
  details: [
    "Reads and hashes the files themselves, with a daemon or without one.",
    "With --watch on a terminal it stays, and draws what changes. Elsewhere it prints a report each time that something changed, or with --json one each second.",
  ],
  options: { watch: { type: "flag", short: "w", describe: "Stay, and show what changes" } },
  examples: [
    { line: "status", tells: "is everything where it should be?" },
    { line: "status --watch", tells: "see states travel, until ^C" },
    { line: "status --json | jq .problems", tells: "for scripts" },
  ],
  exits: { 0: "healthy", 1: "degraded, or some cache is not up to date", 3: "no daemon runs" },
  run: async (args, context) => (await import("../../commands/status.ts")).status(args, context),
});

export const explain = command({
  describe: "Follow one repo's state to each peer, and tell where it stopped",
  positionals: { repo: { describe: "A registered repo", required: true, completes: "repo" } },
  examples: [{ line: "explain karematch", tells: "why is this stale?" }],
  exits: { 0: "it reaches every peer", 1: "it stops somewhere" },
  run: async ({ repo }, context) => (await import("../../commands/explain.ts")).explain(repo, context),
});
