import { execFileSync } from "node:child_process";
import { chmod, mkdir, symlink, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { isRoot, OrdinaryUser } from "../support/ordinary-user.ts";
import { Workspace } from "../support/workspace.ts";

interface Told {
  readonly about: string;
  readonly level: string;
  readonly message: string;
  readonly remedy: string;
  readonly outcome: string | null;
}

let workspace: Workspace;
beforeEach(async () => {
  workspace = await Workspace.create({ repos: { a: {}, b: {} } });
  for (const name of ["a", "b"]) await workspace.save(name, `state of ${name}\n`);
});
afterEach(() => workspace.dispose());

/** What the doctor says must be looked at, but for the node and the service of whoever runs the tests. */
async function wrong(...options: string[]): Promise<Told[]> {
  const { stdout } = await workspace.run(["doctor", "--json", ...options], {
    env: { PATH: "/usr/bin:/bin" },
  });
  const told: Told[] = JSON.parse(stdout);
  return told.filter(({ about, level }) => about !== "node" && about !== "service" && level !== "fine");
}

async function put(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}

describe("doctor", () => {
  it("finds nothing where a daemon runs and all is well", async () => {
    await workspace.startDaemon();
    await workspace.healthy();
    expect(await wrong()).toEqual([]);
  });

  it("says that no daemon runs, and leaves with 1", async () => {
    expect(await wrong()).toMatchObject([{ about: "daemon", level: "error" }]);
    expect((await workspace.run(["doctor"])).code).toBe(1);
  });

  it.skipIf(!isRoot)("runs as a user without a name, as in a container", async () => {
    const user = new OrdinaryUser(workspace, { uid: 54_321, gid: 54_321 });
    const { stdout, stderr } = await user.run(["doctor", "--json"]);
    expect(stderr).toBe("");
    expect(JSON.parse(stdout)).toContainEqual(expect.objectContaining({ about: "service" }));
  });

  it.skipIf(!isRoot)("says of a user without a name and without HOME what is missing", async () => {
    delete workspace.env["HOME"];
    const user = new OrdinaryUser(workspace, { uid: 54_321, gid: 54_321 });
    const { code, stderr } = await user.run(["doctor"]);
    expect(code).toBe(2);
    expect(stderr).toContain("Set HOME");
  });

  it.skipIf(!isRoot)("says under sudo that the service is somebody's own", async () => {
    const { stdout } = await workspace.run(["doctor", "--json"], { env: { SUDO_USER: "somebody" } });
    const told: Told[] = JSON.parse(stdout);
    expect(told.find(({ about }) => about === "service")?.message).toContain("run it without sudo");
  });

  it.each([
    "Failed to connect to bus: No medium found",
    "Failed to connect to bus: Permission denied",
    "Failed to connect to user scope bus via local transport: No such file or directory",
  ])("hears that no manager answers, in the words of every systemd: %s", async (words) => {
    const directory = join(workspace.root, "bin");
    await put(join(directory, "systemctl"), `#!/bin/sh\necho '${words}' >&2\nexit 1\n`);
    await chmod(join(directory, "systemctl"), 0o755);
    const { code, stderr } = await workspace.run(["service", "status"], {
      env: { PATH: `${directory}:/usr/bin:/bin` },
    });
    expect(code).toBe(1);
    expect(stderr).toContain("the user's systemd does not answer");
  });

  it("tells every mistake of a config, and goes on with what needs none", async () => {
    await writeFile(workspace.paths.config, "version: 1\nrescan: soon\nrepos: { A: { path: 7 } }\n");
    const told = await wrong();
    expect(told.filter(({ about }) => about === "config").length).toBeGreaterThan(2);
  });

  it("tells what status would tell of repos", async () => {
    await workspace.startDaemon();
    await workspace.save("a", "<<<<<<< ours\n=======\n>>>>>>> theirs\n");
    expect(await wrong()).toMatchObject([
      { about: "a", level: "error", message: expect.stringContaining("STATE_FILE_CONFLICT") },
    ]);
  });

  it.skipIf(!isRoot)("sees a cache directory that cannot be written before anything has to be", async () => {
    await mkdir(join(workspace.repo("a"), ".aibrain"));
    const user = new OrdinaryUser(workspace);
    execFileSync("chown", ["root:root", join(workspace.repo("a"), ".aibrain")]);
    const { stdout } = await user.run(["doctor", "--json"]);
    const told: Told[] = JSON.parse(stdout);
    expect(told.find(({ about }) => about === "a")).toMatchObject({
      level: "error",
      message: expect.stringContaining("cannot be written by you"),
    });
  });

  it.skipIf(!isRoot)(
    "tells once of a cache directory that has cost a sync, with what makes it writable",
    async () => {
      const user = new OrdinaryUser(workspace);
      const directory = join(workspace.repo("a"), ".aibrain");
      await user.run(["sync", "--all"]);
      await chmod(directory, 0o500);
      await user.startDaemon();
      expect((await user.run(["sync", "b"])).code).toBe(1);
      const { stdout } = await user.run(["doctor", "--json"]);
      const told: Told[] = JSON.parse(stdout).filter(
        ({ about, level }: Told) => about === "a" && level === "error",
      );
      expect(told).toHaveLength(1);
      expect(told[0]?.remedy).toContain(`chmod u+rwx '${directory}'`);
    },
  );

  it.skipIf(!isRoot)("works for a user whom no name is known of, as in many containers", async () => {
    const nameless = new OrdinaryUser(workspace, { uid: 54_321, gid: 54_321 });
    for (const line of ["doctor", "service status"])
      expect((await nameless.run(line.split(" "))).stderr).not.toContain("internal error");
  });

  it.skipIf(!isRoot)("of a daemon that is another user's says so, and not to look at its log", async () => {
    const user = new OrdinaryUser(workspace);
    await user.startDaemon();
    await chmod(workspace.paths.socket, 0o000);
    const { code, stderr } = await user.run(["status"]);
    expect(code).toBe(1);
    expect(stderr).toContain(`no permission for ${workspace.paths.socket}`);
    expect(stderr).toContain("The daemon there is another user's");
  });

  it("says once what is to be done about all the mistakes of a config", async () => {
    await writeFile(workspace.paths.config, "version: 2\nrescan: soon\nrepos: { A: { path: 7 } }\n");
    const { stdout } = await workspace.run(["doctor"]);
    expect(stdout.match(/^wrong {2}config/gm)?.length).toBeGreaterThan(2);
    expect(stdout.match(/Correct the places named above/g)).toHaveLength(1);
  });

  it("sees a cache that git tracks, and notes one that git does not ignore", async () => {
    await workspace.startDaemon();
    await workspace.healthy();
    const repo = workspace.repo("a");
    const git = (...args: string[]): unknown =>
      execFileSync("git", ["-C", repo, ...args], { stdio: "ignore" });
    git("init");
    expect(await wrong()).toMatchObject([
      { about: "a", level: "note", message: expect.stringContaining("new file") },
    ]);
    git("add", ".");
    expect(await wrong()).toMatchObject([
      { about: "a", level: "warning", message: expect.stringContaining("tracked by git") },
    ]);
    // What is printed is copied, wherever one is.
    const [tracked] = await wrong();
    const commands = (tracked?.remedy ?? "").match(/`[^`]+`/g)?.map((quoted) => quoted.slice(1, -1)) ?? [];
    expect(commands).toHaveLength(2);
    for (const command of commands) execFileSync("sh", ["-c", command], { cwd: workspace.root });
    expect(await wrong()).toEqual([]);
  });

  it.each([
    [
      "an agent's settings",
      "home/.claude/settings.json",
      '{\n  "hooks": { "PostToolUse": [{ "hooks": [{ "command": "python utils/state_sync.py sync a" }] }] } }\n',
      2,
    ],
    [
      "a hook of an agent",
      "repos/a/.claude/hooks/checkpoint_reminder.sh",
      "#!/bin/sh\n# utils/state_sync.py was here\npython3 utils/state_sync.py sync a\n",
      3,
    ],
    [
      "a hook of git",
      "repos/b/.git/hooks/post-commit",
      "#!/bin/sh\npython -c 'from utils.state_sync import sync_state_to_global_cache'\n",
      2,
    ],
  ])("finds the old script in %s", async (_title, path, text, line) => {
    await workspace.startDaemon();
    await workspace.healthy();
    await put(join(workspace.root, path), text);
    const told = (await wrong()).filter(({ level }) => level !== "note");
    expect(told).toMatchObject([{ about: "old writer", level: "warning" }]);
    expect(told[0]?.message).toContain(`${path}:${line} `);
  });

  it("is not taken in by a hook that only reads what the old script prints", async () => {
    await workspace.startDaemon();
    await workspace.healthy();
    await put(join(workspace.root, "home/.claude/hooks/log.sh"), "grep '^\\[state_sync\\] Synced'\n");
    expect(await wrong()).toEqual([]);
  });

  it("sees what comes from the future", async () => {
    await workspace.startDaemon();
    const tomorrow = Date.now() / 1_000 + 86_400;
    await utimes(workspace.stateFile("a"), tomorrow, tomorrow);
    const told = await wrong();
    expect(told.some(({ about, level }) => about === "clock" && level === "warning")).toBe(true);
  });

  it("finds temporaries that a killed process has left, and removes old ones when it is told to", async () => {
    await workspace.run(["sync", "--all"]);
    const left = join(
      workspace.repo("a"),
      ".aibrain",
      ".global-state-cache.md.4711-0123456789ab.state-syncd-tmp",
    );
    await writeFile(left, "half");
    // It may be work in progress.
    expect((await wrong()).some(({ about }) => about === "leftovers")).toBe(false);
    const longAgo = Date.now() / 1_000 - 3_600;
    await utimes(left, longAgo, longAgo);
    expect(await wrong()).toContainEqual(expect.objectContaining({ about: "leftovers", level: "warning" }));
    expect(await wrong("--fix")).toContainEqual(
      expect.objectContaining({ about: "leftovers", outcome: "mended" }),
    );
    expect(await workspace.litter()).toEqual([]);
  });

  it("takes nothing away while somebody writes", async () => {
    const daemon = await workspace.startDaemon();
    await workspace.healthy();
    const left = join(
      workspace.repo("a"),
      ".aibrain",
      ".global-state-cache.md.4711-0123456789ab.state-syncd-tmp",
    );
    await writeFile(left, "half");
    const longAgo = Date.now() / 1_000 - 3_600;
    await utimes(left, longAgo, longAgo);
    const [told] = await wrong("--fix");
    expect(told?.outcome).toContain("a daemon or a command is at work");
    expect(await workspace.litter()).toHaveLength(1);
    await daemon.stop();
  });

  it("sees a state directory that others may read", async () => {
    await workspace.startDaemon();
    await workspace.healthy();
    await chmod(workspace.paths.stateDirectory, 0o755);
    expect(await wrong()).toMatchObject([{ about: "private", level: "warning" }]);
  });

  it("sees a socket whose path no socket can have", async () => {
    const long = join(workspace.root, "x".repeat(120));
    await mkdir(long);
    const { stdout } = await workspace.run(["doctor", "--json"], { env: { XDG_RUNTIME_DIR: long } });
    const told: Told[] = JSON.parse(stdout);
    expect(told.find(({ about }) => about === "socket")).toMatchObject({ level: "error" });
  });

  it("notes a cache directory that is a link", async () => {
    await mkdir(join(workspace.repo("a"), "elsewhere"));
    await symlink("elsewhere", join(workspace.repo("a"), ".aibrain"));
    await workspace.startDaemon();
    await workspace.healthy();
    expect(await wrong()).toMatchObject([{ about: "a", level: "note" }]);
  });

  it("prints what is wrong last, with its remedy, and counts it", async () => {
    const { stdout } = await workspace.run(["doctor"]);
    const lines = stdout.trimEnd().split("\n");
    expect(lines[0]).toMatch(/^ok /);
    expect(lines.at(-1)).toMatch(/^\d+ things? wants? to be looked at|^\d+ things want/);
    expect(stdout).toContain("wrong");
    expect(stdout).toContain("Run `state-syncd service install`");
  });
});
