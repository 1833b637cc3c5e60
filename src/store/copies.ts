import { mkdir, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { RESERVED_PREFIX } from "../core/registry.ts";
import { sha256 } from "../core/snapshot.ts";
import { FaultError, systemCode } from "../errors.ts";
import { Anchor } from "./anchor.ts";
import { crashPoint } from "./crash-point.ts";
import { namesIn } from "./names-in.ts";
import { replaceFile } from "./replace.ts";
import { removeTemporariesIn } from "./temporary.ts";
import { writable, type WriteScope } from "./write-scope.ts";

/** `settings`: of an agent's settings file, which a command was asked to change. The others are of caches. */
export type CopyReason = "adopted" | "damaged" | "late-edit" | "settings";

/**
 * How many a repo, and how many of them the oldest. The first adopted cache may hold years of notes;
 * the hundredth is some program's that goes on writing the old form. A late edit may be the only
 * home of somebody's text; a damaged one is mostly our own sections.
 */
const MOST: Readonly<Record<CopyReason, { readonly all: number; readonly oldest: number }>> = {
  adopted: { all: 100, oldest: 50 },
  "late-edit": { all: 100, oldest: 0 },
  damaged: { all: 10, oldest: 0 },
  settings: { all: 100, oldest: 50 },
};

/** A copy of a file, kept before text in it was replaced. */
export interface Copy {
  readonly reason: CopyReason;
  readonly path: string;
}

/** `20261122T164000123Z-adopted-1a2b3c4d.md` */
const NAME = /^\d{8}T\d{9}Z-(adopted|damaged|late-edit|settings)-([0-9a-f]{8})\.(?:md|json)$/;

/** Where the copies of what is no repo's lie; no repo can have that name. */
export const USERS_OWN = `${RESERVED_PREFIX}user`;

/**
 * Keeps a file's bytes in the state directory. The same bytes for the same reason are kept once.
 *
 * @param repo whose file it is, or {@link USERS_OWN}.
 * @returns the copy's path.
 * @throws FaultError COPY_FAILED; what was to be replaced must then stay as it is.
 */
export async function keepCopy(
  repo: string,
  bytes: Buffer,
  reason: CopyReason,
  now: Date,
  scope: WriteScope & { readonly paths: { readonly copiesDirectory: string } },
): Promise<string> {
  const { copiesDirectory, stateDirectory } = scope.paths;
  const directory = join(copiesDirectory, repo);
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const digest = sha256(bytes).slice(0, 8);
    const ending = `-${reason}-${digest}.${reason === "settings" ? "json" : "md"}`;
    const present = (await copiesOf(repo, copiesDirectory)).find(({ path }) => path.endsWith(ending));
    const stamp = now.toISOString().replaceAll(/[-:.]/g, "");
    const path = present?.path ?? join(directory, `${stamp}${ending}`);
    if (present === undefined) {
      crashPoint("copy.begun");
      await replaceFile(writable(path, scope), [bytes], { basedOn: undefined });
      crashPoint("copy.kept");
    }
    // Where it is present already, a process may have been killed before it came to these.
    for (const made of [directory, copiesDirectory, stateDirectory, dirname(stateDirectory)])
      await bringToDisk(made);
    await dropOldest(repo, { reason, path }, copiesDirectory).catch(() => undefined);
    return path;
  } catch (cause) {
    const why = systemCode(cause) ?? String(cause);
    throw new FaultError("COPY_FAILED", `cannot keep a copy in ${directory}: ${why}`, {
      path: directory,
      repo,
      cause,
    });
  }
}

/** A file is on the disk when the names that lead to it are, and a first copy makes its directories. */
async function bringToDisk(directory: string): Promise<void> {
  const anchor = await Anchor.open(directory);
  try {
    await anchor.sync();
  } finally {
    await anchor.close();
  }
}

/** The copies of a repo's cache, oldest first. */
export async function copiesOf(repo: string, copiesDirectory: string): Promise<Copy[]> {
  const directory = join(copiesDirectory, repo);
  return (await namesIn(directory)).sort().flatMap((name) => {
    const reason = NAME.exec(name)?.[1];
    return isReason(reason) ? [{ reason, path: join(directory, name) }] : [];
  });
}

function isReason(word: string | undefined): word is CopyReason {
  return word !== undefined && Object.hasOwn(MOST, word);
}

/**
 * Removes what killed processes left of copies that they were about to keep. Only for the holder
 * of the writer's lock, and before it keeps any.
 *
 * @returns the paths removed.
 */
export async function removeCopyTemporaries(copiesDirectory: string): Promise<string[]> {
  const removed: string[] = [];
  for (const repo of await namesIn(copiesDirectory)) {
    const directory = join(copiesDirectory, repo);
    removed.push(...(await removeTemporariesIn(directory, (name) => NAME.test(name))));
  }
  return removed;
}

/** @param kept the copy that somebody relies on now; it stays, however old it is. */
async function dropOldest(repo: string, kept: Copy, copiesDirectory: string): Promise<void> {
  const alike = (await copiesOf(repo, copiesDirectory)).filter((copy) => copy.reason === kept.reason);
  const others = alike.filter((copy) => copy.path !== kept.path);
  const { all, oldest } = MOST[kept.reason];
  const surplus = Math.max(0, alike.length - all);
  for (const copy of others.slice(oldest, oldest + surplus)) {
    await unlink(copy.path);
    crashPoint("copy.pruned");
  }
}
