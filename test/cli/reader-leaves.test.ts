import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { SCRIPT, Workspace } from "../support/workspace.ts";

let workspace: Workspace;
afterEach(() => workspace.dispose());

/** Runs a command whose output nobody reads any more when it comes. */
async function unread(args: readonly string[]): Promise<number | null> {
  const child = spawn(process.execPath, [SCRIPT, ...args], {
    env: { ...workspace.env, CLAUDE_CONFIG_DIR: "" },
    stdio: ["ignore", "pipe", "ignore"],
  });
  child.stdout.destroy();
  await once(child, "close");
  return child.exitCode;
}

describe("where the reader of a command's output has seen enough", () => {
  it("a sync goes to every peer all the same", async () => {
    const names = ["a", "b", "c", "d", "e"];
    workspace = await Workspace.create({ repos: Object.fromEntries(names.map((name) => [name, {}])) });
    for (const name of names) await workspace.save(name, `# ${name}\n`);
    expect(await unread(["sync", "--all"])).toBe(0);
    for (const to of names)
      for (const from of names.filter((name) => name !== to))
        expect(await workspace.received(to, from)).toBe(`# ${from}\n`);
  });

  it("settings are written that were to be written", async () => {
    workspace = await Workspace.create({ repos: {} });
    const settings = join(workspace.root, "home", ".claude", "settings.json");
    await mkdir(join(workspace.root, "home", ".claude"), { recursive: true });
    await writeFile(settings, "{}\n");
    expect(await unread(["hook", "install", "--yes"])).toBe(0);
    expect(await readFile(settings, "utf8")).toContain("hook session-start");
  });

  it("a report that nobody reads is no failure", async () => {
    workspace = await Workspace.create({ repos: { a: {} } });
    expect(await unread(["repos", "list"])).toBe(0);
    expect(await unread(["explain", "a"])).not.toBeNull();
  });
});
