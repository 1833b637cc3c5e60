import { chmod, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadConfig } from "../../src/config/load.ts";
import { sha256 } from "../../src/core/snapshot.ts";
import { Git } from "../support/git.ts";
import {
  everythingIn,
  makeOldRepos,
  OLD_SETTINGS,
  oldSync,
  type OldRepo,
  oldScene,
  plainMap,
  put,
  scriptWith,
} from "../support/old-repos.ts";
import type { Ran, Workspace } from "../support/workspace.ts";

const CORPUS = join(import.meta.dirname, "../../../shared/corpus");

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

async function migrate(...args: readonly string[]): Promise<Ran> {
  return await workspace.run(["migrate", ...args], { cwd: one.path });
}

const everything = async (): Promise<Record<string, string>> => await everythingIn(workspace);

async function registered(): Promise<string[]> {
  const { registry } = await loadConfig(workspace.paths.config);
  return registry.repos.map(({ name, path, role, stateFile }) => `${name} ${path} ${role} ${stateFile}`);
}

describe("migrate says first what it will do, and a dry run does nothing of it", () => {
  it("a dry run leaves every file as it is, to the nanosecond, and tells of config, caches, hooks and leftovers", async () => {
    await makeOldRepos(workspace, repos);
    await put(join(one.path, "CLAUDE.md"), "Hello\n\nRun `python utils/state_sync.py sync one`.\n");
    const before = await everything();
    const { code, stdout, stderr } = await migrate("--dry-run");
    expect([code, stderr]).toEqual([0, ""]);
    expect(await everything()).toEqual(before);
    expect(stdout).toContain(
      `${join(one.path, "utils/state_sync.py")}, and 2 more copies with the same map: 3 repos.`,
    );
    expect(stdout).toContain(`a new file: ${workspace.paths.config}`);
    expect(stdout).toMatch(
      /^ {2}vault .*passive, which is never read and never written; it has no state file/m,
    );
    expect(stdout).toMatch(/^ {2}one: [\d,]+ B become [\d,]+ B: \d+ old sections? \(two\)/m);
    expect(stdout).toMatch(/^ {2}-.*checkpoint_reminder\.sh/m);
    expect(stdout).toMatch(/^ {2}\+.*hook checkpoint --every 20/m);
    expect(stdout).toContain(`The same in ${settingsOf(two)}`);
    expect(stdout).toContain(`${join(one.path, "CLAUDE.md")}:3`);
    expect(stdout).toContain(join(one.path, ".claude/hooks/checkpoint_reminder.sh"));
    expect(stdout).not.toContain("agent-loop");
    expect(stdout).toContain("This was a dry run: nothing was written.");
  });

  it("without a terminal and without --yes nothing is done, and the exit code says so", async () => {
    await makeOldRepos(workspace, repos);
    const before = await everything();
    const { code, stderr } = await migrate();
    expect(code).toBe(2);
    expect(stderr).toContain("there is no terminal to ask on. Add `--yes`");
    expect(await everything()).toEqual(before);
  });
});

describe("migrate --yes does it, and loses nothing", () => {
  it("config, caches and hooks are ours, each old file is kept whole, and a second run changes nothing", async () => {
    await makeOldRepos(workspace, repos);
    await put(cacheOf(vault), "the vault's own\n");
    const old = await Promise.all([cacheOf(one), cacheOf(two), settingsOf(one), settingsOf(two)].map(read));
    const { code, stdout, stderr } = await migrate("--yes");
    expect([code, stderr]).toEqual([0, ""]);
    expect(await registered()).toEqual([
      `one ${one.path} execution STATE.md`,
      `two ${two.path} execution STATE.md`,
      `vault ${vault.path} passive STATE.md`,
    ]);
    for (const [repo, peer] of [
      [one, two],
      [two, one],
    ] as const) {
      const cache = await read(cacheOf(repo));
      expect(cache.split(`## ${peer.name.toUpperCase()} State`)).toHaveLength(2);
      expect(cache).toContain(peer.state);
      expect(await read(settingsOf(repo))).toContain("state-syncd hook checkpoint --every 20");
      expect(await read(settingsOf(repo))).not.toContain("checkpoint_reminder");
      expect(await read(settingsOf(repo))).toContain('{ "allow": ["Bash(npm test)"] }, // mine');
    }
    const copies = [...stdout.matchAll(/^ {2}as it was: (.*)$/gm)].map(([, path = ""]) => path);
    expect(await Promise.all(copies.map(read))).toEqual(old);
    // Passive repos, scripts and what is not ours.
    expect(await read(cacheOf(vault))).toBe("the vault's own\n");
    expect(await read(settingsOf(vault))).toBe(OLD_SETTINGS);
    expect(await read(join(one.path, ".claude/hooks/.checkpoint_counter"))).toBe("7\n");
    expect(await read(join(one.path, ".aibrain/agent-loop.local.md"))).toBe("not ours\n");
    expect(await read(join(one.path, "utils/state_sync.py"))).toContain("REPO_MAP");
    expect(stdout).toContain("state-syncd service install");

    const before = await everything();
    const again = await migrate("--yes");
    expect([again.code, again.stderr]).toEqual([0, ""]);
    expect(again.stdout).toContain("Everything is done: nothing is left to migrate.");
    expect(await everything()).toEqual(before);
  });

  it("a running daemon does the caches, and knows the repos from then on", async () => {
    await makeOldRepos(workspace, repos);
    await put(workspace.paths.config, "version: 1\nrepos:\n");
    const daemon = await workspace.startDaemon();
    const { code, stdout, stderr } = await migrate("--yes");
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout.match(/^The cache of .* is in the new form/gm)).toHaveLength(2);
    expect(stdout.match(/^ {2}as it was: .*-adopted-/gm)).toHaveLength(2);
    await workspace.healthy();
    expect((await workspace.status()).edges).toHaveLength(2);
    for (const repo of [one, two])
      expect((await read(cacheOf(repo))).match(/^## .* State$/gm)).toHaveLength(1);
    expect(await daemon.stop()).toBe(0);
  });

  it("what the old script piles up again after that is healed by a second run", async () => {
    await makeOldRepos(workspace, repos);
    expect((await migrate("--yes")).code).toBe(0);
    await oldSync(two, repos, 5);
    const { code, stdout } = await migrate("--yes");
    expect(code).toBe(0);
    expect(stdout).toContain("The cache of one is in the new form.");
    expect((await read(cacheOf(one))).split("## TWO State")).toHaveLength(2);
  });

  it("--json has what was done as facts, and nothing else on stdout", async () => {
    await makeOldRepos(workspace, repos);
    const plan = JSON.parse((await migrate("--json", "--dry-run")).stdout);
    expect(plan).toMatchObject({
      done: false,
      repos: [{ name: "one" }, { name: "two" }, { part: "passive" }],
    });
    const did = JSON.parse((await migrate("--json", "--yes")).stdout);
    expect(did).toMatchObject({ done: true, open: [] });
    expect(did.did).toHaveLength(5);
  });

  it("git is told not to see the caches with --exclude, and how to forget those that it tracks", async () => {
    await makeOldRepos(workspace, repos);
    const git = new Git(one.path, workspace.root);
    git.run("add", "-A");
    git.run("commit", "-qm", "all");
    const { code, stdout } = await migrate("--yes", "--exclude");
    expect(code).toBe(0);
    const command = `git -C ${one.path} rm --cached .aibrain/global-state-cache.md`;
    expect(stdout).toContain(command);
    expect(await read(join(two.path, ".git/info/exclude"))).toContain("/.aibrain/global-state-cache.md");
    git.run("rm", "--cached", ".aibrain/global-state-cache.md");
    expect(git.run("status", "--short", ".aibrain")).toBe("D  .aibrain/global-state-cache.md");
    expect((await migrate("--yes", "--exclude")).stdout).not.toContain("rm --cached");
  });
});

describe.skipIf(!(await readdir(CORPUS).catch((): string[] => [])).includes("cache-legacy-5-syncs.md"))(
  "real caches (skipped where ../shared/corpus is absent)",
  () => {
    it("179 KB of piled-up text become one section each, and the hand-made notes stay", async () => {
      const state = async (name: string): Promise<string> => await read(join(CORPUS, name));
      const map = [
        {
          name: "ai_orchestrator",
          path: join(workspace.root, "repos/AI"),
          state: await state("ai-orchestrator-31-98b7b2c.md"),
        },
        {
          name: "karematch",
          path: join(workspace.root, "repos/karematch"),
          state: await state("ai-orchestrator-11-884440d.md"),
        },
        { name: "credentialmate", path: join(workspace.root, "repos/cm"), state: "# CM\n" },
      ] as const;
      one = map[0];
      await makeOldRepos(workspace, map, { rounds: 1 });
      const legacy = await readFile(join(CORPUS, "cache-legacy-5-syncs.md"));
      const handmade = await readFile(join(CORPUS, "cache-handmade.md"));
      await writeFile(cacheOf(map[1]), legacy);
      await writeFile(cacheOf(map[2]), handmade);
      const { code, stdout } = await migrate("--yes");
      expect(code).toBe(0);
      expect(stdout).toMatch(/^ {2}karematch: 1?[\d,]+ B become [\d,]+ B/m);
      for (const repo of map) {
        const cache = await read(cacheOf(repo));
        for (const peer of map.filter((other) => other !== repo)) {
          expect(cache.match(new RegExp(`^## ${peer.name.toUpperCase()} State$`, "gm"))).toHaveLength(1);
          expect(cache).toContain(peer.state);
        }
      }
      const copies = [...stdout.matchAll(/^ {2}as it was: (.*-adopted-.*)$/gm)].map(([, path = ""]) => path);
      const kept = await Promise.all(copies.map(async (copy) => sha256(await readFile(copy))));
      expect(kept).toContain(sha256(legacy));
      expect(kept).toContain(sha256(handmade));
      expect((await migrate()).stdout).toContain("Everything is done");
    });
  },
);

describe("what stands in the way is told, and nothing is guessed", () => {
  it("copies with different maps are refused until one is named", async () => {
    await makeOldRepos(workspace, repos);
    await put(
      join(two.path, "utils/state_sync.py"),
      scriptWith("REPO_MAP = {'one': '/elsewhere', 'two': '/two', 'vault': drive()}"),
    );
    const before = await everything();
    const refused = await migrate("--yes");
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain(`one: ${one.path}\n`);
    expect(refused.stderr).toContain("one: /elsewhere\n");
    expect(refused.stderr).toContain("vault: not understood in this one\n");
    expect(refused.stderr).toContain("Name the one that is right");
    expect(await everything()).toEqual(before);
    const named = await migrate(join(one.path, "utils/state_sync.py"), "--yes");
    expect(named.code).toBe(0);
    expect(named.stderr).toContain(`${join(two.path, "utils/state_sync.py")} has another map`);
  });

  it("an entry that cannot be read is told with its line, the others are done, and the exit code says that something is left", async () => {
    const map = `REPO_MAP = {\n    'one': '${one.path}',\n    'two': '${two.path}',\n    'far': find('far'),\n}`;
    await makeOldRepos(workspace, [one, two], { map });
    const first = await migrate("--yes");
    expect(first.code).toBe(1);
    expect(first.stdout).toMatch(/state_sync\.py:8 far: find\(\.\.\.\) is known only when it runs/);
    expect(await registered()).toHaveLength(2);
    const again = await migrate("--yes");
    expect([again.code, again.stdout.includes("Everything else is done.")]).toEqual([1, true]);
    // Completed by hand, as it was told.
    await mkdir(join(workspace.root, "far"));
    await workspace.run(["repos", "add", join(workspace.root, "far"), "--name", "far", "--role", "passive"]);
    expect((await migrate("--yes")).code).toBe(0);
  });

  it("a config that is there keeps its comments, and repos under other names are left and named", async () => {
    const taken = { name: "taken", path: join(workspace.root, "repos/taken"), state: "x\n" };
    await makeOldRepos(workspace, [one, two, taken]);
    const text = `# mine\nversion: 1\nrepos:\n  uno: { path: ${one.path} } # the first\n  taken: { path: /somewhere/else, role: passive }\n`;
    await put(workspace.paths.config, text);
    const { code, stdout } = await migrate("--yes");
    expect(code).toBe(0);
    expect(stdout).toContain("one: registered already, as uno");
    expect(stdout).toContain("taken: the config has a repo taken elsewhere, at /somewhere/else");
    expect(await read(workspace.paths.config)).toBe(`${text}  two: { path: ${two.path} }\n`);
  });

  it("names that are not valid here become so, a state file in docs is found, and a drive that is away is registered", async () => {
    const odd = { name: "My App", path: join(workspace.root, "repos/my app"), state: undefined };
    const away = { name: "away", path: join(workspace.root, "mnt/away"), state: undefined };
    await makeOldRepos(workspace, [one, odd], { map: plainMap([one, odd, away]) });
    await put(join(odd.path, "docs/STATE.md"), "# App\n");
    const { code, stdout, stderr } = await migrate("--yes");
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toContain('"My App" in the script');
    expect(stdout).toMatch(/away .*is not there now, a drive that is not mounted for instance/);
    expect((await registered()).slice(1)).toEqual([
      `my-app ${odd.path} execution docs/STATE.md`,
      `away ${away.path} execution STATE.md`,
    ]);
    const again = await migrate("--yes");
    expect([again.code, again.stdout.includes("Everything is done")]).toEqual([0, true]);
  });

  it.each<readonly [string, readonly string[], string]>([
    ["nothing there", ["/nowhere/at/all"], "there is nothing at /nowhere/at/all"],
    ["no map in it", ["README.md"], "no REPO_MAP is found in"],
    ["both scopes", ["--user", "--project"], "--user and --project"],
  ])("%s: exit code 2, and what to do", async (_what, args, told) => {
    await makeOldRepos(workspace, repos);
    const { code, stderr } = await migrate(...args);
    expect(code).toBe(2);
    expect(stderr).toContain(told);
  });
});

describe("a failure in the middle says what is done and what is not, and a second run goes on from there", () => {
  it("a settings file that is read-only", async () => {
    await makeOldRepos(workspace, repos);
    await chmod(settingsOf(one), 0o444);
    const { code, stdout, stderr } = await migrate("--yes");
    expect(code).toBe(1);
    expect(stdout).toContain(`Changed the hooks in ${settingsOf(two)}`);
    expect(stderr).toContain(`Not done:\n  ${settingsOf(one)}\n`);
    expect(await read(settingsOf(one))).toBe(OLD_SETTINGS);
    await chmod(settingsOf(one), 0o644);
    const again = await migrate("--yes");
    expect(again.code).toBe(0);
    expect(again.stdout.match(/^(?:Changed|Wrote|The cache|Added)/gm)).toHaveLength(1);
    expect(await read(settingsOf(one))).toContain("hook checkpoint");
  });

  it("a state directory that takes no copies: no cache and no settings file is changed without one", async () => {
    await makeOldRepos(workspace, repos);
    await put(workspace.paths.copiesDirectory, "no directory\n");
    const old = await Promise.all([cacheOf(one), cacheOf(two), settingsOf(one), settingsOf(two)].map(read));
    const { code, stderr } = await migrate("--yes");
    expect(code).toBe(1);
    expect(stderr).toContain("cannot keep a copy in");
    for (const path of [cacheOf(one), cacheOf(two), settingsOf(one), settingsOf(two)])
      expect(stderr).toContain(`\n  ${path}\n`);
    expect(
      await Promise.all([cacheOf(one), cacheOf(two), settingsOf(one), settingsOf(two)].map(read)),
    ).toEqual(old);
    await rm(workspace.paths.copiesDirectory);
    expect((await migrate("--yes")).code).toBe(0);
  });

  it("a config that cannot be written: nothing else is begun", async () => {
    await makeOldRepos(workspace, repos);
    await rm(join(workspace.root, "config"), { recursive: true });
    await put(join(workspace.root, "config"), "no directory\n");
    const before = await everything();
    const { code, stderr } = await migrate("--yes");
    expect([code, stderr.includes("CONFIG_") || stderr.includes("cannot")]).toEqual([2, true]);
    expect(await everything()).toEqual(before);
  });
});
