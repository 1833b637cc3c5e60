import { holdOf } from "../core/hold.ts";
import type { Repo } from "../core/registry.ts";
import { fault, type Fault } from "../errors.ts";
import { gitOperation } from "../store/git-operation.ts";
import { stateFilePath } from "../store/state-file.ts";

/** A state file's content, and when it came to be. */
export interface Content {
  readonly bytes: Buffer;
  /** Milliseconds since the epoch. */
  readonly savedAtMs: number;
}

export interface HeldBackOptions {
  /** A person named this repo, and knows of a rebase that is under way. */
  readonly asked: boolean;
  readonly emptyIsMeant: boolean;
  readonly now: Date;
}

/** The fault that has a readable content wait, if one does. */
export async function heldBack(
  repo: Repo,
  { bytes, savedAtMs }: Content,
  { asked, emptyIsMeant, now }: HeldBackOptions,
): Promise<Fault | undefined> {
  const path = stateFilePath(repo);
  const where = { repo: repo.name, path };
  switch (holdOf(bytes)) {
    case "empty":
      if (!emptyIsMeant) return fault("STATE_FILE_EMPTY", `${path} is empty`, where);
      break;
    case "conflict":
      return fault("STATE_FILE_CONFLICT", `${path} holds git conflict markers`, where);
    case undefined:
  }
  const operation = await gitOperation(repo.path, savedAtMs, now.getTime());
  if (operation === undefined) return undefined;
  const { name } = operation;
  if (name === "git") return fault("STATE_FILE_GIT_BUSY", `git is at work in ${repo.path}`, where);
  if (asked) return undefined;
  return fault(
    "STATE_FILE_GIT_MIDWAY",
    `${name} is under way in ${repo.path}, and ${path} is as git put it there`,
    where,
  );
}
