import { nearest } from "../config/nearest.ts";
import { FaultError, FAULTS } from "../errors.ts";
import { PROGRAM } from "./commands.ts";
import { dashed, isFamily, MisfitError, usageOf } from "./definition.ts";
import { optionsOf, reach, type Reached } from "./reach.ts";

/** A mistake that only the command itself could see points at its help as well, where it knows nothing better. */
export function withHelp(argv: readonly string[], error: unknown): unknown {
  if (!(error instanceof FaultError) || error.fault.code !== "USAGE") return error;
  if (error.fault.remedy !== FAULTS.USAGE) return error;
  const name = [PROGRAM, ...reach(argv).names].join(" ");
  return new FaultError("USAGE", error.message, {
    ...error.fault,
    remedy: `See \`${name} --help\`.`,
    cause: error,
  });
}

/** What is wrong with a command line, in words, and where to read on. */
export function usageError(argv: readonly string[], problem: string | MisfitError): FaultError {
  const reached = reach(argv);
  const name = [PROGRAM, ...reached.names].join(" ");
  const see = `See \`${name} --help\`.`;
  if (!isFamily(reached.node)) {
    return new FaultError("USAGE", ofCommand(reached, name, problem), { remedy: see });
  }
  const known = Object.keys(reached.node.commands);
  const [word] = reached.words;
  const list = `${reached.names.join(" ")} needs one of: ${known.join(", ")}`;
  if (word === undefined) {
    const message = problem instanceof MisfitError || reached.names.length === 0 ? told(problem) : list;
    return new FaultError("USAGE", message, { remedy: see });
  }
  const unknown = [...reached.names, word].join(" ");
  const remedy = reached.names.length === 0 ? `Commands are: ${known.join(", ")}.` : `${list}. ${see}`;
  return new FaultError("USAGE", `Unknown command: ${unknown}.${meant(word, known)}`, { remedy });
}

function ofCommand({ node, words }: Reached, name: string, problem: string | MisfitError): string {
  const message = told(problem);
  if (isFamily(node) || problem instanceof MisfitError) return message;
  if (message.startsWith("Not enough non-option arguments")) {
    const missing = Object.keys(node.positionals).slice(words.length);
    const wanted = missing.map((key) => `<${key}>`).join(" ");
    return `\`${[name, ...words].join(" ")}\` leaves out ${wanted}: it is \`${usageOf(name, node.positionals)}\``;
  }
  const [, argument] = /^Unknown argument: (.*)$/s.exec(message) ?? [];
  if (argument === undefined) return message;
  if (words.includes(argument))
    return `\`${name}\` takes no ${argument}: it is \`${usageOf(name, node.positionals)}\``;
  const options = Object.keys(optionsOf(node)).map(dashed);
  return `${message}.${meant(argument, options, "--")}`;
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
