import { readFile, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadConfig } from "../../src/config/load.ts";
import { eventually } from "../support/eventually.ts";
import {
  everythingIn,
  makeOldRepos,
  OLD_SETTINGS,
  type OldRepo,
  oldScene,
  put,
  scriptWith,
} from "../support/old-repos.ts";
import { hasTerminals, Terminal } from "../support/terminal.ts";
import type { Ran, Workspace } from "../support/workspace.ts";

let workspace: Workspace;
let repos: readonly OldRepo[];
let one: OldRepo;
let two: OldRepo;
let vault: OldRepo;
beforeEach(async () => {
  ({ workspace, one, two, vault } = await oldScene());
  repos = [one, two, vault];
});
afterEach(async () => {
  await workspace.dispose();
});

const cacheOf = ({ path }: OldRepo): string => join(path, ".aibrain", "global-state-cache.md");
const settingsOf = ({ path }: OldRepo): string => join(path, ".claude", "settings.json");
const read = async (file: string): Promise<string> => await readFile(file, "utf8");
const everything = async (): Promise<Record<string, string>> => await everythingIn(workspace);

async function migrate(...args: readonly string[]): Promise<Ran> {
  return await workspace.run(["migrate", ...args], { cwd: one.path });
}

async function registered(): Promise<string[]> {
  const { registry } = await loadConfig(workspace.paths.config);
  return registry.repos.map(({ name, path, role, stateFile }) => `${name} ${path} ${role} ${stateFile}`);
}

describe("the hooks", () => {
  it("--no-hooks leaves every settings file alone, and says that they call the old script", async () => {
    await makeOldRepos(workspace, repos);
    const { code, stdout } = await migrate("--yes", "--no-hooks");
    expect(code).toBe(0);
    expect(await read(settingsOf(one))).toBe(OLD_SETTINGS);
    expect(stdout).toMatch(/settings\.json:7$/m);
  });

  it("--user puts ours into the user's settings once, and takes the old ones out of the repos", async () => {
    await makeOldRepos(workspace, repos);
    const users = join(workspace.root, "home/.claude/settings.json");
    const { code } = await migrate("--yes", "--user");
    expect(code).toBe(0);
    expect((await read(users)).match(/hook checkpoint/g)).toHaveLength(1);
    expect(await read(users)).toContain("--every 20");
    expect(await read(settingsOf(one))).not.toMatch(/checkpoint/);
    expect((await migrate("--yes", "--user")).stdout).toContain("Everything is done");
    expect((await migrate("--yes")).stdout).toContain("Everything is done");
  });

  it("where both settings files of a repo call the old one, ours is called once", async () => {
    await makeOldRepos(workspace, repos);
    const local = join(one.path, ".claude/settings.local.json");
    await put(local, OLD_SETTINGS.replace("bash .claude", "$CLAUDE_PROJECT_DIR/.claude"));
    expect((await migrate("--yes")).code).toBe(0);
    expect(await read(settingsOf(one))).toContain("hook checkpoint");
    expect(await read(local)).not.toContain("checkpoint");
  });

  it("a call beside other things is left and named, settings that are no JSON are left and told", async () => {
    await makeOldRepos(workspace, repos);
    const more = OLD_SETTINGS.replace("reminder.sh", "reminder.sh && npm test");
    await put(settingsOf(one), more);
    await put(settingsOf(two), `{ "hooks": oh, "checkpoint_reminder" `);
    const { code, stdout } = await migrate("--yes");
    expect(code).toBe(1);
    expect(stdout).toContain(`${settingsOf(one)}:7: bash .claude/hooks/checkpoint_reminder.sh && npm test`);
    expect(stdout).toContain(`${settingsOf(two)}:1:`);
    expect(await read(settingsOf(one))).toBe(more);
  });

  it("a call that is left to take out by hand is named once, keeps its script, and is no `everything is done`", async () => {
    await makeOldRepos(workspace, repos);
    const start =
      '"SessionStart": [{ "hooks": [{ "type": "command", "command": "python utils/state_sync.py pull one; ls" }] }]';
    // Below what changes, so that its line is another one afterwards.
    await put(settingsOf(one), OLD_SETTINGS.replace(/\n {4}\]\n/, `\n    ],\n    ${start}\n`));
    const dry = await migrate("--dry-run");
    expect(dry.stdout.split(`${settingsOf(one)}:`)).toHaveLength(2);
    expect((await migrate("--yes")).code).toBe(0);
    const again = await migrate("--yes");
    expect(again.stdout.split(`${settingsOf(one)}:`)).toHaveLength(2);
    expect(again.stdout).toContain("\nWhen none of the lines above calls them, nothing needs these any more");
    expect(again.stdout).toMatch(/\nEverything else is done\.\n$/);
    expect(again.code).toBe(0);
  });

  it("instructions that import a cache are told, before and after, and not where it stands in fences", async () => {
    await makeOldRepos(workspace, repos);
    await put(join(one.path, "CLAUDE.md"), "# one\n\n@.aibrain/global-state-cache.md\n");
    await put(join(vault.path, "CLAUDE.md"), "@.aibrain/global-state-cache.md\n");
    const told = `  ${one.path}/CLAUDE.md:3 imports a cache`;
    expect((await migrate("--dry-run")).stdout).toContain(told);
    const { stdout } = await migrate("--yes");
    expect(stdout).toContain(told);
    expect(stdout).not.toContain(`${vault.path}/CLAUDE.md`);
    const config = await read(workspace.paths.config);
    await put(workspace.paths.config, config.replace(`one: { path: ${one.path}`, `$&, fence: true`));
    expect((await migrate("--yes")).stdout).not.toContain("imports a cache");
  });

  it("settings that are a link into a repository of dotfiles stay one", async () => {
    await makeOldRepos(workspace, repos);
    const dotfiles = join(workspace.root, "dotfiles.json");
    await put(dotfiles, OLD_SETTINGS);
    await rm(settingsOf(one));
    await symlink(dotfiles, settingsOf(one));
    expect((await migrate("--yes")).code).toBe(0);
    expect(await read(dotfiles)).toContain("hook checkpoint");
    expect(await read(settingsOf(one))).toContain("hook checkpoint");
  });
});

describe.skipIf(!hasTerminals)("migrate on a terminal (skipped where tmux is not installed)", () => {
  let terminal: Terminal;
  beforeEach(async () => {
    await makeOldRepos(workspace, repos);
    terminal = await Terminal.open(workspace, { columns: 100, rows: 50 });
  });
  afterEach(() => {
    terminal.close();
  });

  it.each(["list", "plan", "git"])(
    "^C at the question about the %s leaves everything as it is",
    async (at) => {
      const before = await everything();
      terminal.run("migrate", "repos");
      await terminal.shows(/Enter: go on/);
      if (at !== "list") {
        terminal.press("Enter");
        await terminal.shows(/Do all this\?/);
      }
      if (at === "git") {
        terminal.press("Enter");
        await terminal.shows(/from git/);
      }
      terminal.press("C-c");
      await terminal.shows(/^Nothing was done\.$/);
      expect(await everything()).toEqual(before);
    },
  );

  it("lets one be left out and a repo without a state file share, does the rest, and breaks no word", async () => {
    terminal.run("migrate", "repos");
    const list = await terminal.shows(/Enter: go on/);
    expect(list.filter((line) => /^[> ] (?:share|passive)/.test(line))).toHaveLength(3);
    terminal.press("o", "Down", "Down", "s", "Enter");
    await terminal.shows(/Do all this\?/);
    terminal.press("Enter");
    await terminal.shows(/from git/);
    terminal.type("n\n");
    await terminal.shows(/^Next: /);
    // Nothing but settings, paths and commands was broken by the terminal.
    const broken = terminal.writtenLines().filter((line) => !terminal.lines().includes(line));
    expect(broken.filter((line) => !/"command":|\/ss-|`/.test(line))).toEqual([]);
    expect(await registered()).toEqual([
      `two ${two.path} execution STATE.md`,
      `vault ${vault.path} execution STATE.md`,
    ]);
    await eventually("the vault to know two", async () => (await read(cacheOf(vault))).includes("third"));
    expect(await read(settingsOf(one))).toBe(OLD_SETTINGS);
  });

  it("names and paths of a hostile map act on no terminal", async () => {
    const evil = String.raw`REPO_MAP = {'e\x1b[2J\u202e': '/nowhere/e', 'f': g("\x1b[2J")}`;
    await put(join(one.path, "utils/state_sync.py"), scriptWith(evil));
    terminal.run("migrate", join(one.path, "utils/state_sync.py"), "--dry-run");
    const shown = await terminal.shows(/This was a dry run/);
    expect(shown.join("\n")).toContain(String.raw`e\u001b[2J`);
  });
});
