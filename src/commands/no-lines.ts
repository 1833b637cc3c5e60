import { within } from "../concurrently.ts";
import { FaultError } from "../errors.ts";
import type { LogFilter } from "../log/read.ts";
import { lockHolder } from "../store/lock-holder.ts";
import { complain, type CommandContext } from "./context.ts";
import { placesOf, readPlaces } from "./log-places.ts";

/** The config is wanted for a better word only: a disk that does not answer gets this long. */
const CONFIG_MS = 2_000;

/**
 * Says that no line is wanted, or why: a repo that no line of the log is about, and that is not
 * registered, is most likely misspelt.
 *
 * @param options.goingOn whether lines may still come: then nothing is a fault.
 * @throws FaultError REPO_UNKNOWN.
 */
export async function tellOfNoLines(
  filter: LogFilter,
  context: CommandContext,
  options: { readonly goingOn: boolean } = { goingOn: false },
): Promise<void> {
  const { repo } = filter;
  if (repo === undefined) {
    const all = filter.level === undefined && filter.since === undefined;
    complain(context, all ? "The log is empty." : "No line of the log matches.");
    return;
  }
  const { names, unknown } = await registeredRepos(context);
  if (names !== undefined && !names.includes(repo) && !(await isInAnyLine(repo, context))) {
    const known = names.join(", ") || "none";
    const message = `Unknown repo: ${repo}. No line of the log is about it. Registered are: ${known}`;
    if (!options.goingOn) throw new FaultError("REPO_UNKNOWN", message, { repo });
    complain(context, message);
    return;
  }
  const why = unknown === undefined ? "" : ` Which repos are registered is not known: ${unknown}`;
  complain(context, `No line of the log about ${repo} matches.${why}`);
}

async function isInAnyLine(repo: string, { paths }: CommandContext): Promise<boolean> {
  return (await readPlaces(await placesOf(paths), { repo }, 1)).lines.length > 0;
}

interface Registered {
  readonly names?: readonly string[];
  /** Why the names cannot be told. */
  readonly unknown?: string;
}

async function registeredRepos({ paths }: CommandContext): Promise<Registered> {
  try {
    const running = paths.configChosen ? undefined : (await lockHolder(paths))?.config;
    const { loadConfig } = await import("../config/load.ts");
    const config = await within(CONFIG_MS, loadConfig(running ?? paths.config));
    if (config === undefined) return { unknown: "the disk of the config does not answer" };
    return { names: config.registry.repos.map(({ name }) => name) };
  } catch (error) {
    const [unknown = ""] = String(error instanceof Error ? error.message : error).split("\n");
    return { unknown };
  }
}
