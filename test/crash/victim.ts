import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { Daemon, type Workspace } from "../support/workspace.ts";

const victims = new WeakMap<Workspace, Daemon[]>();

/** Ends whatever a test that failed has left alive in a workspace. */
export async function endVictims(workspace: Workspace): Promise<void> {
  await Promise.all((victims.get(workspace) ?? []).map((victim) => victim.kill()));
  victims.delete(workspace);
}

/** Starts a process that is the caller's to kill, see {@link endVictims}. */
export function spawnVictim(
  workspace: Workspace,
  script: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Daemon {
  const child = spawn(process.execPath, [script, ...args], {
    cwd: workspace.root,
    env: { ...workspace.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const victim = new Daemon(child);
  const alive = (victims.get(workspace) ?? []).filter((other) => !other.ended);
  victims.set(workspace, [...alive, victim]);
  return victim;
}

/** True where a process has the temporary of a write in hand, beside a cache or in the state directory. */
export function isWriting(pid: number, directories: readonly string[]): boolean {
  const sign = `.${pid}-`;
  return directories.some((directory) =>
    namesIn(directory).some((name) => name.endsWith(".state-syncd-tmp") && name.includes(sign)),
  );
}

/** Where temporaries can lie: beside each cache, and among each cache's copies. */
export function placesOfWrites(workspace: Workspace, repos: readonly string[]): string[] {
  return repos.flatMap((repo) => [
    join(workspace.repo(repo), ".aibrain"),
    join(workspace.paths.copiesDirectory, repo),
  ]);
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
