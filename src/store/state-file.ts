import { isUtf8 } from "node:buffer";
import { constants } from "node:fs";
import { type FileHandle, open, realpath, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { CACHE_DIRECTORY, type Registry, type Repo } from "../core/registry.ts";
import { isoTime } from "../core/iso-time.ts";
import { fault, type Fault, type FaultCode, FAULTS, systemCode } from "../errors.ts";
import { isInside, whereOpen } from "./anchor.ts";
import { closeQuietly } from "./close.ts";
import { type FileIdentity, identityOf } from "./identity.ts";
import { Ownership } from "./ownership.ts";
import { protectionOf } from "./privacy.ts";
import { realpathOrSame } from "./real-path.ts";
import { cachePath } from "./write-scope.ts";

/** A state file as it was read at one moment, or why it could not be. */
export type StateRead =
  | {
      readonly ok: true;
      readonly bytes: Buffer;
      /** mtime, ISO 8601, UTC. */
      readonly changedAt: string;
      /**
       * When the file came to be as it is, in milliseconds since the epoch: what was copied or
       * restored with its old mtime is news all the same, and ctime tells.
       */
      readonly savedAtMs: number;
      readonly identity: FileIdentity;
    }
  | { readonly ok: false; readonly fault: Fault; readonly identity: FileIdentity | undefined };

/** Where a repo's state file is, by the paths of the config. */
export function stateFilePath(repo: Pick<Repo, "path" | "stateFile">): string {
  return join(repo.path, repo.stateFile);
}

/**
 * Reads a state file once. It is opened for reading only, without following a link at its end,
 * and never waits: a FIFO or a device is refused unread.
 *
 * @param options.maxBytes a larger file is refused unread.
 * @param options.registry a file of another repo in it is refused unread.
 */
export async function readStateFile(
  repo: Repo,
  { maxBytes, registry }: { readonly maxBytes: number; readonly registry: Registry },
): Promise<StateRead> {
  const path = stateFilePath(repo);
  try {
    const root = await realpath(repo.path);
    const [real, caches] = await Promise.all([realpath(path), cachePlaces(repo)]);
    if (!isInside(real, root)) {
      return refused(repo, "STATE_FILE_OUTSIDE", `${path} leads to ${real}, out of its repo`);
    }
    // What other repos said would go out again, to repos that must not hear it.
    if (caches.some((place) => real === place || isInside(real, place))) {
      return refused(repo, "STATE_FILE_OUTSIDE", `${path} leads to ${real}, among other repos' states`);
    }
    const owner = await otherOwner(repo, real, root, registry);
    if (owner !== undefined) {
      const place = { repo: repo.name, path, remedy: othersRemedy(owner.name) };
      const message = `${path} leads into ${owner.name}, another repo`;
      return { ok: false, fault: fault("STATE_FILE_OUTSIDE", message, place), identity: undefined };
    }
    // Opening a device can do things, so it is looked at first; the opened file is looked at again.
    if (!(await stat(real)).isFile())
      return refused(repo, "STATE_FILE_NOT_REGULAR", `${path} is not a regular file`);
    const handle = await open(real, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const opened = await whereOpen(handle, real);
      if (opened === undefined || !isInside(opened, root))
        return refused(repo, "STATE_FILE_OUTSIDE", `${path} came to lead out of its repo`);
      // Whose it is was judged by where it was.
      if (dirname(opened) !== dirname(real))
        return refused(repo, "STATE_FILE_UNSETTLED", `${path} was moved while it was read`);
      return await readOpened(repo, path, handle, maxBytes);
    } finally {
      // What was read is read; nobody has to wait for the rest.
      void closeQuietly(handle);
    }
  } catch (error) {
    return await unreadable(repo, path, error);
  }
}

/** Where a repo's cache and its directory are, by their names and by where links lead. */
async function cachePlaces(repo: Repo): Promise<string[]> {
  const names = [join(repo.path, CACHE_DIRECTORY), cachePath(repo)];
  return await Promise.all(names.map(realpathOrSame));
}

/** @param real the state file's real path, inside of `root`, the repo's. */
async function otherOwner(
  repo: Repo,
  real: string,
  root: string,
  registry: Registry,
): Promise<Repo | undefined> {
  // Of a file in the repo's own directory there is no doubt: no two repos have the same one.
  if (dirname(real) === root) return undefined;
  // A link may have been made this moment; without one nothing but the config and its paths count.
  const linked = real !== join(root, repo.stateFile);
  const ownership = await (linked ? Ownership.of(registry) : Ownership.lately(registry));
  return ownership.otherOwner(repo, real);
}

async function readOpened(
  repo: Repo,
  path: string,
  handle: FileHandle,
  maxBytes: number,
): Promise<StateRead> {
  const before = await handle.stat({ bigint: true });
  const identity = identityOf(before);
  if (!before.isFile())
    return refused(repo, "STATE_FILE_NOT_REGULAR", `${path} is not a regular file`, identity);
  if (before.size > maxBytes) {
    const message = `${path} has ${before.size} bytes, more than the ${maxBytes} allowed`;
    return refused(repo, "STATE_FILE_TOO_LARGE", message, identity);
  }
  const bytes = await readAtMost(handle, Number(before.size) + 1);
  const after = identityOf(await handle.stat({ bigint: true }));
  if (after !== identity || bytes.length !== Number(before.size)) {
    return refused(repo, "STATE_FILE_UNSETTLED", `${path} changed while it was read`, after);
  }
  if (!isUtf8(bytes)) return refused(repo, "STATE_FILE_NOT_UTF8", `${path} is not UTF-8 text`, identity);
  const changedAt = isoTime(Number(before.mtimeNs / 1_000_000n));
  const saved = before.ctimeNs > before.mtimeNs ? before.ctimeNs : before.mtimeNs;
  return { ok: true, bytes, changedAt, savedAtMs: Number(saved / 1_000_000n), identity };
}

async function readAtMost(handle: FileHandle, most: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(most);
  let length = 0;
  while (length < most) {
    const { bytesRead } = await handle.read(buffer, length, most - length, length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return buffer.subarray(0, length);
}

async function unreadable(repo: Repo, path: string, error: unknown): Promise<StateRead> {
  // Whatever it is: one repo's file must not end the work for all.
  const code = systemCode(error) ?? String(error);
  if (code === "ENOENT" || code === "ENOTDIR") {
    if (await isMissing(repo.path)) return refused(repo, "REPO_MISSING", `${repo.path} is not there`);
    return refused(repo, "STATE_FILE_MISSING", `${path} is not there`);
  }
  const message = `cannot read ${path}: ${code}`;
  const protection = protectionOf(path, code);
  if (protection === undefined) return refused(repo, "STATE_FILE_UNREADABLE", message);
  const where = { repo: repo.name, path };
  const why = protection.isCertain
    ? fault("STATE_FILE_PRIVACY", message, { ...where, remedy: protection.remedy })
    : fault("STATE_FILE_UNREADABLE", message, {
        ...where,
        remedy: `${FAULTS.STATE_FILE_UNREADABLE} ${protection.remedy}`,
      });
  return { ok: false, fault: why, identity: undefined };
}

async function isMissing(path: string): Promise<boolean> {
  try {
    await stat(path);
    return false;
  } catch {
    return true;
  }
}

/** There need be no link: somebody has registered the directory that the file lies in. */
function othersRemedy(owner: string): string {
  return `Have the file, or what it links to, outside of ${owner}, or take that one out: \`state-syncd repos remove ${owner}\`.`;
}

function refused(repo: Repo, code: FaultCode, message: string, identity?: FileIdentity): StateRead {
  return { ok: false, fault: fault(code, message, { repo: repo.name, path: stateFilePath(repo) }), identity };
}
