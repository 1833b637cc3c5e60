import yargs, { type Argv, type Options as ParserOptions } from "yargs";
import { EXIT, type ExitCode } from "../errors.ts";
import { VERSION } from "../version.ts";
import { EXITS, GLOBAL_OPTIONS, PROGRAM, ROOT } from "./commands.ts";
import {
  type Act,
  type Command,
  dashed,
  type Example,
  type Family,
  type Given,
  isFamily,
  type Option,
  type Options,
  usageOf,
} from "./definition.ts";
import { NO_COMMAND, usageError } from "./usage.ts";

/**
 * Has yargs read a line by the definitions.
 *
 * @param act does what the line says, where it is right and names a command.
 * @throws FaultError USAGE, and whatever the command throws.
 */
export async function perform(argv: readonly string[], act: Act): Promise<ExitCode> {
  let code: ExitCode = EXIT.ok;
  const actOn: Actor = async (command, given) => {
    code = await act(command, given);
  };
  const parser = yargs([...argv])
    .scriptName(PROGRAM)
    .usage(`$0 <command>\n\n${ROOT.describe}`)
    .version(VERSION)
    .options(Object.fromEntries(parserOptions(GLOBAL_OPTIONS)))
    .epilogue(ROOT_EPILOGUE)
    .demandCommand(1, NO_COMMAND)
    .strict()
    .help()
    .alias("help", "h")
    .wrap(helpWidth())
    .exitProcess(false)
    .showHelpOnFail(false)
    .fail((message: string | null, error: Error | undefined) => {
      if (error !== undefined && error.name !== "YError") throw error;
      throw usageError(argv, message ?? error?.message ?? "the command line is not right");
    });
  addCommands(parser, ROOT, actOn);
  if (argv.length === 0) {
    parser.showHelp("error");
    return EXIT.usage;
  }
  await parser.parseAsync();
  return code;
}

/** For whoever calls it for the first time. */
const ROOT_EPILOGUE = `To begin:
  ${PROGRAM} init --scan ~/repos  find the repos, write the config
  ${PROGRAM} service install      have the daemon run
  ${PROGRAM} status               see that everything arrives

Examples of each: ${PROGRAM} <command> --help. All of it: man ${PROGRAM}.`;

type Actor = (command: Command, given: Given) => Promise<void>;

function addCommands(parser: Argv, family: Family, actOn: Actor): void {
  for (const [name, node] of Object.entries(family.commands)) {
    if (isFamily(node)) {
      const build = (inner: Argv): Argv => {
        addCommands(inner, node, actOn);
        const known = Object.keys(node.commands).join(", ");
        return inner.demandCommand(1, `${name} needs one of: ${known}`).epilogue("");
      };
      parser.command(name, node.describe, build);
    } else {
      const usage = usageOf(name, node.positionals);
      parser.command(
        usage,
        node.describe,
        (inner) => buildCommand(inner, node),
        (given) => actOn(node, byCode(given, node)),
      );
    }
  }
}

function buildCommand(parser: Argv, node: Command): Argv {
  for (const [key, { describe, many, required }] of Object.entries(node.positionals))
    parser.positional(key, {
      type: "string",
      describe,
      array: many === true,
      demandOption: required === true,
    });
  const own = parserOptions(node.options);
  parser.options(Object.fromEntries(own));
  // The first group that is named comes first.
  if (own.length > 0) parser.group(Object.keys(Object.fromEntries(own)), "Options:");
  parser.group([...Object.keys(GLOBAL_OPTIONS), "help", "version"], "Everywhere:");
  return parser.epilogue(`${examplesText(node.examples)}\n\n${exitsText(node)}`);
}

function helpWidth(): number {
  return Math.min(100, process.stdout.columns || 80);
}

/** The parser's own would break a long line between its words, and nobody could copy it. */
function examplesText(examples: readonly Example[]): string {
  const calls = examples.map(({ line, tells }) => ({ call: `  ${PROGRAM} ${line}`, tells }));
  const widest = Math.max(...calls.map(({ call }) => call.length));
  const isNarrow = calls.some(({ tells }) => widest + 2 + tells.length > helpWidth());
  const lines = calls.map(({ call, tells }) =>
    isNarrow ? `${call}\n      ${tells}` : `${call.padEnd(widest)}  ${tells}`,
  );
  return ["Examples:", ...lines].join("\n");
}

function exitsText({ exits, onlyExits }: Command): string {
  const lines = Object.entries<string>(onlyExits ?? { ...EXITS, ...exits }).map(
    ([code, says]) => `  ${code}  ${says}`,
  );
  return ["Exit status:", ...lines].join("\n");
}

function parserOptions(options: Options): [string, ParserOptions][] {
  return Object.entries(options).map(([key, option]) => [dashed(key), parserOption(dashed(key), option)]);
}

function parserOption(name: string, option: Option): ParserOptions {
  const { short } = option;
  const describe = option.type === "toggle" ? `${option.describe}; or --no-${name}` : option.describe;
  const common: ParserOptions = { describe, ...(short === undefined ? {} : { alias: short }) };
  switch (option.type) {
    case "flag":
    case "toggle":
      return { ...common, type: "boolean" };
    case "number":
      return { ...common, type: "number", requiresArg: true };
    case "texts":
      return { ...common, type: "string", array: true, requiresArg: true };
    case "text":
      return {
        ...common,
        type: "string",
        requiresArg: true,
        ...(option.choices === undefined ? {} : { choices: option.choices }),
        ...(option.default === undefined ? {} : { default: option.default }),
      };
  }
}

/** By the names in code, and nothing but what the command knows. */
function byCode(given: Given, { positionals, options }: Command): Given {
  const keys = [...Object.keys(positionals), ...Object.keys({ ...options, ...GLOBAL_OPTIONS })];
  return Object.fromEntries(keys.map((key) => [key, given[dashed(key)]]));
}
