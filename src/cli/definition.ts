import type { CommandContext } from "../commands/context.ts";
import type { ExitCode } from "../errors.ts";

/**
 * What a command of the command line is, in data. The parser, the help, the completions, the manual
 * page and the errors of usage are all made from it, so that none of them knows less than another.
 */

/** What a shell may complete a word with, where it is not one of a few. */
export type Completes = "repo" | "directory" | "file";

export interface Positional {
  readonly describe: string;
  /** `<path>`, and not `[path]`. */
  readonly required?: boolean;
  /** `[repo..]`. */
  readonly many?: boolean;
  readonly completes?: Completes;
}

interface AnyOption {
  readonly describe: string;
  /** Its one letter. */
  readonly short?: string;
}

/** `--all`: false where it is not given. */
interface Flag extends AnyOption {
  readonly type: "flag";
}

/** `--exclude`, `--no-exclude`, or neither. */
interface Toggle extends AnyOption {
  readonly type: "toggle";
}

interface Valued extends AnyOption {
  /** What stands for the value in the manual: `DURATION`. */
  readonly value: string;
  readonly completes?: Completes;
}

interface TextOption extends Valued {
  readonly type: "text";
  readonly choices?: readonly string[];
  readonly default?: string;
}

interface NumberOption extends Valued {
  readonly type: "number";
}

/** Takes all the words up to the next option. */
interface TextsOption extends Valued {
  readonly type: "texts";
}

export type Option = Flag | Toggle | TextOption | NumberOption | TextsOption;

export interface Example {
  /** What follows `state-syncd`. */
  readonly line: string;
  readonly tells: string;
}

/** What each exit code says, where that is more than what {@link EXITS} says of it. */
export type Exits = Readonly<Partial<Record<ExitCode, string>>>;

/** What is said of a command, whoever says it. */
interface About {
  /** A few words, for lists. */
  readonly describe: string;
  /** What else there is to know, a paragraph each. */
  readonly details?: readonly string[];
  readonly examples: readonly [Example, ...Example[]];
  readonly exits?: Exits;
  /** The same, where no other code comes. */
  readonly onlyExits?: Exits;
}

export type Positionals = Readonly<Record<string, Positional>>;
export type Options = Readonly<Record<string, Option>>;

type PositionalValue<P extends Positional> = P extends { readonly many: true }
  ? readonly string[]
  : P extends { readonly required: true }
    ? string
    : string | undefined;

type TextValue<O> = O extends { readonly choices: readonly (infer C)[] } ? C : string;

type OptionValue<O extends Option> = O extends { readonly type: "flag" }
  ? boolean
  : O extends { readonly type: "toggle" }
    ? boolean | undefined
    : O extends { readonly type: "number" }
      ? number | undefined
      : O extends { readonly type: "texts" }
        ? readonly string[] | undefined
        : O extends { readonly default: string }
          ? TextValue<O>
          : TextValue<O> | undefined;

/** What a command gets of its line: by the names that its definition gives them. */
export type Args<P extends Positionals, O extends Options> = {
  readonly [K in keyof P]: PositionalValue<P[K]>;
} & { readonly [K in keyof O]: OptionValue<O[K]> };

export type Nothing = { readonly [K in never]: never };

interface Definition<P extends Positionals, O extends Options> extends About {
  /** In their order. Their names are what the usage shows. */
  readonly positionals?: P;
  /** By the name in code: `dryRun` is `--dry-run`. */
  readonly options?: O;
  /** Imports the command's code, and does it. */
  readonly run: (args: Args<P, O>, context: CommandContext) => Promise<ExitCode>;
}

/** What was given on a line, by names as in the definition. Nothing is known of the values. */
export type Given = Readonly<Record<string, unknown>>;

export interface Command extends About {
  readonly positionals: Positionals;
  readonly options: Options;
  /** @throws MisfitError where a value is not what the definition asks for. */
  readonly run: (given: Given, context: CommandContext) => Promise<ExitCode>;
}

/** Does what a line says: with the command that it names, and what it gives it. */
export type Act = (command: Command, given: Given) => Promise<ExitCode>;

/** A command that is nothing without one of its own: `repos add`. */
export interface Family {
  readonly describe: string;
  readonly details?: readonly string[];
  readonly commands: Readonly<Record<string, Command | Family>>;
}

export function isFamily(node: Command | Family): node is Family {
  return "commands" in node;
}

/** Defines a command. What its `run` gets is typed by its positionals and options. */
export function command<const P extends Positionals = Nothing, const O extends Options = Nothing>(
  definition: Definition<P, O>,
): Command {
  const { positionals, options, run, ...about } = definition;
  const shape: Shape<P, O> = { positionals, options };
  return {
    ...about,
    positionals: positionals ?? {},
    options: options ?? {},
    run: async (given, context) => {
      const args = withDefaults(given, shape);
      requireFit(args, shape);
      return await run(args, context);
    },
  };
}

interface Shape<P extends Positionals, O extends Options> {
  readonly positionals: P | undefined;
  readonly options: O | undefined;
}

/** A value of another kind than was asked for: an option that was given twice is a list, for the parser. */
export class MisfitError extends Error {
  /** The name in code. */
  readonly key: string;

  constructor(key: string) {
    super(`--${dashed(key)} is given more than once, or not as it should be`);
    this.name = "MisfitError";
    this.key = key;
  }
}

function withDefaults(given: Given, { positionals, options }: Shape<Positionals, Options>): Given {
  const many = Object.entries(positionals ?? {}).flatMap(([key, { many }]) =>
    many === true ? [[key, given[key] ?? []]] : [],
  );
  const flags = Object.entries(options ?? {}).flatMap(([key, { type }]) =>
    type === "flag" ? [[key, given[key] ?? false]] : [],
  );
  const defaults = Object.entries(options ?? {}).flatMap(([key, option]) =>
    option.type === "text" && option.default !== undefined ? [[key, given[key] ?? option.default]] : [],
  );
  return { ...given, ...Object.fromEntries([...many, ...flags, ...defaults]) };
}

/** The one place where what a parser gives becomes what a command was promised: each value is looked at. */
function requireFit<P extends Positionals, O extends Options>(
  given: Given,
  { positionals, options }: Shape<P, O>,
): asserts given is Given & Args<P, O> {
  for (const [key, { many, required }] of Object.entries<Positional>(positionals ?? {})) {
    const value = given[key];
    const fits =
      many === true
        ? isTexts(value)
        : typeof value === "string" || (value === undefined && required !== true);
    if (!fits) throw new MisfitError(key);
  }
  for (const [key, option] of Object.entries<Option>(options ?? {}))
    if (!fitsOption(option, given[key])) throw new MisfitError(key);
}

function fitsOption(option: Option, value: unknown): boolean {
  if (option.type === "flag") return typeof value === "boolean";
  if (value === undefined) return option.type !== "text" || option.default === undefined;
  switch (option.type) {
    case "toggle":
      return typeof value === "boolean";
    case "number":
      return typeof value === "number";
    case "texts":
      return isTexts(value);
    case "text":
      return typeof value === "string" && (option.choices?.includes(value) ?? true);
  }
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === "string");
}

/** The name of an option on the line: `dryRun` is `dry-run`. */
export function dashed(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** `pull [repo]`, `repos add <path>`. */
export function usageOf(name: string, positionals: Positionals): string {
  const words = Object.entries(positionals).map(([key, { required, many }]) => {
    const word = many === true ? `${key}..` : key;
    return required === true ? `<${word}>` : `[${word}]`;
  });
  return [name, ...words].join(" ");
}
