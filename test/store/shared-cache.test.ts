import { chmod, chown, mkdir, stat, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { isRoot, OrdinaryUser } from "../support/ordinary-user.ts";
import { Workspace } from "../support/workspace.ts";

const TEAM = 2000;
let workspace: Workspace;
beforeEach(async () => {
  workspace = await Workspace.create({ repos: { x: {}, y: {} } });
  for (const name of ["x", "y"]) await workspace.save(name, `state of ${name}\n`);
});
afterEach(() => workspace.dispose());

// Only root can make files of other people.
describe.runIf(isRoot)("a cache that belongs to a colleague", () => {
  it.each([
    ["keeps the group that both are in", [TEAM], TEAM],
    ["gets the writer's own group where the writer is not in the other", [], 1000],
  ])("%s, and its mode", async (_what, groups, gid) => {
    const cache = workspace.cacheFile("y");
    await mkdir(`${workspace.repo("y")}/.aibrain`);
    await writeFile(cache, "notes of the team\n");
    const user = new OrdinaryUser(workspace, {
      uid: 1000,
      gid: 1000,
      ...(groups.length > 0 ? { groups } : {}),
    });
    await chown(cache, 1001, TEAM);
    await chmod(cache, 0o664);
    const { code, stderr } = await user.run(["sync", "--all"]);
    expect([code, stderr]).toEqual([0, ""]);
    const stats = await stat(cache);
    expect([stats.uid, stats.gid, (stats.mode & 0o7777).toString(8)]).toEqual([1000, gid, "664"]);
    expect(await workspace.cache("y")).toContain("notes of the team");
  });
});
