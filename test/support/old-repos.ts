import { mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { originalWrite } from "../core/original-utility.ts";
import { Git } from "./git.ts";
import { sha256 } from "../../src/core/snapshot.ts";
import { Workspace } from "./workspace.ts";

/** A repo as users of the script had it, by the name that its map has for it. */
export interface OldRepo {
  readonly name: string;
  /** Absolute. */
  readonly path: string;
  /** Undefined: it has no state file. */
  readonly state: string | undefined;
}

/** A script with a map, and nothing else of the original. */
export function scriptWith(map: string): string {
  return `#!/usr/bin/env python3\n"""Copies STATE.md around."""\nimport sys\n\n${map}\n\n\ndef sync_state_to_global_cache(name):\n    print(REPO_MAP[name])\n`;
}

export function plainMap(repos: readonly Pick<OldRepo, "name" | "path">[]): string {
  return `REPO_MAP = {\n${repos.map(({ name, path }) => `    '${name}': '${path}',\n`).join("")}}`;
}

export async function put(file: string, text: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
}

/** The hook of an execution repo: counts writes, and reminds after so many. */
export function checkpointHook(threshold: number): string {
  return `#!/bin/bash\nCOUNTER=.claude/hooks/.checkpoint_counter\nTHRESHOLD=${threshold}\n[ "$(cat "$COUNTER")" -ge "$THRESHOLD" ] && echo CHECKPOINT\npython utils/state_sync.py sync x 2>/dev/null\n`;
}

export const OLD_SETTINGS = `{
  "permissions": { "allow": ["Bash(npm test)"] }, // mine
  "hooks": {
    "PostToolUse": [
      {
        "matcher": "Write|Edit",
        "hooks": [{ "type": "command", "command": "bash .claude/hooks/checkpoint_reminder.sh" }]
      }
    ]
  }
}
`;

/** Makes repos as the script's users have them: git, a copy of the script, the hook, caches of some rounds of syncs. */
export async function makeOldRepos(
  workspace: Workspace,
  repos: readonly OldRepo[],
  options: { readonly rounds?: number; readonly map?: string; readonly threshold?: number } = {},
): Promise<void> {
  const { rounds = 3, map = plainMap(repos), threshold = 20 } = options;
  for (const { path, state } of repos) {
    await mkdir(path, { recursive: true });
    new Git(path, workspace.root).run("init", "-q", "-b", "main");
    await put(join(path, "README.md"), "a repo\n");
    await put(join(path, "utils", "state_sync.py"), scriptWith(map));
    await put(join(path, ".claude", "hooks", "checkpoint_reminder.sh"), checkpointHook(threshold));
    await put(join(path, ".claude", "hooks", ".checkpoint_counter"), "7\n");
    await put(join(path, ".claude", "settings.json"), OLD_SETTINGS);
    await put(join(path, ".aibrain", "agent-loop.local.md"), "not ours\n");
    if (state !== undefined) await put(join(path, "STATE.md"), state);
  }
  for (let round = 0; round < rounds; round += 1) for (const repo of repos) await oldSync(repo, repos, round);
}

/** What a call of the script's `sync` does to the caches of the others. */
export async function oldSync(from: OldRepo, repos: readonly OldRepo[], round = 0): Promise<void> {
  if (from.state === undefined) return;
  for (const to of repos) {
    if (to === from) continue;
    const cache = join(to.path, ".aibrain", "global-state-cache.md");
    const before = await readFile(cache).catch(() => undefined);
    const stamp = `2026-01-0${round + 1}T10:00:00.000000`;
    await put(cache, originalWrite(before, from.name, from.state, stamp).toString("utf8"));
  }
}

/** A workspace without a config, and three repos that are to be made in it. */
export async function oldScene(): Promise<{
  readonly workspace: Workspace;
  readonly one: OldRepo;
  readonly two: OldRepo;
  readonly vault: OldRepo;
}> {
  const workspace = await Workspace.create({ repos: {} });
  await rm(workspace.paths.config);
  const at = (directory: string): string => join(workspace.root, "repos", directory);
  return {
    workspace,
    one: { name: "one", path: at("One"), state: "# One\n\n## Now\n\nfirst\n\n## Next\n\nsecond\n" },
    two: { name: "two", path: at("two"), state: "# Two\n\n## Now\n\nthird\n" },
    vault: { name: "vault", path: at("vault"), state: undefined },
  };
}

/** Every file and directory, with its bytes and its times. */
export async function everythingIn(workspace: Workspace): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const entry of await readdir(workspace.root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const stats = await stat(path, { bigint: true });
    const content = stats.isFile() ? sha256(await readFile(path)) : "-";
    found[path] = `${stats.mode} ${stats.mtimeNs} ${stats.ctimeNs} ${content}`;
  }
  return found;
}
