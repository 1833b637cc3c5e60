import type { BigIntStats } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { FaultError, systemCode } from "../errors.ts";
import { keepCopy } from "../store/copies.ts";
import { type FileIdentity, identityOf, statIfThere } from "../store/identity.ts";
import { realpathOrSame } from "../store/real-path.ts";
import { replaceFile } from "../store/replace.ts";
import { writableSettings } from "../store/write-scope.ts";
import type { CommandContext } from "./context.ts";

/** No agent's settings are as large as this. */
const MOST_BYTES = 1 << 20;

/** An agent's settings file as it was read. */
export interface SettingsFile {
  readonly path: string;
  /** Where a link leads: what it leads to is changed, and the link stays. */
  readonly real: string;
  /** Empty where there is none. */
  readonly text: string;
  readonly bytes: Buffer;
  readonly identity: FileIdentity | undefined;
  readonly stats: BigIntStats | undefined;
}

/** Reads one; undefined for what is no file, is too large, or is no text. */
export async function readSettings(path: string): Promise<SettingsFile | undefined> {
  const real = await realpathOrSame(path);
  const stats = await statIfThere(real);
  if (stats === undefined)
    return { path, real, text: "", bytes: Buffer.alloc(0), identity: undefined, stats: undefined };
  if (!stats.isFile() || stats.size > BigInt(MOST_BYTES)) return undefined;
  try {
    const bytes = await readFile(real);
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    return { path, real, text, bytes, identity: identityOf(stats), stats };
  } catch (error) {
    if (!(error instanceof TypeError) && systemCode(error) === undefined) throw error;
    return undefined;
  }
}

/**
 * Puts new text in the place of a settings file, of which a copy is kept first.
 *
 * @param owner a repo's name, or USERS_OWN.
 * @returns the copy's path; undefined where there was nothing to keep.
 * @throws FaultError SETTINGS_UNWRITABLE or COPY_FAILED; the file is as it was then.
 */
export async function replaceSettings(
  { path, real, bytes, identity, stats }: SettingsFile,
  text: string,
  owner: string,
  { paths }: CommandContext,
): Promise<string | undefined> {
  const scope = { paths, registry: { repos: [] } };
  const copy =
    identity === undefined ? undefined : await keepCopy(owner, bytes, "settings", new Date(), scope);
  const uid = process.getuid?.() ?? 0;
  const gid = process.getgid?.() ?? 0;
  const like =
    stats === undefined
      ? { mode: 0o644, uid, gid }
      : { mode: Number(stats.mode), uid: Number(stats.uid), gid: Number(stats.gid) };
  try {
    await mkdir(dirname(real), { recursive: true });
    const replaced = await replaceFile(writableSettings(real), [Buffer.from(text)], {
      basedOn: identity,
      like,
    });
    if (replaced !== undefined) return copy;
  } catch (cause) {
    const code = systemCode(cause);
    if (code === undefined) throw cause;
    throw new FaultError("SETTINGS_UNWRITABLE", `cannot write ${path}: ${code}`, { path, cause });
  }
  throw new FaultError("SETTINGS_UNWRITABLE", `${path} was changed by another program just now`, {
    path,
    remedy: "Run this again.",
  });
}
