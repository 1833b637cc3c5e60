import { realpath } from "node:fs/promises";
import { join, sep } from "node:path";
import { realpathOrSame } from "../store/real-path.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** A way to a file, and whether an upgrade leaves it. */
export interface StablePath {
  readonly path: string;
  readonly stable: boolean;
}

/**
 * The way to a file that is most likely to be there next year: one that leads to this very file
 * now, and names no version and no place that is cleared.
 *
 * @param file where the file is, as the system says.
 * @param ways absolute paths that may lead to it, the best first.
 * @param passes whether a path will not be there for long.
 */
export async function stablePath(
  file: string,
  ways: readonly string[],
  env: Environment,
  passes = (path: string): boolean => isPassing(path, env),
): Promise<StablePath> {
  const real = await realpathOrSame(file);
  for (const way of [...ways, file, real]) {
    if (passes(way)) continue;
    if ((await realpathOrSame(way)) === real || (await isShim(way, real))) return { path: way, stable: true };
  }
  return { path: real, stable: false };
}

/** Where a `node` that outlives upgrades may be found. */
export function waysToNode(home: string, env: Environment): string[] {
  const links = [
    "/usr/bin/node",
    "/usr/local/bin/node",
    "/opt/homebrew/bin/node",
    "/home/linuxbrew/.linuxbrew/bin/node",
    join(env["VOLTA_HOME"] ?? join(home, ".volta"), "bin", "node"),
    join(env["NVM_DIR"] ?? join(home, ".nvm"), "current", "bin", "node"),
    join(env["FNM_DIR"] ?? join(home, ".local", "share", "fnm"), "aliases", "default", "bin", "node"),
    join(home, ".nix-profile", "bin", "node"),
    "/run/current-system/sw/bin/node",
  ];
  return [...waysByPath("node", env), ...links];
}

/** A program of that name in each directory of PATH. */
export function waysByPath(name: string, env: Environment): string[] {
  const directories = (env["PATH"] ?? "").split(":");
  return directories
    .filter((directory) => directory.startsWith("/"))
    .map((directory) => join(directory, name));
}

/**
 * Whether a path names a version (`.nvm/versions/node/v22.22.0`, `Cellar/node/22.22.0`, a store of
 * nix), or lies where things are cleared: temporary directories, npx's cache, fnm's shells.
 */
export function isPassing(path: string, env: Environment): boolean {
  if (/\/[^/]*(?<![\d.])v?\d+\.\d+[^/]*\//.test(path)) return true;
  if (/\/(?:nix\/store|Cellar|_npx|fnm_multishells|node_modules\/\.bin)\//.test(path)) return true;
  const cleared = ["/tmp", "/var/tmp", "/run/user", env["TMPDIR"], env["XDG_RUNTIME_DIR"]];
  return cleared.some(
    (directory) => directory !== undefined && directory !== "" && path.startsWith(directory + sep),
  );
}

/** Volta's `node` is a program of its own, which runs the version that its user has chosen. */
async function isShim(way: string, real: string): Promise<boolean> {
  const [volta] = /^.*\/\.?volta(?=\/tools\/)/.exec(real) ?? [];
  if (volta === undefined || !way.startsWith(join(volta, "bin") + sep)) return false;
  try {
    await realpath(way);
    return true;
  } catch {
    return false;
  }
}
