import { execFileSync } from "node:child_process";
import { chmod, lstat, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { isRoot, OrdinaryUser } from "../support/ordinary-user.ts";
import { hasTerminals, Terminal } from "../support/terminal.ts";
import { type Ran, SCRIPT, Workspace } from "../support/workspace.ts";

let workspace: Workspace;
let user: string;
beforeEach(async () => {
  workspace = await Workspace.create({ repos: { a: {}, still: { role: "passive" } } });
  user = join(workspace.root, "home", ".claude", "settings.json");
});
afterEach(() => workspace.dispose());

const hook = async (args: readonly string[], options: Parameters<Workspace["run"]>[1] = {}): Promise<Ran> =>
  await workspace.run(["hook", ...args], options);

async function put(path: string, text: string, mode = 0o644): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text, { mode });
}

interface Settings {
  readonly hooks: Readonly<
    Record<string, readonly { readonly hooks: readonly { readonly command: string }[] }[]>
  >;
}

async function commandsIn(path: string): Promise<string[]> {
  const settings: Settings = JSON.parse(await readFile(path, "utf8"));
  return Object.values(settings.hooks)
    .flat()
    .flatMap(({ hooks }) => hooks.map(({ command }) => command));
}

const OTHERS = `{
\t// the large one
\t"model": "opus",
\t"hooks": {
\t\t"PostToolUse": [
\t\t\t{ "matcher": "Write", "hooks": [{ "type": "command", "command": "./lint.sh" }] }, // mine
\t\t],
\t},
}
`;

describe("hook install", () => {
  it("wires the program that runs, by paths that a hook finds without a shell's PATH", async () => {
    const { code, stdout, stderr } = await hook(["install", "--yes"]);
    expect(code).toBe(0);
    expect(stdout).toContain(`+++ ${user}`);
    expect(stdout).toContain(`Wrote ${user}.`);
    expect(stderr).toContain("has to be restarted");
    const commands = await commandsIn(user);
    expect(commands.map((command) => command.split(" hook ")[1])).toEqual([
      "session-start",
      "prompt",
      "checkpoint",
    ]);
    const program = commands[0]?.replace(/ hook .*/, " --version") ?? "";
    expect(execFileSync("/bin/sh", ["-c", program], { env: {}, encoding: "utf8" })).toMatch(/^\d/);
    expect((await stat(user)).mode & 0o777).toBe(0o600);
  });

  it("run twice it changes nothing, and uninstalling gives back what was there", async () => {
    await put(user, OTHERS);
    await hook(["install", "--yes"]);
    const installed = await readFile(user, "utf8");
    const again = await hook(["install", "--yes"]);
    expect(again).toMatchObject({ code: 0, stdout: "" });
    expect(again.stderr).toContain("Nothing to do");
    expect(await readFile(user, "utf8")).toBe(installed);
    const { code, stderr } = await hook(["uninstall", "--yes"]);
    expect(code).toBe(0);
    expect(stderr).toContain("calls state-syncd no more");
    expect(await readFile(user, "utf8")).toBe(OTHERS);
    expect((await hook(["uninstall"])).stderr).toContain("Nothing to do");
  });

  it("without a terminal and without --yes it shows, writes nothing, and says what to add", async () => {
    const { code, stdout, stderr } = await hook(["install"]);
    expect(code).toBe(2);
    expect(stdout).toContain("hook session-start");
    expect(stderr).toContain("Add `--yes`");
    await expect(lstat(user)).rejects.toThrow("ENOENT");
    expect(await hook(["install", "--dry-run"])).toMatchObject({ code: 0, stdout });
    await expect(lstat(user)).rejects.toThrow("ENOENT");
  });

  it("names a config that was chosen, whatever is in its path", async () => {
    const config = join(workspace.root, "it's mine.yaml");
    await put(config, await readFile(workspace.paths.config, "utf8"));
    await hook(["install", "--yes", "--config", config]);
    const [first = ""] = await commandsIn(user);
    expect(first).toContain(` hook session-start --config '${workspace.root}/it'\\''s mine.yaml'`);
  });

  it("prints facts for scripts", async () => {
    const { stdout } = await hook(["install", "--yes", "--json"]);
    expect(JSON.parse(stdout)).toMatchObject({
      written: true,
      file: user,
      scope: "user",
      changes: [{ kind: "added", event: "SessionStart" }, { kind: "added" }, { kind: "added" }],
    });
    expect(JSON.parse((await hook(["install", "--json"])).stdout)).toMatchObject({
      written: false,
      changes: [],
    });
  });

  it("shows no password that stands beside the hooks", async () => {
    await put(user, '{\n  "env": { "API_TOKEN": "ghp_8fK2mQ9xLw4RtY7uZ1aB3cD5eF6gH0jKlMn2" }\n}\n');
    const { stdout } = await hook(["install", "--dry-run"]);
    expect(stdout).toContain("REDACTED");
    expect(stdout).not.toContain("ghp_8fK2");
    await hook(["install", "--yes"]);
    expect(await readFile(user, "utf8")).toContain("ghp_8fK2");
  });

  it("says what is missing where no config exists, or no repo is registered, and installs all the same", async () => {
    await workspace.configure({ repos: {} });
    expect((await hook(["install", "--yes"])).stderr).toContain("`state-syncd repos add <path>`");
    await rm(user);
    await rm(workspace.paths.config);
    const { code, stderr } = await hook(["install", "--yes"]);
    expect(code).toBe(0);
    expect(stderr).toContain("state-syncd init");
    expect(await commandsIn(user)).toHaveLength(3);
  });
});

describe("what keeps it from being of use is said", () => {
  it("settings that switch all hooks off: Claude Code calls nothing, and it is not said that it does", async () => {
    await put(user, '{\n  "disableAllHooks": true\n}\n');
    const { code, stderr } = await hook(["install", "--yes"]);
    expect(code).toBe(0);
    expect(stderr).not.toContain("Claude Code calls state-syncd in every repo");
    expect(stderr).toContain(`${user}:2 has \`disableAllHooks\``);
    await put(join(workspace.repo("a"), ".claude", "settings.local.json"), '{ "disableAllHooks": true }');
    await put(user, "{}");
    const here = await hook(["install", "--project", "--yes"], { cwd: workspace.repo("a") });
    expect(here.stderr).toContain("settings.local.json:1 has `disableAllHooks`");
  });

  it("instructions that import a cache, in the repo that is meant, or in any", async () => {
    await put(join(workspace.repo("a"), "CLAUDE.md"), "@.aibrain/global-state-cache.md\n");
    const told = `${workspace.repo("a")}/CLAUDE.md:1 imports a cache`;
    expect((await hook(["install", "--yes"])).stderr).toContain(told);
    expect((await hook(["install", "--local", "--yes"], { cwd: workspace.repo("a") })).stderr).toContain(
      told,
    );
    expect((await hook(["install", "--local", "--yes", "--json"], { cwd: workspace.repo("a") })).stderr).toBe(
      "",
    );
  });
});

describe("the settings that are meant", () => {
  it("the user's are where CLAUDE_CONFIG_DIR says", async () => {
    const directory = join(workspace.root, "elsewhere");
    await hook(["install", "--yes"], { env: { CLAUDE_CONFIG_DIR: directory } });
    expect(await commandsIn(join(directory, "settings.json"))).toHaveLength(3);
  });

  it("those that teammates share name nothing of this machine, and end at once where it is not installed", async () => {
    const inside = join(workspace.repo("a"), "src", "deep");
    await mkdir(inside, { recursive: true });
    const { stderr } = await hook(["install", "--yes", "--project", "--config", workspace.paths.config], {
      cwd: inside,
    });
    expect(stderr).toContain("does not name");
    const shared = join(workspace.repo("a"), ".claude", "settings.json");
    const commands = await commandsIn(shared);
    expect(commands).toHaveLength(3);
    for (const command of commands) {
      expect(command).not.toContain(workspace.root);
      const env = { PATH: "/usr/bin:/bin" };
      expect(execFileSync("/bin/sh", ["-c", command], { env, stdio: "pipe" }).toString()).toBe("");
    }
    await expect(lstat(user)).rejects.toThrow("ENOENT");
  });

  it("one's own in a repo have the paths of this machine, and a second wiring is told", async () => {
    await hook(["install", "--yes"]);
    const cwd = workspace.repo("a");
    const { stderr } = await hook(["install", "--yes", "--local"], { cwd });
    expect(stderr).toContain(`${user} has the hooks, too`);
    const [command] = await commandsIn(join(cwd, ".claude", "settings.local.json"));
    expect(command).toContain("/");
    await hook(["uninstall", "--yes", "--local"], { cwd });
    expect(await commandsIn(user)).toHaveLength(3);
  });

  it.each([
    ["two at once", "a", ["--user", "--project"], "only one of"],
    ["a passive repo's", "still", ["--project"], "is a passive repo"],
    ["a repo's where there is none", "..", ["--local"], "lies in no repo"],
  ])("are refused: %s", async (_, where, options, message) => {
    const { code, stderr } = await hook(["install", "--yes", ...options], { cwd: workspace.repo(where) });
    expect(code).toBe(2);
    expect(stderr).toContain(message);
  });
});

describe("what stands in the way", () => {
  it("a file that is not understood is refused with its place, by both commands, and left alone", async () => {
    await put(user, '{\n  "hooks": []\n}\n');
    for (const command of ["install", "uninstall"]) {
      const { code, stderr } = await hook([command, "--yes"]);
      expect(code).toBe(1);
      expect(stderr).toContain(`${user}:2:12: \`hooks\` must be an object`);
    }
    expect(await readFile(user, "utf8")).toBe('{\n  "hooks": []\n}\n');
  });

  it.each([
    [
      "bytes that are no text",
      async () => await writeFile(user, Buffer.from([0x7b, 0xff, 0x7d])),
      "is not UTF-8",
    ],
    ["a directory", async () => await mkdir(user), "is not a regular file"],
    ["a link that leads nowhere", async () => await symlink("gone.json", user), "leads nowhere"],
    ["a file without end", async () => await writeFile(user, " ".repeat(2 << 20)), "too large"],
  ])("%s in its place: refused", async (_, make, message) => {
    await mkdir(dirname(user), { recursive: true });
    await make();
    const { code, stderr } = await hook(["install", "--yes"]);
    expect(code).toBe(1);
    expect(stderr).toContain(message);
  });

  it("a link is followed, and mode and link stay", async () => {
    const real = join(workspace.root, "dotfiles", "claude.json");
    await put(real, OTHERS, 0o640);
    await mkdir(dirname(user), { recursive: true });
    await symlink(real, user);
    await hook(["install", "--yes"]);
    expect((await lstat(user)).isSymbolicLink()).toBe(true);
    expect((await stat(real)).mode & 0o777).toBe(0o640);
    expect(await readFile(real, "utf8")).toContain("hook checkpoint");
    expect(await readdir(dirname(real))).toEqual(["claude.json"]);
  });

  it("a file that somebody has made read-only stays as it is", async () => {
    await put(user, OTHERS);
    await chmod(user, 0o444);
    const { code, stderr } = await hook(["install", "--yes"]);
    expect(code).toBe(1);
    expect(stderr).toContain(`cannot write ${user}: it is read-only`);
    expect(await readFile(user, "utf8")).toBe(OTHERS);
  });

  it.skipIf(!isRoot)("a directory that is not one's own is refused before anything is asked", async () => {
    const somebody = new OrdinaryUser(workspace);
    await put(user, OTHERS);
    const { code, stderr } = await somebody.run(["hook", "install"]);
    expect(code).toBe(1);
    expect(stderr).toContain(`cannot write ${user}: EACCES`);
  });
});

describe("the old utility's hooks", () => {
  const script = (): string => join(workspace.repo("a"), ".claude", "hooks", "checkpoint_reminder.sh");
  const shared = (): string => join(workspace.repo("a"), ".claude", "settings.json");
  const OLD = 'bash "$CLAUDE_PROJECT_DIR"/.claude/hooks/checkpoint_reminder.sh';
  const PART = "./format.sh && python utils/state_sync.py sync a";
  beforeEach(async () => {
    await put(script(), "#!/bin/bash\nTHRESHOLD=20\n");
    const hooks = [OLD, PART].map((command) => ({
      matcher: "Write|Edit",
      hooks: [{ type: "command", command }],
    }));
    await put(shared(), JSON.stringify({ hooks: { PostToolUse: hooks } }, undefined, 2));
  });
  const install = async (...options: string[]): Promise<Ran> =>
    await hook(["install", "--yes", "--project", ...options], { cwd: workspace.repo("a") });

  it("go with --replace-old: the threshold stays, the script as well, and what it printed is told of", async () => {
    const { stderr } = await install("--replace-old");
    expect(stderr).toContain(`${script()} is called no more by this file`);
    expect(stderr).toContain("Whatever else it printed is not printed any more.");
    const commands = await commandsIn(shared());
    expect(commands).not.toContain(OLD);
    expect(commands.find((command) => command.includes("checkpoint"))).toMatch(
      / hook checkpoint --every 20$/,
    );
    expect(await readFile(script(), "utf8")).toContain("THRESHOLD=20");
  });

  it("stay where nobody can be asked, and are named with what to do", async () => {
    const { stderr } = await install();
    expect(stderr).toContain(`${script()}, which state-syncd replaces, and stays as it is.`);
    expect(stderr).toContain("`--replace-old` takes that hook out.");
    const commands = await commandsIn(shared());
    expect(commands).toContain(OLD);
    expect(commands.find((command) => command.endsWith(" hook checkpoint"))).toBeDefined();
  });

  it("are named, and never changed, where they are a part of a command", async () => {
    const { stderr } = await install("--replace-old");
    expect(await commandsIn(shared())).toContain(PART);
    const text = await readFile(shared(), "utf8");
    const line = text.split("\n").findIndex((one) => one.includes("state_sync.py")) + 1;
    expect(stderr).toContain(
      `${shared()}:${line} calls ${workspace.repo("a")}/utils/state_sync.py beside other`,
    );
    expect(stderr).toContain(`Take that part out by hand: ${PART}`);
  });
});

describe.skipIf(!hasTerminals)("hook install on a terminal (skipped where tmux is not installed)", () => {
  let terminal: Terminal;
  beforeEach(async () => {
    terminal = await Terminal.open(workspace, { columns: 200, rows: 80 });
  });
  afterEach(() => terminal.close());

  it("asks about the old hook, shows the change, asks, and writes", async () => {
    const old = "bash /gone/checkpoint_reminder.sh";
    await put(
      user,
      JSON.stringify({ hooks: { PostToolUse: [{ hooks: [{ type: "command", command: old }] }] } }),
    );
    terminal.run("hook", "install");
    await terminal.shows(/Take it out\? \[Y\/n\]/);
    terminal.press("Enter");
    const lines = await terminal.shows(/Write this to .* \[Y\/n\]/);
    expect(lines.join("\n")).toContain("hook checkpoint");
    terminal.press("Enter");
    await terminal.shows(/has to be restarted/);
    expect(await commandsIn(user)).not.toContain(old);
  });

  it.each([
    ["an answer that is no", "n", 1],
    ["^C", "C-c", 1],
  ])("writes nothing after %s", async (_, key, code) => {
    terminal.type(`node ${SCRIPT} hook install; echo left with $?\n`);
    await terminal.shows(/Write this to .* \[Y\/n\]/);
    terminal.press(key);
    if (key === "n") terminal.press("Enter");
    await terminal.shows(new RegExp(`^left with ${code}$`));
    expect(terminal.lines().join("\n")).toContain("Nothing was written.");
    await expect(lstat(user)).rejects.toThrow("ENOENT");
  });

  it("what an editor saves while it asks is not overwritten: the hooks go on top of it", async () => {
    await put(user, OTHERS);
    terminal.run("hook", "install");
    await terminal.shows(/Write this to .* \[Y\/n\]/);
    await writeFile(user, OTHERS.replace("opus", "sonnet"));
    terminal.press("Enter");
    await terminal.shows(/has to be restarted/);
    const text = await readFile(user, "utf8");
    expect(text).toContain('"sonnet"');
    expect(text).toContain("hook session-start");
  });

  it("what an editor leaves half written while it asks is refused, and stays", async () => {
    await put(user, OTHERS);
    terminal.run("hook", "install");
    await terminal.shows(/Write this to .* \[Y\/n\]/);
    await writeFile(user, '{"model": ');
    terminal.press("Enter");
    await terminal.shows(/not valid JSON/);
    expect(await readFile(user, "utf8")).toBe('{"model": ');
  });
});
