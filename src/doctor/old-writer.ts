import { readdir, readFile, realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import { systemCode } from "../errors.ts";
import { type Check, type Finding, warning } from "./finding.ts";

/** Hooks and settings are small; what is larger is something else. */
const MOST_BYTES = 1 << 20;
const OLD_WRITER = /\bstate_sync\.py\b|\butils[./ ](?:import )?state_sync\b|\bsync_state_to_global_cache\b/;

/** Whether the script that this replaces is still called: by hooks of agents, or by git's. */
export const checkOldWriter: Check = async ({ config, home }) => {
  const repos = (config?.registry.repos ?? []).filter(({ role }) => role === "execution");
  const places = [
    join(home, ".claude", "settings.json"),
    ...(await within(join(home, ".claude", "hooks"))),
    ...(await Promise.all(repos.map(({ path }) => placesOf(path)))).flat(),
  ];
  const found: Finding[] = [];
  const seen = new Set<string>();
  for (const place of places) {
    const real = await realpath(place).catch(() => place);
    if (seen.has(real)) continue;
    seen.add(real);
    const line = await lineThatCalls(place);
    if (line === undefined) continue;
    found.push(
      warning(
        "old writer",
        `${place}:${line} calls the old state_sync script`,
        "Remove the call. It does no harm, as what it writes is healed, but it is work for nothing.",
      ),
    );
  }
  return found;
};

async function placesOf(repo: string): Promise<string[]> {
  const settings = ["settings.json", "settings.local.json"].map((name) => join(repo, ".claude", name));
  const hooks = await Promise.all([join(repo, ".claude", "hooks"), join(repo, ".git", "hooks")].map(within));
  return [...settings, ...hooks.flat()];
}

async function within(directory: string): Promise<string[]> {
  try {
    return (await readdir(directory))
      .filter((name) => !name.endsWith(".sample"))
      .map((name) => join(directory, name));
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return [];
  }
}

async function lineThatCalls(file: string): Promise<number | undefined> {
  try {
    const stats = await stat(file);
    if (!stats.isFile() || stats.size > MOST_BYTES) return undefined;
    const lines = (await readFile(file, "utf8")).split("\n");
    const at = lines.findIndex((line) => OLD_WRITER.test(line) && !/^\s*#/.test(line));
    return at < 0 ? undefined : at + 1;
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return undefined;
  }
}
