import { readdir } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { expandTilde } from "../../config/expand.ts";
import { type OldMap, readOldMap } from "../../migration/old-map.ts";
import { findEnclosingRepo } from "../../config/scan.ts";
import { FaultError, systemCode } from "../../errors.ts";
import { homeOf } from "../../paths.ts";
import { realpathOrSame } from "../../store/real-path.ts";
import { type CommandContext, complainProse } from "../context.ts";
import { kindAt, smallText } from "../../store/small-text.ts";

export const OLD_SCRIPT = join("utils", "state_sync.py");

/** Directories beside and below the current one that are looked into. */
const MOST_DIRECTORIES = 1_000;

/** A map, and the copy of the script that it was read from. */
export interface FoundMap {
  readonly script: string;
  readonly map: OldMap;
  /** The other copies that say the same. */
  readonly copies: readonly string[];
}

/**
 * The map to go by: of the script that was named, or of those around the current directory.
 *
 * @throws FaultError USAGE where there is none, or where copies disagree and none was named.
 */
export async function findMap(named: readonly string[], context: CommandContext): Promise<FoundMap> {
  const home = homeOf(process.env);
  const scripts =
    named.length === 0 ? await around(context.cwd) : await namedScripts(named, home, context.cwd);
  const variants = await readVariants(scripts, home);
  const [chosen] = variants;
  if (chosen === undefined) throw noMap(scripts, named, context);
  if (variants.length > 1) throw disagreement(variants, context);
  // A copy that lies elsewhere may say something else; the named one counts.
  const others = await readVariants(
    chosen.map.entries.map(({ path }) => join(path, OLD_SCRIPT)).filter((path) => !scripts.includes(path)),
    home,
  );
  const same = others.find(({ map }) => meaningOf(map) === meaningOf(chosen.map));
  const different = others.filter((other) => other !== same);
  if (different.length > 0 && named.length === 0) throw disagreement([chosen, ...different], context);
  for (const { script } of different)
    complainProse(context, `${script} has another map; ${chosen.script} is the one that counts.`);
  return {
    ...chosen,
    copies: [...chosen.copies, ...(same === undefined ? [] : [same.script, ...same.copies])],
  };
}

/** In the repo around a directory, below the directory, and beside that repo. */
async function around(cwd: string): Promise<string[]> {
  const repo = await findEnclosingRepo(cwd);
  const places = [
    ...(repo === undefined ? [] : [repo]),
    ...(await childrenOf(cwd)),
    ...(await childrenOf(dirname(repo ?? resolve(cwd)))),
  ];
  return [...new Set(places.slice(0, MOST_DIRECTORIES))].map((place) => join(place, OLD_SCRIPT));
}

async function namedScripts(named: readonly string[], home: string, cwd: string): Promise<string[]> {
  const found: string[] = [];
  for (const name of named) {
    const path = resolve(cwd, expandTilde(name, home));
    const kind = await kindAt(path);
    if (kind === undefined) throw new FaultError("USAGE", `there is nothing at ${path}`, { path });
    if (kind === "file") found.push(path);
    else if ((await kindAt(join(path, OLD_SCRIPT))) === "file") found.push(join(path, OLD_SCRIPT));
    else found.push(...(await childrenOf(path)).map((child) => join(child, OLD_SCRIPT)));
  }
  return [...new Set(found)];
}

async function childrenOf(directory: string): Promise<string[]> {
  try {
    const entries = await readdir(directory, { withFileTypes: true });
    return entries
      .filter((entry) => (entry.isDirectory() || entry.isSymbolicLink()) && !entry.name.startsWith("."))
      .map(({ name }) => join(directory, name))
      .sort();
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return [];
  }
}

/** The maps that are found there, those that mean the same in one. */
async function readVariants(scripts: readonly string[], home: string): Promise<FoundMap[]> {
  const variants = new Map<string, FoundMap>();
  const seen = new Set<string>();
  for (const script of scripts) {
    const real = await realpathOrSame(script);
    if (seen.has(real)) continue;
    seen.add(real);
    const text = await smallText(script);
    const map = text === undefined ? undefined : readOldMap(text, home);
    if (map === undefined) continue;
    const meaning = meaningOf(map);
    const present = variants.get(meaning);
    variants.set(
      meaning,
      present === undefined
        ? { script, map, copies: [] }
        : { ...present, copies: [...present.copies, script] },
    );
  }
  return [...variants.values()];
}

/** Two maps that say the same in another order, or in other words, are one. */
function meaningOf({ entries, unread }: OldMap): string {
  const read = entries.map(({ name, path }) => `${name}\n${path}`).sort();
  return JSON.stringify([read, unread.map(({ name, why }) => `${name ?? ""}\n${why}`).sort()]);
}

function noMap(scripts: readonly string[], named: readonly string[], context: CommandContext): FaultError {
  const [only, second] = scripts;
  if (named.length === 0)
    return new FaultError(
      "USAGE",
      `no ${OLD_SCRIPT} with a REPO_MAP is found in, below or beside ${context.cwd}`,
      {
        path: context.cwd,
        remedy:
          "Name the script, or the directory of your repos: `state-syncd migrate <path>`. Without one: `state-syncd init`.",
      },
    );
  const where = second === undefined && only !== undefined ? only : named.join(", ");
  return new FaultError("USAGE", `no REPO_MAP is found in ${where}`, {
    path: where,
    remedy: "Name the script that has the map. Without one: `state-syncd init --scan <directory>`.",
  });
}

/** Shows in what they differ. */
function disagreement(variants: readonly FoundMap[], context: CommandContext): FaultError {
  const all = variants.map(({ map }) => new Map(map.entries.map(({ name, path }) => [name, path])));
  const names = new Set(all.flatMap((one) => [...one.keys()]));
  const differing = [...names].filter((name) => new Set(all.map((one) => one.get(name))).size > 1);
  for (const [at, { script, copies, map }] of variants.entries()) {
    const more = copies.length === 0 ? "" : ` (and ${copies.length} more with the same map)`;
    complainProse(context, `${script}${more}:`, "  ", "");
    const isUnread = (name: string): boolean => map.unread.some((entry) => entry.name === name);
    for (const name of differing) {
      const none = isUnread(name) ? "not understood in this one" : "not in this one";
      complainProse(context, `${name}: ${all[at]?.get(name) ?? none}`, "      ", "  ");
    }
    for (const { line, why } of map.unread) complainProse(context, `line ${line}: ${why}`, "      ", "  ");
  }
  return new FaultError("USAGE", `${variants.length} copies of the script have different maps`, {
    remedy: `Name the one that is right: \`state-syncd migrate ${variants[0]?.script ?? "<script>"}\`.`,
  });
}
