import { isUtf8 } from "node:buffer";
import { access, constants, lstat, mkdir, readFile, realpath, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { FaultError, systemCode } from "../../errors.ts";
import { identityOf } from "../../store/identity.ts";
import { type ReplaceOptions, replaceFile } from "../../store/replace.ts";
import { writableSettings } from "../../store/write-scope.ts";
import { SettingsError } from "./jsonc.ts";

/** People's settings have some kilobytes. What is larger is something else. */
const MOST_BYTES = 1 << 20;

/** Whose agents a settings file is read by. */
export type SettingsScope = "user" | "project" | "local";

/** Where Claude Code looks for its user's settings. */
export function userSettings(home: string, env: Readonly<Record<string, string | undefined>>): string {
  const chosen = env["CLAUDE_CONFIG_DIR"];
  const directory = chosen === undefined || chosen === "" ? join(home, ".claude") : resolve(chosen);
  return join(directory, "settings.json");
}

/** Where it looks for a repo's: those that all who work on it share, or those of one of them. */
export function repoSettings(repo: string, scope: "project" | "local"): string {
  return join(repo, ".claude", scope === "project" ? "settings.json" : "settings.local.json");
}

/** A settings file as it was read at one moment. */
export interface SettingsFile {
  /** As it is called; messages show this one. */
  readonly path: string;
  /** The file itself, links followed. */
  readonly target: string;
  /** Empty where there is none. */
  readonly text: string;
  readonly exists: boolean;
  readonly based: Pick<ReplaceOptions, "basedOn" | "like">;
}

/** @throws FaultError SETTINGS_UNREADABLE. */
export async function readSettings(path: string): Promise<SettingsFile> {
  try {
    if (!(await isThere(path)))
      return { path, target: path, text: "", exists: false, based: { basedOn: undefined } };
    const target = await realpath(path);
    const stats = await stat(target, { bigint: true });
    if (!stats.isFile()) throw unreadable(path, "is not a regular file");
    if (stats.size > MOST_BYTES) throw unreadable(path, "is too large for a settings file");
    const bytes = await readFile(target);
    if (!isUtf8(bytes)) throw unreadable(path, "is not UTF-8");
    const like = { mode: Number(stats.mode), uid: Number(stats.uid), gid: Number(stats.gid) };
    const based = { basedOn: identityOf(stats), like };
    return { path, target, text: bytes.toString("utf8"), exists: true, based };
  } catch (cause) {
    const code = systemCode(cause);
    if (code === undefined) throw cause;
    throw unreadable(
      path,
      code === "ENOENT" ? "is a link that leads nowhere" : `cannot be read: ${code}`,
      cause,
    );
  }
}

/** A link counts that leads nowhere: whoever made it wants the file elsewhere. */
async function isThere(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw error;
    return false;
  }
}

function unreadable(path: string, why: string, cause?: unknown): FaultError {
  return new FaultError("SETTINGS_UNREADABLE", `${path} ${why}`, { path, cause });
}

/**
 * What a change of settings comes to.
 *
 * @throws FaultError SETTINGS_INVALID with the place in the file where it is not understood.
 */
export function edited<T>({ path, text }: SettingsFile, change: (text: string) => T): T {
  try {
    return change(text);
  } catch (cause) {
    if (!(cause instanceof SettingsError)) throw cause;
    const message = `${path}:${cause.line}:${cause.column}: ${cause.message}`;
    throw new FaultError("SETTINGS_INVALID", message, { path, cause });
  }
}

/**
 * Who has made a file read-only does not want it replaced, though its directory would allow it.
 *
 * @throws FaultError SETTINGS_UNWRITABLE.
 */
export async function refuseReadOnly({ path, target, exists, based }: SettingsFile): Promise<void> {
  if (!exists) return;
  // To root everything is writable.
  const isProtected = ((based.like?.mode ?? 0) & 0o222) === 0;
  try {
    if (isProtected) throw unwritable(path, "it is read-only");
    await access(target, constants.W_OK);
    await access(dirname(target), constants.W_OK | constants.X_OK);
  } catch (cause) {
    const code = systemCode(cause);
    if (code === undefined) throw cause;
    throw unwritable(path, code, cause);
  }
}

/**
 * Puts another text in the place of what was read.
 *
 * @returns false where somebody else, an editor for instance, was faster: nothing was written then.
 * @throws FaultError SETTINGS_UNWRITABLE; the file is as it was then.
 */
export async function writeSettings(file: SettingsFile, text: string): Promise<boolean> {
  await refuseReadOnly(file);
  try {
    await mkdir(dirname(file.target), { recursive: true });
    const written = await replaceFile(writableSettings(file.target), [Buffer.from(text)], file.based);
    return written !== undefined;
  } catch (cause) {
    const code = systemCode(cause);
    if (code === undefined) throw cause;
    throw unwritable(file.path, code, cause);
  }
}

function unwritable(path: string, why: string, cause?: unknown): FaultError {
  return new FaultError("SETTINGS_UNWRITABLE", `cannot write ${path}: ${why}`, { path, cause });
}
