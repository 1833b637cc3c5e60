import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { Workspace } from "../support/workspace.ts";

let workspace: Workspace;
let lock: string;
beforeEach(async () => {
  // So that no rescan helps.
  workspace = await Workspace.create({ repos: { a: {}, b: {} }, rescan: "1h" });
  await workspace.save("a", "old\n");
  await workspace.save("b", "state of b\n");
  await mkdir(join(workspace.repo("a"), ".git"));
  lock = join(workspace.repo("a"), ".git", "index.lock");
});
afterEach(() => workspace.dispose());

async function held(): Promise<void> {
  await eventually("it to be held", async () =>
    (await workspace.status()).edges.some(({ error }) => error?.code === "STATE_FILE_GIT_BUSY"),
  );
}

describe("a file that git holds is read again when git is done, and not by the next rescan", () => {
  it("where the start of the daemon came upon it", async () => {
    await writeFile(lock, "");
    await workspace.startDaemon();
    await held();
    await rm(lock);
    await workspace.arrives("a", ["b"], "old\n");
  });

  it("where the end of a pause came upon it", async () => {
    await workspace.startDaemon();
    await workspace.arrives("a", ["b"], "old\n");
    expect((await workspace.run(["pause", "a"])).code).toBe(0);
    await workspace.save("a", "new\n");
    await writeFile(lock, "");
    expect((await workspace.run(["resume", "a"])).code).toBe(0);
    await held();
    await rm(lock);
    await workspace.arrives("a", ["b"], "new\n");
  });
});
