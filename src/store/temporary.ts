import { randomBytes } from "node:crypto";
import { unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { systemCode } from "../errors.ts";
import { namesIn } from "./names-in.ts";

const SUFFIX = ".state-syncd-tmp";
const PATTERN = /^\.(.+)\.\d+-[0-9a-f]{12}\.state-syncd-tmp$/;

/** A name beside `target` that no other process and no other turn uses. */
export function temporaryFor(target: string): string {
  const unique = `${process.pid}-${randomBytes(6).toString("hex")}`;
  return join(dirname(target), `.${basename(target)}.${unique}${SUFFIX}`);
}

/** True for the temporaries that {@link temporaryFor} makes for a file of that name. */
export function isTemporaryOf(name: string, targetName: string): boolean {
  return PATTERN.exec(name)?.[1] === targetName;
}

/**
 * Removes what a killed process left beside `target`. Only for the holder of the writer's lock:
 * to everyone else a temporary may be somebody's work in progress.
 *
 * @returns the paths removed.
 */
export async function removeTemporaries(target: string): Promise<string[]> {
  return await removeTemporariesIn(dirname(target), (name) => name === basename(target));
}

/** The same for every file of a directory whose name is one of those that are meant. */
export async function removeTemporariesIn(
  directory: string,
  meant: (targetName: string) => boolean,
): Promise<string[]> {
  const removed: string[] = [];
  for (const path of await temporariesIn(directory, meant)) {
    try {
      await unlink(path);
      removed.push(path);
    } catch (error) {
      // A directory that cannot be written now is reported when its cache is.
      if (systemCode(error) === undefined) throw error;
    }
  }
  return removed;
}

/** The temporaries that lie beside `target`, whoever made them. */
export async function temporariesOf(target: string): Promise<string[]> {
  return await temporariesIn(dirname(target), (name) => name === basename(target));
}

async function temporariesIn(directory: string, meant: (targetName: string) => boolean): Promise<string[]> {
  const names = (await namesIn(directory)).filter((name) => {
    const targetName = PATTERN.exec(name)?.[1];
    return targetName !== undefined && meant(targetName);
  });
  return names.map((name) => join(directory, name));
}
