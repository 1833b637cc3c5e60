import type { BigIntStats } from "node:fs";
import { mkdir, readFile, realpath, stat } from "node:fs/promises";
import { dirname, join, sep } from "node:path";
import { CACHE_DIRECTORY, CACHE_FILE } from "../core/registry.ts";
import { FaultError, systemCode } from "../errors.ts";
import { identityOf } from "./identity.ts";
import { realpathOrSame } from "./real-path.ts";
import { replaceFile } from "./replace.ts";
import { workTreeAround } from "./work-tree.ts";
import { writableExclude } from "./write-scope.ts";

const COMMENT = "# What state-syncd writes: it changes whenever another repo does.";
/** An editor's save comes in between once; more often than this is a program in a loop. */
const MOST_TRIES = 5;

/** Where git would be told not to see a repo's cache. */
export interface ExcludePlan {
  /** `info/exclude`; of all worktrees of a repository it is one and the same. */
  readonly file: string;
  /** What it does not say yet; none where there is nothing to do. */
  readonly missing: readonly string[];
}

/** What is to be done so that git does not see a repo's cache; undefined where the repo is not under git. */
export async function planExclude(repo: string): Promise<ExcludePlan | undefined> {
  const found = await workTreeAround(await realpathOrSame(repo));
  if (found === undefined) return undefined;
  const { common, inside } = found;
  const directory = ["", ...inside.split(sep).filter((part) => part !== ""), CACHE_DIRECTORY].map(quoted);
  // The temporary stands beside it for a moment, and `git add -A` may come in that moment.
  const lines = [CACHE_FILE, `.${CACHE_FILE}.*`].map((name) => [...directory, name].join("/"));
  const file = await realpathOrSame(join(common, "info", "exclude"));
  return { file, missing: missingIn(await textOf(file), lines) };
}

function missingIn(text: string, lines: readonly string[]): string[] {
  const present = new Set(text.split(/\r?\n/));
  return lines.filter((line) => !present.has(line));
}

/**
 * Writes what is missing at the end of the file, and nothing else in it.
 *
 * @throws FaultError EXCLUDE_UNWRITABLE; the file is as it was then.
 */
export async function exclude({ file, missing }: ExcludePlan): Promise<void> {
  if (missing.length === 0) return;
  try {
    await mkdir(dirname(file), { recursive: true });
    for (let tries = 0; tries < MOST_TRIES; tries += 1) {
      const stats = await statIfThere(file);
      const text = await textOf(file);
      // Another worktree of the same repository may have been first.
      const absent = missingIn(text, missing);
      if (absent.length === 0) return;
      const begin = text === "" || text.endsWith("\n") ? text : `${text}\n`;
      const after = `${begin}${[COMMENT, ...absent].join("\n")}\n`;
      const written = await replaceFile(writableExclude(file), [Buffer.from(after)], {
        basedOn: stats === undefined ? undefined : identityOf(stats),
        like:
          stats === undefined
            ? { mode: 0o644, uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }
            : { mode: Number(stats.mode), uid: Number(stats.uid), gid: Number(stats.gid) },
      });
      if (written !== undefined) return;
    }
    throw new FaultError("EXCLUDE_UNWRITABLE", `${file} is changed by another program again and again`, {
      path: file,
    });
  } catch (cause) {
    const code = systemCode(cause);
    if (code === undefined) throw cause;
    throw new FaultError("EXCLUDE_UNWRITABLE", `cannot write ${file}: ${code}`, { path: file, cause });
  }
}

/** A name as git's patterns take it for itself. */
function quoted(name: string): string {
  return name.replaceAll(/[\\*?[\]!# ]/g, "\\$&");
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(await realpath(file), "utf8");
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw error;
    return "";
  }
}

async function statIfThere(path: string): Promise<BigIntStats | undefined> {
  try {
    return await stat(path, { bigint: true });
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return undefined;
  }
}
