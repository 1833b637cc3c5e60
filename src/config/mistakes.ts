import { FaultError } from "../errors.ts";

/** One thing that is wrong in a config file. */
export interface Mistake {
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 units, as editors count. */
  readonly column: number;
  readonly found: string;
  readonly expected: string;
  /** The place in the config, like `repos.karematch.path`; empty where it is the file as such. */
  readonly where: string;
}

/** A config that is refused, with everything that is wrong in it. */
export class ConfigError extends FaultError {
  readonly file: string;
  /** At least one; in the order of the file. */
  readonly mistakes: readonly Mistake[];

  constructor(file: string, mistakes: readonly Mistake[]) {
    const ordered = mistakes.toSorted((one, other) => one.line - other.line || one.column - other.column);
    super("CONFIG_INVALID", ordered.map((mistake) => formatMistake(file, mistake)).join("\n"), {
      path: file,
    });
    this.name = "ConfigError";
    this.file = file;
    this.mistakes = ordered;
  }

  override get lines(): readonly string[] {
    return this.mistakes.map((mistake) => formatMistake(this.file, mistake));
  }
}

/** One line that editors and terminals can follow to the place. */
export function formatMistake(file: string, mistake: Mistake): string {
  const where = mistake.where === "" ? "" : ` ${mistake.where}`;
  return `${file}:${mistake.line}:${mistake.column}${where}: found ${mistake.found}, expected ${mistake.expected}`;
}

/** A path into the config as people write it. */
export function formatPlace(path: readonly (string | number)[]): string {
  return path
    .map((part, index) => {
      if (typeof part === "number") return `[${part}]`;
      if (!/^[\w-]+$/.test(part)) return `[${JSON.stringify(part)}]`;
      return index === 0 ? part : `.${part}`;
    })
    .join("");
}
