import { accessSync, constants, existsSync } from "node:fs";
import { type FileHandle, lstat, mkdir, open, readdir, realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import { CACHE_DIRECTORY, CACHE_FILE, type Repo } from "../core/registry.ts";
import { fault, type Fault, type FaultCode, FaultError, systemCode } from "../errors.ts";
import { isInside, isOpenInside, whereOpen } from "./anchor.ts";
import { type FileIdentity, identityOf } from "./identity.ts";
import { protectionOf } from "./privacy.ts";
import { stateFilePath } from "./state-file.ts";
import { removeTemporaries } from "./temporary.ts";
import { cachePath } from "./write-scope.ts";
import { closeQuietly } from "./close.ts";

/** No mesh of state files makes a cache this large; what is larger is not ours to load. */
const MOST_BYTES = 256 * 1024 * 1024;

/** What of a repo it takes to find its cache. */
type Owner = Pick<Repo, "name" | "path" | "stateFile">;

/** A cache as it was found. Its handle stays open until the caller closes it. */
export interface OpenedCache {
  /** The cache's real path: where a link inside the repo leads, if it is one. */
  readonly file: string;
  /** The repo's directory, links resolved: what the cache must lie in when it is replaced. */
  readonly root: string;
  /** A link inside the repo leads to it, so that it may be somewhere else than its name says. */
  readonly linked: boolean;
  /** Undefined where there is no cache, and where it is the one that was known. */
  readonly bytes: Buffer | undefined;
  readonly identity: FileIdentity | undefined;
  readonly changedAtMs: number;
  readonly like: { readonly mode: number; readonly uid: number; readonly gid: number } | undefined;
  readonly handle: FileHandle | undefined;
}

/**
 * Opens and reads a repo's cache. A cache, or a `.aibrain`, that is not there is no fault.
 *
 * @param known a file of this identity is opened and not read.
 * @throws FaultError with a CACHE_ code, or REPO_MISSING.
 */
export async function openCache(repo: Owner, known?: FileIdentity): Promise<OpenedCache> {
  const path = cachePath(repo);
  try {
    const straight = await openStraight(repo, known !== undefined);
    if (straight !== undefined) {
      const { file, root, handle } = straight;
      return { ...(await readOpened(handle, { file, path, known })), root, linked: false };
    }
    const root = await realpath(repo.path);
    const file = await findCache(repo, root);
    if (file === undefined) return { ...absent(path), root, linked: false };
    const linked = file !== join(root, CACHE_DIRECTORY, CACHE_FILE);
    const handle = await openRegular(file, path);
    if (handle === undefined) return { ...absent(file), root, linked };
    await refuseOutside(handle, { file, path, root });
    return { ...(await readOpened(handle, { file, path, known })), root, linked };
  } catch (cause) {
    throw cause instanceof FaultError ? cause : new CacheError(cause, repo);
  }
}

/**
 * The ordinary case, in which there is no link on the whole way: the kernel tells where the opened
 * file is, and that is its name.
 *
 * @returns undefined in any other case, what is wrong included: that takes a closer look.
 */
async function openStraight(
  repo: Owner,
  isKnown: boolean,
): Promise<{ readonly file: string; readonly root: string; readonly handle: FileHandle } | undefined> {
  const file = cachePath(repo);
  const [stateFile, opened] = await Promise.allSettled([
    realStateFile(repo),
    // It was a regular file: only root could have put a device in its place since.
    isKnown ? openUnlinked(file) : openRegular(file, file),
  ]);
  const handle = opened.status === "fulfilled" ? opened.value : undefined;
  if (handle === undefined) return undefined;
  const isThere = (await whereOpen(handle, file)) === file;
  if (isThere && stateFile.status === "fulfilled" && stateFile.value !== file)
    return { file, root: repo.path, handle };
  await closeQuietly(handle);
  return undefined;
}

/**
 * Makes `.aibrain` where it is missing. The repo itself is never made: a directory that is gone
 * is gone, and an empty one is a mount point whose disk is away.
 *
 * @throws FaultError with a CACHE_ code, or REPO_MISSING.
 */
export async function makeCacheDirectory(repo: Repo): Promise<void> {
  try {
    if ((await readdir(repo.path)).length === 0) {
      throw new FaultError("REPO_MISSING", `${repo.path} is empty`, { path: repo.path, repo: repo.name });
    }
    await mkdir(join(repo.path, CACHE_DIRECTORY), { mode: 0o755 });
  } catch (cause) {
    if (cause instanceof FaultError) throw cause;
    if (systemCode(cause) !== "EEXIST") throw new CacheError(cause, repo);
  }
}

/**
 * Removes what a killed process left beside a cache, and beside the file that it leads to where it
 * is a link. Only for the holder of the writer's lock. Nothing is looked at outside the repo.
 *
 * @returns the paths removed.
 */
export async function removeCacheTemporaries(repo: Repo): Promise<string[]> {
  const targets = new Set<string>();
  try {
    const file = await findCache(repo, await realpath(repo.path));
    if (file === undefined) return [];
    // A cache that is not a link any more may have been one when its temporary was made, and the other way round.
    targets.add(join(await realpath(join(repo.path, CACHE_DIRECTORY)), CACHE_FILE)).add(file);
  } catch (error) {
    // A cache that cannot be had is reported at its turn.
    if (!(error instanceof FaultError) && systemCode(error) === undefined) throw error;
    return [];
  }
  const removed: string[] = [];
  for (const target of targets) removed.push(...(await removeTemporaries(target)));
  return removed;
}

/** A file system's error on the way to a cache, as the fault that the user can act on. */
export class CacheError extends FaultError {
  constructor(cause: unknown, repo: Owner) {
    const { code, message } = cacheFault(cause, repo);
    const protection = protectionOf(cachePath(repo), systemCode(cause));
    const which = protection?.isCertain === true ? "CACHE_PRIVACY" : code;
    const remedies = [
      ...(which === "CACHE_PERMISSION" ? [permissionRemedy(repo)] : []),
      ...(protection === undefined ? [] : [protection.remedy]),
    ];
    const remedy = remedies.length === 0 ? {} : { remedy: remedies.join(" ") };
    super(which, message, { path: cachePath(repo), repo: repo.name, cause, ...remedy });
  }
}

/** What stands in the way: the repo where there is no `.aibrain` yet, that directory, or the cache in it. */
function permissionRemedy(repo: Owner): string {
  const directory = join(repo.path, CACHE_DIRECTORY);
  const present = existsSync(directory) ? directory : repo.path;
  const [what, mode] = mayWriteIn(present) ? [cachePath(repo), "u+rw"] : [present, "u+rwx"];
  const again = "It is tried again by itself; `state-syncd sync --all` tries at once.";
  return `Make it writable for your user, for instance with: chmod ${mode} '${what}'. ${again}`;
}

function mayWriteIn(directory: string): boolean {
  try {
    accessSync(directory, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function cacheFault(cause: unknown, repo: Owner): Pick<Fault, "code" | "message"> {
  const code = systemCode(cause);
  const path = cachePath(repo);
  switch (code) {
    case "ENOENT":
      return fault("REPO_MISSING", `${repo.path} is not there`);
    case "EACCES":
    case "EPERM":
      return fault("CACHE_PERMISSION", `permission denied (${code}) for ${path}`);
    case "ENOSPC":
    case "EDQUOT":
      return fault("CACHE_DISK_FULL", `no space left (${code}) for ${path}`);
    case "EROFS":
      return fault("CACHE_READ_ONLY", `${path} lies on a read-only file system`);
    case "ELOOP":
      return fault("CACHE_NOT_REGULAR", `${path} is a link that leads nowhere`);
    case "ENOTDIR":
      return fault("CACHE_NOT_DIRECTORY", `${join(repo.path, CACHE_DIRECTORY)} is not a directory`);
    default:
      return fault("CACHE_IO", `${code ?? String(cause)} for ${path}`);
  }
}

/** The cache's real path, whether it is there or not; undefined where there is no directory for it. */
async function findCache(repo: Owner, root: string): Promise<string | undefined> {
  const directory = await realDirectory(repo, root);
  if (directory === undefined) return undefined;
  const path = cachePath(repo);
  const file = await realFile(join(directory, CACHE_FILE), root, path);
  // A state file is never written, whatever leads to it.
  if (file === (await realStateFile(repo))) {
    throw new FaultError("CACHE_NOT_REGULAR", `${path} leads to ${file}, the repo's state file`, { path });
  }
  return file;
}

/** What is wrong with a state file is no business of the repo's cache. */
async function realStateFile(repo: Owner): Promise<string | undefined> {
  try {
    return await realpath(stateFilePath(repo));
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return undefined;
  }
}

async function realDirectory(repo: Owner, root: string): Promise<string | undefined> {
  const directory = join(repo.path, CACHE_DIRECTORY);
  const real = await realpathIfThere(directory);
  if (real === undefined) {
    if (!(await isLink(directory))) return undefined;
    throw new FaultError("CACHE_NOT_DIRECTORY", `${directory} is a link that leads nowhere`, {
      path: directory,
    });
  }
  if (!isInside(real, root)) {
    throw new FaultError("CACHE_OUTSIDE", `${directory} leads to ${real}, out of its repo`, {
      path: directory,
    });
  }
  if (!(await stat(real)).isDirectory()) {
    throw new FaultError("CACHE_NOT_DIRECTORY", `${directory} is not a directory`, { path: directory });
  }
  return real;
}

async function realFile(file: string, root: string, path: string): Promise<string> {
  const real = (await realpathIfThere(file)) ?? file;
  if (isInside(real, root)) return real;
  throw new FaultError("CACHE_OUTSIDE", `${path} leads to ${real}, out of its repo`, { path });
}

/** A cache apart from what is known of its place. */
type ReadCache = Omit<OpenedCache, "linked" | "root">;

/** @returns undefined where nothing is there. */
async function openRegular(file: string, path: string): Promise<FileHandle | undefined> {
  try {
    // Opening a device can do things and opening a socket fails, so it is looked at first.
    const there = await lstat(file);
    refuse(
      !there.isFile() && !there.isSymbolicLink(),
      "CACHE_NOT_REGULAR",
      `${path} is not a regular file`,
      path,
    );
    return await openUnlinked(file);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

async function openUnlinked(file: string): Promise<FileHandle> {
  // NONBLOCK: a FIFO in the cache's place must not stop the lane.
  return await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
}

interface Place {
  /** Where the cache is, links resolved. */
  readonly file: string;
  /** Where its name says that it is. */
  readonly path: string;
}

async function refuseOutside(
  handle: FileHandle,
  { file, path, root }: Place & { readonly root: string },
): Promise<void> {
  try {
    const inside = await isOpenInside(handle, file, root);
    refuse(!inside, "CACHE_OUTSIDE", `${path} came to lead out of its repo`, path);
  } catch (error) {
    await closeQuietly(handle);
    throw error;
  }
}

/** Takes over the handle: where the file cannot be had, it is closed. */
async function readOpened(
  handle: FileHandle,
  { file, path, known }: Place & { readonly known: FileIdentity | undefined },
): Promise<ReadCache> {
  try {
    const stats = await handle.stat({ bigint: true });
    refuse(!stats.isFile(), "CACHE_NOT_REGULAR", `${path} is not a regular file`, path);
    refuse(stats.size > MOST_BYTES, "CACHE_TOO_LARGE", `${path} has ${stats.size} bytes`, path);
    // Of a file that changed while it was read, the identity at the start makes the later check fail.
    const identity = identityOf(stats);
    return {
      file,
      bytes: identity === known ? undefined : await handle.readFile(),
      identity,
      changedAtMs: Number(stats.mtimeNs / 1_000_000n),
      like: { mode: Number(stats.mode), uid: Number(stats.uid), gid: Number(stats.gid) },
      handle,
    };
  } catch (error) {
    await closeQuietly(handle);
    throw error;
  }
}

function refuse(when: boolean, code: FaultCode, message: string, path: string): void {
  if (when) throw new FaultError(code, message, { path });
}

function absent(file: string): ReadCache {
  return { file, bytes: undefined, identity: undefined, changedAtMs: 0, like: undefined, handle: undefined };
}

async function isLink(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isSymbolicLink();
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw error;
    return false;
  }
}

async function realpathIfThere(path: string): Promise<string | undefined> {
  try {
    return await realpath(path);
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw error;
    return undefined;
  }
}
