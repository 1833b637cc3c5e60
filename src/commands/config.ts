import { stat } from "node:fs/promises";
import { within } from "../concurrently.ts";
import { type Config, ConfigError, loadConfig } from "../config/load.ts";
import { jsonSchema } from "../config/schema.ts";
import { peersOf, targetsOf } from "../core/registry.ts";
import { isSilent, probeDisks } from "../store/disks.ts";
import { EXIT, type ExitCode, systemCode } from "../errors.ts";
import { type CommandContext, complain, print, printFacts, printText } from "./context.ts";

/** Of a disk that does not answer nothing is said that it has not said. */
const PATIENCE_MS = 2_000;

/** Prints where the config is, or would be. */
export async function configPath(context: CommandContext): Promise<ExitCode> {
  const { config } = context.paths;
  if (context.json) printFacts(context, { config });
  // For `$(...)`: a program is to find the file by it.
  else printText(context, config);
  return EXIT.ok;
}

/**
 * Says whether the config is right, and what in it is right but probably not meant.
 *
 * @throws ConfigError, unless the facts were asked for as JSON; FaultError CONFIG_MISSING or
 *   CONFIG_UNREADABLE.
 */
export async function configCheck(context: CommandContext): Promise<ExitCode> {
  try {
    const config = await loadConfig(context.paths.config);
    const notes = await findDoubts(config);
    const { length } = config.registry.repos;
    const passive = config.registry.repos.filter((repo) => repo.role === "passive").length;
    if (context.json) {
      printFacts(context, { valid: true, config: config.file, repos: length, mistakes: [], notes });
      return EXIT.ok;
    }
    print(
      context,
      `${config.file} is right: ${length} ${length === 1 ? "repo" : "repos"}, ${passive} of them passive.`,
    );
    for (const note of notes) complain(context, `Note: ${note}`);
    return EXIT.ok;
  } catch (error) {
    if (!(error instanceof ConfigError) || !context.json) throw error;
    printFacts(context, { valid: false, config: error.file, mistakes: error.mistakes });
    return EXIT.usage;
  }
}

/** Prints the JSON Schema of the config, for editors. */
export async function configSchema(context: CommandContext): Promise<ExitCode> {
  printFacts(context, jsonSchema(), 2);
  return EXIT.ok;
}

async function findDoubts({ registry }: Config): Promise<string[]> {
  const notes: string[] = [];
  await probeDisks(registry.repos);
  for (const repo of registry.repos) {
    if (isSilent(repo)) notes.push(`${repo.name}: the disk of ${repo.writtenPath} does not answer.`);
    else if ((await within(PATIENCE_MS, isDirectory(repo.path))) === false)
      notes.push(`${repo.name}: there is no directory ${repo.writtenPath} now.`);
    if (repo.role === "passive") continue;
    if (peersOf(registry, repo).length + targetsOf(registry, repo).length > 0) continue;
    notes.push(`${repo.name} shares with no other repo; its groups: ${repo.groups.join(", ")}.`);
  }
  return notes;
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return false;
  }
}
