import { isAbsolute, normalize, resolve, sep } from "node:path";
import { CACHE_DIRECTORY } from "../core/registry.ts";
import { homeOf } from "../paths.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** What the paths of a config are relative to. */
export interface Surroundings {
  /** The directory of the config file, by the name under which it was opened. */
  readonly directory: string;
  readonly home: string;
  readonly env: Environment;
}

/** The path, or what would have been right. */
export type Expanded = { readonly path: string } | { readonly expected: string };

/** They would break the lines of a cache and of a terminal. */
const CONTROL = /\p{Cc}/u;
const VARIABLE = /\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

/** `~` and `~/...`; everything else stays. */
export function expandTilde(written: string, home: string): string {
  return written === "~" || written.startsWith("~/") ? home + written.slice(1) : written;
}

/**
 * A repo's directory as an absolute path. `$VAR` without braces is refused at the start of a
 * path, where it can only be meant as a variable; `./$name` is for directories that are called so.
 */
export function expandPath(written: string, surroundings: Surroundings): Expanded {
  const { directory, home, env } = surroundings;
  if (CONTROL.test(written)) return { expected: "a path without control characters" };
  const bare = /^\$([A-Za-z_][A-Za-z0-9_]*)/.exec(written)?.[1];
  if (bare !== undefined)
    return { expected: `the variable in braces: \${${bare}}${written.slice(bare.length + 1)}` };
  if (/^~[^/]/.test(written))
    return { expected: "~ alone or ~/...; the home of another user is written in full" };

  const missing = [...written.matchAll(VARIABLE)]
    .map((match) => match[1] ?? "")
    .find((name) => env[name] === undefined || env[name] === "");
  if (missing !== undefined) return { expected: `a variable that is set; ${missing} is not` };
  if (written.replace(VARIABLE, "").includes("${")) return { expected: "variables in the form ${NAME}" };

  const expanded = expandTilde(written, home).replace(VARIABLE, (_, name: string) => env[name] ?? "");
  if (CONTROL.test(expanded)) return { expected: "variables without control characters" };
  return { path: resolve(directory, expanded) };
}

/** A state file's path relative to its repo, normalised. */
export function expandStateFile(written: string): Expanded {
  const inside = "a path inside the repo, like docs/STATE.md";
  if (CONTROL.test(written)) return { expected: "a path without control characters" };
  if (isAbsolute(written) || written === "~" || written.startsWith("~/")) {
    return { expected: `${inside}, relative to it` };
  }
  if (written.includes("${")) return { expected: `${inside}, without variables` };
  const path = normalize(written);
  if (path === ".." || path.startsWith(`..${sep}`)) return { expected: `${inside}; this one leaves it` };
  if (path === "." || path.endsWith(sep)) return { expected: "a file, not a directory, like docs/STATE.md" };
  // Some file systems do not tell `.AIBRAIN` from `.aibrain`.
  if (path.split(sep).some((segment) => segment.toLowerCase() === CACHE_DIRECTORY)) {
    return { expected: `a file outside ${CACHE_DIRECTORY}, where the caches are, like docs/STATE.md` };
  }
  return { path };
}

/**
 * How a config names a directory: with `~` where it lies in the user's home.
 *
 * @param absolute an absolute path.
 * @returns undefined where the path cannot be written so that it is read as itself again.
 */
export function toWrittenPath(absolute: string, env: Environment): string | undefined {
  const home = resolve(homeOf(env));
  const inHome = home !== sep && (absolute === home || absolute.startsWith(home + sep));
  const written = inHome ? `~${absolute.slice(home.length)}` : absolute;
  const readBack = expandPath(written, { directory: sep, home, env });
  return "path" in readBack && readBack.path === resolve(absolute) ? written : undefined;
}
