import { mkdir, readdir, unlink } from "node:fs/promises";
import { join } from "node:path";
import { sha256 } from "../core/snapshot.ts";
import { FaultError, systemCode } from "../errors.ts";
import { crashPoint } from "./crash-point.ts";
import { replaceFile } from "./replace.ts";
import { writable, type WriteScope } from "./write-scope.ts";

export type CopyReason = "adopted" | "damaged" | "late-edit";

/**
 * How many a repo. An adopted cache may hold years of notes, a late edit may be the only home of
 * somebody's text; a damaged one is mostly our own sections.
 */
const MOST: Readonly<Record<CopyReason, number>> = {
  adopted: Number.POSITIVE_INFINITY,
  "late-edit": 100,
  damaged: 10,
};

/** A copy of a cache, kept before text in it was replaced. */
export interface Copy {
  readonly reason: CopyReason;
  readonly path: string;
}

/** `20261122T164000123Z-adopted-1a2b3c4d.md` */
const NAME = /^\d{8}T\d{9}Z-(adopted|damaged|late-edit)-([0-9a-f]{8})\.md$/;

/**
 * Keeps a cache's bytes in the state directory. The same bytes for the same reason are kept once.
 *
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
  const directory = join(scope.paths.copiesDirectory, repo);
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const digest = sha256(bytes).slice(0, 8);
    const present = (await copiesOf(repo, scope.paths.copiesDirectory)).find((copy) =>
      copy.path.endsWith(`-${reason}-${digest}.md`),
    );
    if (present !== undefined) return present.path;
    const stamp = now.toISOString().replaceAll(/[-:.]/g, "");
    const path = join(directory, `${stamp}-${reason}-${digest}.md`);
    crashPoint("copy.begun");
    await replaceFile(writable(path, scope), [bytes], { basedOn: undefined });
    crashPoint("copy.kept");
    await dropOldest(repo, reason, scope.paths.copiesDirectory).catch(() => undefined);
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

/** The copies of a repo's cache, oldest first. */
export async function copiesOf(repo: string, copiesDirectory: string): Promise<Copy[]> {
  const directory = join(copiesDirectory, repo);
  let names: string[];
  try {
    names = await readdir(directory);
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return [];
  }
  return names.sort().flatMap((name) => {
    const reason = NAME.exec(name)?.[1];
    return reason === "adopted" || reason === "damaged" || reason === "late-edit"
      ? [{ reason, path: join(directory, name) } satisfies Copy]
      : [];
  });
}

async function dropOldest(repo: string, reason: CopyReason, copiesDirectory: string): Promise<void> {
  const alike = (await copiesOf(repo, copiesDirectory)).filter((copy) => copy.reason === reason);
  const surplus = Math.max(0, alike.length - MOST[reason]);
  for (const copy of alike.slice(0, surplus)) {
    await unlink(copy.path);
    crashPoint("copy.pruned");
  }
}
