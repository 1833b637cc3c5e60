import { execFileSync } from "node:child_process";
import { mkdtemp, rename, rm, statfs, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { placeConfig } from "../support/config-file.ts";
import { Workspace } from "../support/workspace.ts";

let workspace: Workspace;
beforeEach(async () => {
  workspace = await Workspace.create({ repos: { x: {}, y: {}, z: {} } });
  for (const name of ["x", "y", "z"]) await workspace.save(name, `state of ${name}\n`);
});
afterEach(() => workspace.dispose());

const TMPFS = 0x01021994;

async function isTmpfs(path: string): Promise<boolean> {
  return await statfs(path).then(
    ({ type }) => type === TMPFS,
    () => false,
  );
}

describe("a state file whose time is absurd", () => {
  let memory: string | undefined;
  beforeEach(async ({ skip }) => {
    // Other file systems cut such times to what they can hold.
    if (!(await isTmpfs("/dev/shm"))) skip("needs a tmpfs at /dev/shm");
    memory = await mkdtemp("/dev/shm/ss-");
    const repos = { x: { path: memory }, y: {}, z: {} };
    await placeConfig(workspace, repos);
    await writeFile(`${memory}/STATE.md`, "state of x\n");
  });
  afterEach(async () => {
    if (memory !== undefined) await rm(memory, { recursive: true });
    memory = undefined;
  });

  it.each([
    ["later than any date", 9_000_000_000_000],
    ["later than the year 9999", 300_000_000_000],
    ["before the year 0", -100_000_000_000],
  ])("%s: it travels all the same, and its section is sound", async (_what, seconds) => {
    const file = `${memory}/STATE.md`;
    const daemon = await workspace.startDaemon();
    await workspace.healthy();
    await writeFile(`${file}.new`, "from another age\n");
    execFileSync("touch", ["-d", `@${seconds}`, `${file}.new`]);
    await rename(`${file}.new`, file);
    await workspace.arrives("x", ["y", "z"], "from another age\n");
    await workspace.save("z", "the others go on\n");
    await workspace.arrives("z", ["y"], "the others go on\n");
    await workspace.healthy();
    expect(await daemon.stop()).toBe(0);
    const { code, stderr } = await workspace.run(["status"]);
    expect([code, stderr]).toEqual([3, ""]);
    await workspace.startDaemon();
    await workspace.healthy();
  });
});
