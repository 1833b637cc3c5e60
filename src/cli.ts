import yargs from "yargs";
import type { CommandContext } from "./commands/context.ts";
import { endForSure } from "./commands/ending.ts";
import { unanswered } from "./concurrently.ts";
import { nearest } from "./config/nearest.ts";
import { locate } from "./paths.ts";
import { EXIT, type ExitCode, exitCodeOf, FaultError } from "./errors.ts";
import { LEVELS } from "./log/events.ts";
import { VERSION } from "./version.ts";
import { visible } from "./visible.ts";

/**
 * The command line: what there is and what it takes. A command's own code is loaded only when it
 * is the one that was called.
 */
async function main(argv: readonly string[]): Promise<ExitCode> {
  let code: ExitCode = EXIT.ok;
  let verbose = false;
  interface Globals {
    readonly config?: string | undefined;
    readonly json?: boolean | undefined;
    readonly verbose?: boolean | undefined;
  }
  const does =
    <A extends Globals>(work: (args: A, context: CommandContext) => Promise<ExitCode>) =>
    async (args: A): Promise<void> => {
      verbose = args.verbose === true;
      code = await work(args, contextOf(args));
    };

  const cli = yargs([...argv])
    .scriptName("state-syncd")
    .usage(
      "$0 <command>\n\nKeeps the agents of every repo on this machine informed of the other repos' STATE.md.",
    )
    .version(VERSION)
    .option("config", { type: "string", requiresArg: true, global: true, describe: "The config file" })
    .option("json", { type: "boolean", global: true, describe: "Facts as JSON" })
    .option("verbose", { type: "boolean", global: true, describe: "Stack traces of defects" })
    .command(
      "run",
      "Run the daemon in the foreground",
      (y) =>
        y
          .option("log-level", { choices: LEVELS, default: "info" as const, describe: "What to log" })
          .example("$0 run", "watch every registered repo until ^C"),
      does(async (args, context) =>
        (await import("./commands/run.ts")).run({ level: args.logLevel }, context),
      ),
    )
    .command(
      "sync [repo..]",
      "Push repos' states to their peers now",
      (y) =>
        y
          .positional("repo", {
            type: "string",
            array: true,
            describe: "Names; the repo around the current directory if none",
          })
          .option("all", { type: "boolean", default: false, describe: "Every execution repo" })
          .option("dry-run", {
            type: "boolean",
            default: false,
            describe: "Print what would change as a diff, write nothing",
          })
          .example("$0 sync", "push the repo you are in")
          .example("$0 sync karematch --dry-run", "look first"),
      does(async (args, context) =>
        (await import("./commands/sync.ts")).sync(
          { repos: args.repo ?? [], all: args.all, dryRun: args.dryRun },
          context,
        ),
      ),
    )
    .command(
      "pull [repo]",
      "Bring a repo's cache up to date and print the peers' states",
      (y) =>
        y
          .positional("repo", {
            type: "string",
            describe: "A name; the repo around the current directory if none",
          })
          .option("from", { type: "string", requiresArg: true, describe: "Only this peer's state" })
          .option("raw", {
            type: "boolean",
            default: false,
            describe: "With --from: byte for byte",
          })
          .example("$0 pull", "the other repos' states")
          .example("$0 pull --raw --from karematch", "one peer's, byte for byte"),
      does(async (args, context) =>
        (await import("./commands/pull.ts")).pull(
          { repo: args.repo, from: args.from, raw: args.raw },
          context,
        ),
      ),
    )
    .command(
      "status",
      "Compare every state file with every cache, and tell",
      (y) =>
        y
          .option("watch", { type: "boolean", default: false, describe: "Look again every second" })
          .example("$0 status", "exit code 0 healthy, 1 degraded, 2 usage, 3 no daemon")
          .example("$0 status --json | jq .problems", "for scripts"),
      does(async (args, context) =>
        (await import("./commands/status.ts")).status({ watch: args.watch }, context),
      ),
    )
    .command(
      "explain <repo>",
      "Follow one repo's state to each peer, and tell where it stopped",
      (y) =>
        y
          .positional("repo", { type: "string", demandOption: true, describe: "A registered repo" })
          .example("$0 explain karematch", "why is this stale?"),
      does(async (args, context) => (await import("./commands/explain.ts")).explain(args.repo, context)),
    )
    .command(
      "pause [repo]",
      "Keep a repo, or all of them, out of it for a while",
      (y) =>
        y
          .positional("repo", { type: "string", describe: "A registered repo; all of them if none" })
          .option("for", {
            type: "string",
            requiresArg: true,
            describe: "How long (2h); until resumed if not given",
          })
          .example("$0 pause karematch --for 2h", "neither read nor written for two hours"),
      does(async (args, context) =>
        (await import("./commands/pause.ts")).pause({ repo: args.repo, duration: args.for }, context),
      ),
    )
    .command(
      "resume [repo]",
      "End a pause",
      (y) => y.positional("repo", { type: "string", describe: "A registered repo; all of them if none" }),
      does(async (args, context) =>
        (await import("./commands/pause.ts")).resume({ repo: args.repo }, context),
      ),
    )
    .command(
      "logs",
      "Print the daemon's log",
      (y) =>
        y
          .option("follow", { alias: "f", type: "boolean", default: false, describe: "Go on as it grows" })
          .option("lines", {
            alias: "n",
            type: "number",
            requiresArg: true,
            describe: "How many (50 if nothing limits them)",
          })
          .option("level", { choices: LEVELS, requiresArg: true, describe: "This and more important ones" })
          .option("repo", { type: "string", requiresArg: true, describe: "Only what concerns this repo" })
          .option("since", { type: "string", requiresArg: true, describe: "A duration (10m) or an ISO time" })
          .example("$0 logs -f", "watch it work")
          .example("$0 logs --since 1h --level warn", "what went wrong lately"),
      does(async ({ follow, lines, level, repo, since }, context) =>
        (await import("./commands/logs.ts")).logs({ follow, lines, level, repo, since }, context),
      ),
    )
    .command(
      "init",
      "Write a first config from the repos that are found",
      (y) =>
        y
          .option("scan", { type: "string", requiresArg: true, describe: "Where the repos are" })
          .option("yes", { alias: "y", type: "boolean", default: false, describe: "Do not ask" })
          .example("$0 init --scan ~/repos", "find them, show them, ask, write"),
      does(async (args, context) =>
        (await import("./commands/init.ts")).init({ scan: args.scan, yes: args.yes }, context),
      ),
    )
    .command(
      "demo",
      "Show it at work on a scratch workspace, with a daemon of its own",
      (y) =>
        y.option("keep", { type: "boolean", default: false, describe: "Leave the workspace for a look" }),
      does(async (args, context) => (await import("./commands/demo.ts")).demo({ keep: args.keep }, context)),
    )
    .command("repos", "List, add and remove repos", (y) =>
      y
        .command(
          "list",
          "Print the registered repos",
          (c) => c,
          does(async (_args, context) => (await import("./commands/repos.ts")).reposList(context)),
        )
        .command(
          "add <path>",
          "Register a repo",
          (add) =>
            add
              .positional("path", { type: "string", demandOption: true, describe: "Its directory" })
              .option("name", {
                type: "string",
                requiresArg: true,
                describe: "Its name (from the directory if not given)",
              })
              .option("role", {
                choices: ["execution", "passive"] as const,
                describe: "passive: neither read nor written",
              })
              .option("state-file", { type: "string", requiresArg: true, describe: "Instead of STATE.md" })
              .option("groups", { type: "string", array: true, describe: "Share only inside these groups" })
              .example("$0 repos add .", "the repo you are in"),
          does(async ({ path, name, role, stateFile, groups }, context) =>
            (await import("./commands/repos.ts")).reposAdd({ path, name, role, stateFile, groups }, context),
          ),
        )
        .command(
          "remove <name>",
          "Take a repo out of the config",
          (remove) =>
            remove.positional("name", { type: "string", demandOption: true, describe: "A registered repo" }),
          does(async ({ name }, context) =>
            (await import("./commands/repos.ts")).reposRemove({ name }, context),
          ),
        )
        .demandCommand(1, "repos needs one of: list, add, remove"),
    )
    .command("config", "Find, check and describe the config", (y) =>
      y
        .command(
          "path",
          "Print where the config is",
          (c) => c,
          does(async (_args, context) => (await import("./commands/config.ts")).configPath(context)),
        )
        .command(
          "check",
          "Tell every mistake in the config",
          (c) => c,
          does(async (_args, context) => (await import("./commands/config.ts")).configCheck(context)),
        )
        .command(
          "schema",
          "Print the config's JSON Schema",
          (c) => c,
          does(async (_args, context) => (await import("./commands/config.ts")).configSchema(context)),
        )
        .demandCommand(1, "config needs one of: path, check, schema"),
    )
    .completion("completion", "Print a completion script for bash or zsh")
    .demandCommand(1)
    .strict()
    .help()
    .alias("help", "h")
    .wrap(Math.min(100, process.stdout.columns ?? 80))
    .exitProcess(false)
    .showHelpOnFail(false)
    .fail((message: string | null, error: Error | undefined) => {
      if (error !== undefined && error.name !== "YError") throw error;
      throw usage(argv, message ?? error?.message ?? "the command line is not right");
    });
  const [command] = argv;
  if (command === undefined) {
    cli.showHelp("error");
    return EXIT.usage;
  }

  try {
    await cli.parseAsync();
    return code;
  } catch (error) {
    return complain(error, verbose);
  }
}

const COMMANDS = "run sync pull status explain pause resume logs init demo repos config completion".split(
  " ",
);

/** What is wrong with a command line, in words, and where to read on. */
function usage(argv: readonly string[], message: string): FaultError {
  const command = argv.find((word) => !word.startsWith("-"));
  if (command === undefined) return new FaultError("USAGE", message);
  if (COMMANDS.includes(command)) {
    const missing = message.startsWith("Not enough non-option arguments");
    const what = missing ? `\`${argv.join(" ")}\` leaves out what it is about` : message;
    return new FaultError("USAGE", what, { remedy: `See \`state-syncd ${command} --help\`.` });
  }
  const meant = nearest(command, COMMANDS);
  const hint = meant === undefined ? "" : ` Did you mean ${meant}?`;
  return new FaultError("USAGE", `Unknown command: ${command}.${hint}`, {
    remedy: `Commands are: ${COMMANDS.join(", ")}.`,
  });
}

function contextOf(args: {
  readonly config?: string | undefined;
  readonly json?: boolean | undefined;
}): CommandContext {
  const { stdin, stdout, stderr } = process;
  return { paths: locate(args.config), json: args.json === true, cwd: process.cwd(), stdin, stdout, stderr };
}

function complain(error: unknown, verbose: boolean): ExitCode {
  if (error instanceof FaultError) {
    const [first = "", ...others] = error.lines;
    tell(`state-syncd: ${first}`, ...others, `  ${error.fault.remedy}`);
    if (verbose) tell(...stackOf(error));
    return exitCodeOf(error.fault.code);
  }
  tell(`state-syncd: internal error: ${String(error)}`);
  if (verbose && error instanceof Error) tell(...stackOf(error));
  tell(`  Please report this${verbose ? "" : "; --verbose shows more"}.`);
  return EXIT.failed;
}

function tell(...lines: readonly string[]): void {
  for (const line of lines) process.stderr.write(`${visible(line)}\n`);
}

/** Where it came from. The message that a stack begins with may hold newlines, and has been told. */
function stackOf(error: Error): string[] {
  return (error.stack ?? "").split("\n").filter((line) => /^ {4}at /.test(line));
}

// A reader that has seen enough (`| head`) is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE" && unanswered() > 0) endForSure(EXIT.ok);
  if (error.code === "EPIPE") process.exit(EXIT.ok);
  throw error;
});

const code = await main(process.argv.slice(2));
// With nothing left to wait for, Node ends by itself. What has not come back may never.
if (unanswered() > 0) endForSure(code);
process.exitCode = code;
