import { readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { copiesOf } from "../../src/store/copies.ts";
import { eventually } from "../support/eventually.ts";
import { UnrulyDisk } from "../support/unruly-disk.ts";
import type { Workspace } from "../support/workspace.ts";
import { adoption, newWorkspace } from "./scenarios.ts";

let workspace: Workspace;
beforeEach(async () => {
  workspace = await newWorkspace();
  await adoption.prepare(workspace);
});
afterEach(() => workspace.dispose());

// A power cut cannot be had here. What can: a disk that says of each step that it did not get there.
it.each([
  ["the copy's name", ({ copiesDirectory }: Workspace["paths"]) => `${copiesDirectory}/reader`],
  ["the name of the repo's copies", ({ copiesDirectory }: Workspace["paths"]) => copiesDirectory],
  ["the name of all copies", ({ stateDirectory }: Workspace["paths"]) => stateDirectory],
  ["the name of the state directory", ({ stateDirectory }: Workspace["paths"]) => dirname(stateDirectory)],
])("a cache is not replaced before %s is on the disk", async (_what, directoryOf) => {
  const disk = new UnrulyDisk(workspace);
  const old = await workspace.cacheBytes("reader");
  await disk.misbehave({ directorySyncFails: { at: directoryOf(workspace.paths), code: "EIO" } });
  await workspace.startDaemon({ env: disk.env });
  const { problems } = await eventually("the trouble to be told", async () => {
    const report = await workspace.status();
    return report.status === "degraded" ? report : undefined;
  });
  expect(problems.map((problem) => problem.code)).toEqual(["COPY_FAILED"]);
  expect(await workspace.cacheBytes("reader")).toEqual(old);

  await disk.behave();
  await workspace.run(["sync", "--all"]);
  await workspace.healthy();
  const copies = await copiesOf("reader", workspace.paths.copiesDirectory);
  expect(await Promise.all(copies.map(({ path }) => readFile(path)))).toEqual([old]);
});
