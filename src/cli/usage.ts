import { nearest } from "../config/nearest.ts";
import { FaultError, FAULTS } from "../errors.ts";
import { PROGRAM } from "./commands.ts";
import { dashed, type Family, isFamily, MisfitError, usageOf } from "./definition.ts";
import { optionsOf, reach, type Reached } from "./reach.ts";

/** What the parser says where it has met no command. */
export const NO_COMMAND = "no command is named";

/** What is wrong with a command line, in words, and where to read on. */
export function usageError(argv: readonly string[], problem: string | MisfitError): FaultError {
  const reached = reach(argv);
  const name = [PROGRAM, ...reached.names].join(" ");
  const remedy = see(reached.names);
  if (!isFamily(reached.node)) {
    const message = ofCommand(reached, name, problem, argv);
    return new FaultError("USAGE", message, { remedy });
  }
  const known = Object.keys(reached.node.commands);
  const [word] = reached.words;
  const list = `${reached.names.join(" ")} needs one of: ${known.join(", ")}`;
  if (word === undefined) {
    const message = problem instanceof MisfitError || reached.names.length === 0 ? told(problem) : list;
    return new FaultError("USAGE", message, { remedy });
  }
  const unknown = [...reached.names, word].join(" ");
  const choice = reached.names.length === 0 ? `Commands are: ${known.join(", ")}.` : `${list}. ${remedy}`;
  const suggestion = meant(word, known) || inAFamily(word, reached.node);
  return new FaultError("USAGE", `Unknown command: ${unknown}.${suggestion}`, { remedy: choice });
}

/** What a command finds wrong with its line points at that command's help, like what the parser finds. */
export function ofThisLine(argv: readonly string[], error: unknown): unknown {
  return error instanceof MisfitError ? usageError(argv, error) : withOwnHelp(argv, error);
}

function withOwnHelp(argv: readonly string[], error: unknown): unknown {
  if (!(error instanceof FaultError) || error.fault.remedy !== FAULTS.USAGE) return error;
  const { code, message, path } = error.fault;
  return new FaultError(code, message, {
    remedy: see(reach(argv).names),
    cause: error,
    ...(path === undefined ? {} : { path }),
  });
}

function see(names: readonly string[]): string {
  return `See \`${[PROGRAM, ...names].join(" ")} --help\`.`;
}

/** `start`, by somebody who thinks of the service. */
function inAFamily(word: string, { commands }: Family): string {
  const candidates = Object.entries(commands)
    .filter(([, node]) => isFamily(node) && Object.hasOwn(node.commands, word))
    .map(([family]) => `${family} ${word}`);
  return candidates.length === 0 ? "" : ` Did you mean ${candidates.join(" or ")}?`;
}

function ofCommand(
  { names, node, words }: Reached,
  name: string,
  problem: string | MisfitError,
  argv: readonly string[],
): string {
  const message = told(problem);
  if (isFamily(node) || problem instanceof MisfitError) return message;
  if (message.startsWith("Not enough non-option arguments")) {
    const missing = Object.keys(node.positionals).slice(words.length);
    const wanted = missing.map((key) => `<${key}>`).join(" ");
    return `\`${[name, ...words].join(" ")}\` leaves out ${wanted}: it is \`${usageOf(name, node.positionals)}\``;
  }
  // The parser took the command's name for the value of an option that it does not know there.
  if (message === NO_COMMAND) {
    const others = argv.filter((word) => !names.includes(word));
    return `options of a command follow its name: \`${[name, ...others].join(" ")}\``;
  }
  const unknown = unknownIn(message);
  const [argument] = unknown;
  if (argument === undefined) return message;
  if (unknown.length > 1) return `Unknown arguments: ${unknown.join(", ")}.`;
  if (words.includes(argument)) {
    const takesNo = `\`${name}\` takes no ${argument}`;
    if (Object.keys(node.positionals).length > 0)
      return `${takesNo}: it is \`${usageOf(name, node.positionals)}\``;
    const [key] = Object.entries(node.options).find(([, option]) => "completes" in option) ?? [];
    return key === undefined ? takesNo : `${takesNo}. Did you mean --${dashed(key)} ${argument}?`;
  }
  const options = Object.keys(optionsOf(node)).map(dashed);
  return `Unknown argument: ${argument}.${meant(argument, options, "--")}`;
}

/** The parser names each option twice whose name has a dash in it: as it was given, and as code would call it. */
function unknownIn(message: string): string[] {
  const [, list] = /^Unknown arguments?: (.*)$/s.exec(message) ?? [];
  const names = list?.split(", ") ?? [];
  const twins = new Set(names.filter((name) => name.includes("-")).map(camelCased));
  return names.filter((name) => !twins.has(name));
}

function camelCased(name: string): string {
  return name.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
}

function told(problem: string | MisfitError): string {
  return typeof problem === "string" ? oneLine(problem) : problem.message;
}

/** Of a wrong choice the parser tells in several lines: `Argument: level, Given: "x", Choices: ...`. */
function oneLine(message: string): string {
  const [, name, given, choices] =
    /^Invalid values:\n {2}Argument: (.*), Given: (.*), Choices: (.*)/s.exec(message) ?? [];
  if (name === undefined)
    return message.replace(/^Not enough arguments following: (.*)$/s, "--$1 needs a value");
  return `--${name} cannot be ${given ?? ""}: it is one of ${choices?.replaceAll('"', "") ?? ""}`;
}

function meant(word: string, known: readonly string[], before = ""): string {
  const candidate = nearest(word, known);
  return candidate === undefined ? "" : ` Did you mean ${before}${candidate}?`;
}
