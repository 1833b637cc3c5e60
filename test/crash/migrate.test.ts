import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { makeOldRepos, type OldRepo } from "../support/old-repos.ts";
import { litterUnder } from "../support/temp-dir.ts";
import { type Ran, Workspace } from "../support/workspace.ts";
import { runCrashing } from "./scenarios.ts";
import { masked, traceFile, treeOf } from "./tree.ts";
import { endVictims } from "./victim.ts";

const soak = process.env["SOAK"] !== undefined;

/** Of the config, a cache's copy, a cache, the settings' copy and the settings; the soak dies everywhere. */
const CHOSEN = new Set([
  "config.directory-made #last",
  "replace.opened #1",
  "config.created #last",
  "turn.copied reader #last",
  "replace.renaming reader #last",
  "copy.kept #1",
  "copy.kept #last",
  "replace.renaming #last",
]);

async function inOldWorkspace<T>(work: (workspace: Workspace) => Promise<T>): Promise<T> {
  const workspace = await Workspace.create({ repos: {} });
  try {
    await rm(workspace.paths.config);
    const repos = ["reader", "writer"].map((name): OldRepo => {
      return { name, path: workspace.repo(name), state: `# ${name}\n\n## Now\n\n${"- a line\n".repeat(40)}` };
    });
    await makeOldRepos(workspace, repos);
    return await work(workspace);
  } finally {
    await endVictims(workspace);
    await workspace.dispose();
  }
}

const line = (workspace: Workspace): string[] => ["migrate", join(workspace.root, "repos"), "--yes"];

async function again(workspace: Workspace): Promise<Ran> {
  return await workspace.run(line(workspace));
}

describe("a migration that is killed at any boundary of a write", () => {
  it(
    "is made good by the next one: config, caches, hooks, and a copy of each old file",
    { timeout: 600_000 },
    async () => {
      const { passed, done } = await inOldWorkspace(async (workspace) => {
        const env = { STATE_SYNCD_CRASH_TRACE: traceFile(workspace) };
        const whole = await runCrashing(workspace, env, line(workspace));
        expect(whole.code, whole.stderr).toBe(0);
        const trace = (await readFile(traceFile(workspace), "utf8")).trim().split("\n");
        return { passed: trace, done: masked(treeOf(workspace), workspace) };
      });
      const times = new Map<string, number>();
      for (const place of passed) times.set(place, (times.get(place) ?? 0) + 1);
      expect([...times.keys()]).toEqual(
        expect.arrayContaining(["config.created", "copy.kept", "turn.copied reader"]),
      );
      for (const [place, passes] of times) {
        for (let time = 1; time <= passes; time += 1) {
          const isChosen = CHOSEN.has(`${place} #${time === passes ? "last" : time}`);
          if (!soak && !isChosen) continue;
          await inOldWorkspace(async (workspace) => {
            const victim = await runCrashing(
              workspace,
              { STATE_SYNCD_CRASH_AT: `${place} #${time}` },
              line(workspace),
            );
            expect(victim.code, `${place} #${time}: ended by itself`).toBe(null);
            const { code, stderr } = await again(workspace);
            expect({ code, stderr }, `${place} #${time}`).toEqual({ code: 0, stderr: "" });
            expect(masked(treeOf(workspace), workspace), `${place} #${time}`).toEqual(done);
            expect(await litterUnder(workspace.root), `${place} #${time}`).toEqual([]);
            expect((await again(workspace)).stdout).toContain("Everything is done");
          });
        }
      }
    },
  );
});
