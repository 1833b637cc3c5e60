import { dirname, extname, join, resolve } from "node:path";
import { CACHE_FILE, cachesOf, type Registry, type Repo } from "../core/registry.ts";
import { importsIn } from "../hooks/settings/imports.ts";
import { userSettings } from "../hooks/settings/file.ts";
import { realpathOrSame } from "../store/real-path.ts";
import { smallText } from "../store/small-text.ts";
import { cachePath } from "../store/write-scope.ts";
import { type Check, type Finding, warning, type World } from "./finding.ts";

/** How far Claude Code follows files that import files. */
const MOST_HOPS = 4;
const PLACES = ["CLAUDE.md", join(".claude", "CLAUDE.md"), "CLAUDE.local.md"];

/**
 * Whether an agent's instructions import a cache by an `@path`: what peers wrote is looked through
 * for further `@path`s then, and files of the reader's are put in their place.
 */
export const checkImports: Check = async ({ config, home, env }) =>
  config === undefined ? [] : await lookAtImports(config.registry, { home, env });

/** @param within the repos whose instructions are looked at, and the user's own; if not given, all. */
export async function lookAtImports(
  registry: Registry,
  { home, env }: Pick<World, "home" | "env">,
  within: readonly Repo[] = registry.repos,
): Promise<Finding[]> {
  const caches = new Map<string, Repo>();
  for (const repo of cachesOf(registry)) caches.set(await realpathOrSame(cachePath(repo)), repo);
  const roots: { readonly file: string; readonly repo: Repo | undefined }[] = within
    .filter(({ role }) => role === "execution")
    .flatMap((repo) => PLACES.map((place) => ({ file: join(repo.path, place), repo })));
  roots.push({ file: join(dirname(userSettings(home, env)), "CLAUDE.md"), repo: undefined });
  const found: Finding[] = [];
  const seen = new Set<string>();
  for (const { file, repo } of roots) {
    for (const { from, line, cache } of await cachesImportedBy(file, home, seen)) {
      const whose = caches.get(await realpathOrSame(cache)) ?? repo;
      if (whose !== undefined && isFenced(whose)) continue;
      const name = whose?.name ?? "the repo";
      found.push(
        warning(
          "imports",
          `${from}:${line} imports a cache: an \`@path\` in a peer's state would be expanded in there, with a file of yours`,
          `Set \`fence: true\` in the entry of ${name} in the config, or name the cache without the \`@\`.`,
        ),
      );
    }
  }
  return found;
}

/** Its bodies stand in code, where nothing is expanded. */
function isFenced(repo: Repo): boolean {
  return repo.fence;
}

interface CacheImport {
  readonly from: string;
  readonly line: number;
  readonly cache: string;
}

/** @param seen what was looked at already, by whatever name. */
async function cachesImportedBy(
  file: string,
  home: string,
  seen: Set<string>,
  hops = 0,
): Promise<CacheImport[]> {
  const real = await realpathOrSame(file);
  if (seen.has(real) || hops > MOST_HOPS) return [];
  seen.add(real);
  const found: CacheImport[] = [];
  for (const { path, line } of importsIn((await smallText(real)) ?? "")) {
    const there = path.startsWith("~/") ? join(home, path.slice(2)) : resolve(dirname(file), path);
    if (there.endsWith(`/${CACHE_FILE}`)) found.push({ from: file, line, cache: there });
    // What is not text is no file of instructions.
    else if (/^\.(?:md|mdc|txt|markdown)$/.test(extname(there)))
      found.push(...(await cachesImportedBy(there, home, seen, hops + 1)));
  }
  return found;
}
