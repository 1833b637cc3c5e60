import { execFileSync } from "node:child_process";
import { appendFile, mkdir, open, rename, rm, symlink, unlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { systemCode } from "../../src/errors.ts";
import { CACHE_DIRECTORY, CACHE_FILE } from "../../src/core/registry.ts";
import { chunksOf, type FileState, isAppendable } from "./scene.ts";
import type { CacheFault, Obstacle, SaveStyle } from "./steps.ts";

/** What editors, shells, agents and people do to files. */

/** Saves a state file. @param before what the model says stands there. */
export async function save(file: string, before: FileState, bytes: Buffer, how: SaveStyle): Promise<void> {
  // Whatever is in the way the writer takes away first: a FIFO would wait, and a link lead out.
  if (before.kind !== "text" && before.kind !== "nothing") await rm(file, { recursive: true });
  switch (how) {
    case "in place":
      await writeFile(file, bytes);
      return;
    case "by rename":
      await writeFile(`${file}.new`, bytes);
      await rename(`${file}.new`, file);
      return;
    case "appended":
      if (isAppendable(before)) await appendFile(file, bytes);
      else await writeFile(file, bytes);
      return;
    case "in chunks": {
      const handle = await open(file, "w");
      for (const chunk of chunksOf(bytes)) {
        await handle.write(chunk);
        await delay(3);
      }
      await handle.close();
    }
  }
}

/** Puts something else, or nothing, in the place of a file. @param outside a file out of the repo, for a link. */
export async function putObstacle(file: string, by: Obstacle, outside: string): Promise<void> {
  await rm(file, { recursive: true, force: true });
  switch (by) {
    case "nothing":
      return;
    case "directory":
      await mkdir(file);
      return;
    case "FIFO":
      makeFifo(file);
      return;
    case "link out":
      await symlink(outside, file);
  }
}

/** Where the cache of a directory lies while something stands in its place. */
export function cacheIn(directory: string, fault: CacheFault | undefined): string {
  const usual = join(directory, CACHE_DIRECTORY, CACHE_FILE);
  if (fault === undefined || fault === "read-only .aibrain") return usual;
  if (fault === "file for .aibrain") return join(directory, `${CACHE_DIRECTORY}.aside`, CACHE_FILE);
  return `${usual}.aside`;
}

/** Puts something in the way of a cache; what was there is kept aside. */
export async function breakCache(directory: string, fault: CacheFault, outside: string): Promise<void> {
  const home = join(directory, CACHE_DIRECTORY);
  if (fault === "file for .aibrain") {
    await renameIfThere(home, `${home}.aside`);
    await insist(home, () => writeFile(home, "in the way\n", { flag: "wx" }));
    return;
  }
  await mkdir(home, { recursive: true });
  if (fault === "read-only .aibrain") {
    execFileSync("chmod", ["a-w", home]);
    return;
  }
  const file = cacheIn(directory, undefined);
  await renameIfThere(file, cacheIn(directory, fault));
  await insist(file, async () => {
    if (fault === "directory") await mkdir(file);
    else if (fault === "FIFO") makeFifo(file);
    else await symlink(outside, file);
  });
}

/** Takes the fault away, and puts back what was kept aside. */
export async function mendCache(directory: string, fault: CacheFault): Promise<void> {
  const home = join(directory, CACHE_DIRECTORY);
  if (fault === "read-only .aibrain") {
    execFileSync("chmod", ["u+w", home]);
    return;
  }
  const usual = fault === "file for .aibrain" ? home : cacheIn(directory, undefined);
  const aside =
    fault === "file for .aibrain" ? dirname(cacheIn(directory, fault)) : cacheIn(directory, fault);
  await rm(usual, { recursive: true, force: true });
  await insist(usual, () => renameIfThere(aside, usual));
}

/** The daemon may put a new one there the moment that the old one is away: the person wins. */
async function insist(path: string, put: () => Promise<void>): Promise<void> {
  for (;;) {
    try {
      await put();
      return;
    } catch (error) {
      if (!["EEXIST", "ENOTEMPTY", "EISDIR"].includes(systemCode(error) ?? "")) throw error;
      await rm(path, { recursive: true, force: true, maxRetries: 5 });
    }
  }
}

async function renameIfThere(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw error;
  }
}

function makeFifo(path: string): void {
  try {
    execFileSync("mkfifo", [path], { stdio: "pipe" });
  } catch (cause) {
    throw Object.assign(new Error(`mkfifo ${path}`, { cause }), { code: "EEXIST" });
  }
}

export async function removeIfThere(file: string): Promise<void> {
  try {
    await unlink(file);
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw error;
  }
}
