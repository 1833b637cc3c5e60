import { access, constants, lstat, stat } from "node:fs/promises";
import { join } from "node:path";
import { CACHE_DIRECTORY, cachesOf } from "../core/registry.ts";
import { systemCode } from "../errors.ts";
import { cachePath } from "../store/write-scope.ts";
import { type Check, type Finding, note, problem, warning } from "./finding.ts";

/** The longest path that a socket may have: sun_path has 108 bytes on Linux, 104 on macOS. */
const LONGEST_SOCKET = 103;

/** Whether the daemon may write where it has to, and only its user may look where it keeps its own. */
export const checkPermissions: Check = async ({ config, paths, platform, report }) => {
  const found: Finding[] = [];
  const told = new Set(
    (report?.edges ?? []).flatMap(({ to, error }) => (error?.code === "CACHE_PERMISSION" ? [to] : [])),
  );
  for (const repo of config === undefined ? [] : cachesOf(config.registry)) {
    const directory = join(repo.path, CACHE_DIRECTORY);
    const place = (await exists(directory)) ? directory : repo.path;
    if (
      !told.has(repo.name) &&
      (await exists(place)) &&
      !(await may(place, constants.W_OK | constants.X_OK))
    ) {
      found.push(
        problem(
          repo.name,
          `${place} cannot be written by you`,
          `Make it writable, for instance with: chmod u+rwx '${place}', or chown it where it is another user's.`,
        ),
      );
    }
    if (await isLink(directory))
      found.push(note(repo.name, `${directory} is a link; it has to stay inside the repo`));
    if (await isLink(cachePath(repo)))
      found.push(note(repo.name, `${cachePath(repo)} is a link; it has to stay inside the repo`));
  }
  for (const directory of new Set([paths.stateDirectory, paths.runDirectory])) {
    const mode = await modeOf(directory);
    if (mode === undefined || (mode & 0o077) === 0) continue;
    found.push(
      warning(
        "private",
        `${directory} is open to others (mode ${mode.toString(8)})`,
        `\`chmod 700 ${directory}\`, or restart the daemon, which does it.`,
      ),
    );
  }
  const bytes = Buffer.byteLength(paths.socket);
  if (bytes > LONGEST_SOCKET) {
    const most = platform === "darwin" ? "104" : "108";
    found.push(
      problem(
        "socket",
        `${paths.socket} is too long for a socket: ${bytes} bytes of ${most}`,
        "Set XDG_RUNTIME_DIR to a shorter directory, for the daemon and for you.",
      ),
    );
  }
  return found;
};

async function exists(path: string): Promise<boolean> {
  return (await modeOf(path)) !== undefined;
}

async function modeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).mode & 0o777;
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return undefined;
  }
}

async function isLink(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isSymbolicLink();
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return false;
  }
}

async function may(path: string, mode: number): Promise<boolean> {
  try {
    await access(path, mode);
    return true;
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return false;
  }
}
