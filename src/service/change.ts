import { mkdir, readFile, rmdir, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { FaultError, systemCode } from "../errors.ts";
import { identityAt } from "../store/identity.ts";
import { replaceFile } from "../store/replace.ts";
import { realpathOrSame } from "../store/real-path.ts";
import { shellWord } from "../shell-word.ts";
import { writableService } from "../store/write-scope.ts";

/** One step of what a `service` command does. Paths are absolute. */
export type Change =
  | { readonly kind: "write"; readonly path: string; readonly content: string }
  | { readonly kind: "remove"; readonly path: string }
  /** With its parents. */
  | { readonly kind: "makeDirectory"; readonly path: string; readonly mode: number }
  /** Only where it is empty: what else lies in it is the user's. */
  | { readonly kind: "removeDirectory"; readonly path: string }
  | RunTool;

export interface RunTool {
  readonly kind: "run";
  readonly tool: string;
  readonly args: readonly string[];
}

/**
 * Does one step.
 *
 * @param run runs a tool, see `ServiceManager`.
 * @throws FaultError SERVICE_FAILED.
 */
export async function applyChange(change: Change, run: (step: RunTool) => Promise<void>): Promise<void> {
  if (change.kind === "run") {
    await run(change);
    return;
  }
  try {
    if (change.kind === "write") await write(change.path, change.content);
    else if (change.kind === "remove") await unlink(change.path);
    else if (change.kind === "makeDirectory")
      await mkdir(change.path, { recursive: true, mode: change.mode });
    else await rmdir(change.path);
  } catch (cause) {
    const code = systemCode(cause);
    if (code === undefined) throw cause;
    const removes = change.kind === "remove" || change.kind === "removeDirectory";
    if (removes && (code === "ENOENT" || code === "ENOTEMPTY" || code === "EEXIST")) return;
    const what = removes ? "remove" : "write";
    throw new FaultError("SERVICE_FAILED", `cannot ${what} ${change.path}: ${code}`, {
      path: change.path,
      remedy: "Make its directory writable for your user.",
      cause,
    });
  }
}

/** A step in words, as `--dry-run` prints it, without the content of files. */
export function describeChange(change: Change): string {
  switch (change.kind) {
    case "write":
      return `write ${change.path}`;
    case "remove":
      return `remove ${change.path}`;
    case "makeDirectory":
      return `make ${change.path}`;
    case "removeDirectory":
      return `remove ${change.path} if it is empty`;
    case "run":
      return `run ${[change.tool, ...change.args].map(shellWord).join(" ")}`;
  }
}

/** What is written in a file; undefined where there is none. @throws FaultError SERVICE_FAILED where it cannot be read. */
export async function contentOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    const code = systemCode(cause);
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new FaultError("SERVICE_FAILED", `cannot read ${path}: ${code ?? String(cause)}`, { path, cause });
  }
}

async function write(path: string, content: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  // A link of the user's, into a repository of dotfiles for instance, stays one.
  const target = await realpathOrSame(path);
  const written = await replaceFile(writableService(target), [Buffer.from(content)], {
    basedOn: await identityAt(target),
  });
  if (written !== undefined) return;
  throw new FaultError("SERVICE_FAILED", `somebody else wrote ${path} at the same moment`, {
    path,
    remedy: "Run the command again.",
  });
}
