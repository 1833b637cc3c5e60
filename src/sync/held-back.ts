import { holdOf } from "../core/hold.ts";
import type { Repo } from "../core/registry.ts";
import { fault, type Fault } from "../errors.ts";
import { gitOperation } from "../store/git-operation.ts";
import { stateFilePath } from "../store/state-file.ts";

export interface HeldBackOptions {
  /** A person named this repo, and knows of a rebase that is under way. */
  readonly asked: boolean;
  readonly emptyIsMeant: boolean;
  readonly now: Date;
}

/** The fault that has a readable content wait, if one does. */
export async function heldBack(
  repo: Repo,
  body: Buffer,
  { asked, emptyIsMeant, now }: HeldBackOptions,
): Promise<Fault | undefined> {
  const path = stateFilePath(repo);
  const where = { repo: repo.name, path };
  switch (holdOf(body)) {
    case "empty":
      if (!emptyIsMeant) return fault("STATE_FILE_EMPTY", `${path} is empty`, where);
      break;
    case "conflict":
      return fault("STATE_FILE_CONFLICT", `${path} holds git conflict markers`, where);
    case undefined:
  }
  const operation = await gitOperation(repo.path, now.getTime());
  if (operation === undefined) return undefined;
  const { name } = operation;
  if (name === "git") return fault("STATE_FILE_GIT_BUSY", `git is at work in ${repo.path}`, where);
  if (asked) return undefined;
  return fault("STATE_FILE_GIT_MIDWAY", `${name} is under way in ${repo.path}`, where);
}
