import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { open, readlink } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { FaultError, systemCode } from "../errors.ts";
import { realpathOrSame } from "../store/real-path.ts";
import { parseYaml } from "./document.ts";
import { homeOf } from "../paths.ts";
import type { Environment } from "./expand.ts";
import { type Finding, type Interpretation, type Settings, describe, interpret } from "./interpret.ts";
import { ConfigError, type Mistake } from "./mistakes.ts";

export { ConfigError, type Mistake } from "./mistakes.ts";

/** A config that was read and found right. */
export interface Config extends Settings {
  /** The file's path, absolute, links not resolved: relative paths in it are relative to its directory. */
  readonly file: string;
  /** Of the file's bytes, in hex: two equal ones need no second look. */
  readonly sha256: string;
}

/** No config is as large as this; something else was named by mistake. */
const MOST_BYTES = 1024 * 1024;

/**
 * Reads and checks a config file, whole: either all of it is right or nothing of it counts.
 *
 * @param file relative to the current directory, or absolute.
 * @throws ConfigError with every mistake in it; FaultError CONFIG_MISSING or CONFIG_UNREADABLE.
 */
export async function loadConfig(file: string, env: Environment = process.env): Promise<Config> {
  const path = resolve(file);
  return parseConfig(await readConfigFile(path), path, env);
}

/**
 * Like {@link loadConfig}, for bytes that are not, or not yet, in the file.
 *
 * @param file absolute; what relative paths are relative to, and what messages name.
 */
export async function parseConfig(
  bytes: Buffer,
  file: string,
  env: Environment = process.env,
): Promise<Config> {
  const yaml = parseYaml(decode(bytes, file));
  const surroundings = { directory: dirname(file), home: homeOf(env), env };
  const { settings, findings, directories, patterns } = interpret(yaml.value, surroundings, yaml.names);
  const twice = await findSharedDirectories(directories);
  const bad = await findBadPatterns(patterns);
  const located = [...findings, ...twice, ...bad].flatMap((finding) => yaml.locate(finding) ?? []);
  const mistakes: Mistake[] = [...yaml.mistakes, ...located];
  if (settings === undefined || mistakes.length > 0) throw new ConfigError(file, mistakes);
  return { ...settings, file, sha256: createHash("sha256").update(bytes).digest("hex") };
}

/** @throws FaultError CONFIG_MISSING or CONFIG_UNREADABLE. */
export async function readConfigFile(path: string): Promise<Buffer> {
  try {
    // Without O_NONBLOCK the opening of a pipe would wait for its writer.
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stats = await handle.stat();
      if (!stats.isFile())
        throw new FaultError("CONFIG_UNREADABLE", `${path} is not a regular file`, { path });
      if (stats.size > MOST_BYTES) {
        const found = `${stats.size} bytes`;
        throw new ConfigError(path, [
          { line: 1, column: 1, found, expected: "a config, at most 1 MiB", where: "" },
        ]);
      }
      return await handle.readFile();
    } finally {
      await handle.close();
    }
  } catch (cause) {
    const code = systemCode(cause);
    if (code === undefined) throw cause;
    if (code !== "ENOENT")
      throw new FaultError("CONFIG_UNREADABLE", `cannot read ${path}: ${code}`, { path, cause });
    const target = await readlink(path).catch(() => undefined);
    const link = target === undefined ? "" : `: the link leads to ${target}, and nothing is there`;
    throw new FaultError("CONFIG_MISSING", `there is no config at ${path}${link}`, { path, cause });
  }
}

/** @throws ConfigError that points at the first byte that is not UTF-8. */
function decode(bytes: Buffer, file: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    const before = new TextDecoder("utf-8").decode(bytes).split("\uFFFD", 1)[0] ?? "";
    const lines = before.split("\n");
    const position = { line: lines.length, column: (lines.at(-1) ?? "").length + 1 };
    const mistake = {
      found: "bytes that are not UTF-8",
      expected: "the file to be saved as UTF-8",
      where: "",
    };
    throw new ConfigError(file, [{ ...position, ...mistake }]);
  }
}

/** Patterns that could not be matched, or not in bounded time. */
async function findBadPatterns(patterns: Interpretation["patterns"]): Promise<Finding[]> {
  if (patterns.length === 0) return [];
  // A large engine, for the few configs that have patterns.
  const { allowMistake, patternMistake } = await import("../guard/pattern.ts");
  return patterns.flatMap(({ path, kind, pattern }): Finding[] => {
    const mistake = kind === "allow" ? allowMistake(pattern) : patternMistake(pattern);
    if (mistake === undefined) return [];
    const found = `${describe(pattern)}, which ${mistake}`;
    const expected = "a pattern in the syntax of RE2, like 'MRN-[0-9]{8}'";
    return [{ path, at: "value", found, expected }];
  });
}

/** Two names for one directory would make two writers of one cache. */
async function findSharedDirectories(directories: Interpretation["directories"]): Promise<Finding[]> {
  const findings: Finding[] = [];
  const owners = new Map<string, string>();
  const real = await Promise.all(directories.map(({ path }) => realpathOrSame(path)));
  for (const [index, { name, writtenPath }] of directories.entries()) {
    const directory = real[index] ?? "";
    const owner = owners.get(directory);
    if (owner === undefined) owners.set(directory, name);
    else {
      const found = `${describe(writtenPath)}, the directory of ${owner} as well`;
      findings.push({ path: ["repos", name, "path"], at: "value", found, expected: "each directory once" });
    }
  }
  return findings;
}
