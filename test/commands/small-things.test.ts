import { execFileSync } from "node:child_process";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Workspace } from "../support/workspace.ts";

let workspace: Workspace;
beforeEach(async () => {
  workspace = await Workspace.create({
    repos: {
      alpha: {},
      beta: {},
      lonely: { groups: ["island"] },
      silent: { groups: ["quiet"], publish: false },
      listener: { groups: ["quiet"], publish: false },
    },
  });
  for (const name of ["alpha", "beta", "lonely", "silent", "listener"])
    await workspace.save(name, `# ${name}\n`);
});
afterEach(async () => {
  await workspace.dispose();
});

const run = async (line: string): Promise<{ code: number | null; stdout: string; stderr: string }> =>
  await workspace.run(line.split(" "));

describe("config check", () => {
  it("names bad patterns of the guard beside every other mistake", async () => {
    const file = join(workspace.root, "wrong.yaml");
    const guard = "guard: { patterns: { a: '(', b: ok }, allow: ['['] }";
    await writeFile(file, `version: 1\nrepos: { x: { path: /x, role: boss } }\nrescan: 1\n${guard}\n`);
    const { code, stdout } = await run(`config check --json --config ${file}`);
    const wheres = JSON.parse(stdout).mistakes.map(({ where }: { where: string }) => where);
    expect(code).toBe(2);
    expect(wheres).toEqual(["repos.x.role", "rescan", "guard.patterns.a", "guard.allow[0]"]);
  });
});

describe("a repo without peers", () => {
  it.each([
    ["lonely", "it is the only repo in its group island"],
    ["silent", "it does not publish (`publish: false`)"],
  ])("explain of %s says why nobody receives its state", async (name, why) => {
    const { code, stdout } = await run(`explain ${name}`);
    expect(stdout).toContain(`no peer receives this repo's state: ${why}`);
    expect(code).toBe(1);
  });

  it.each([
    ["lonely", "it is the only repo in its group island"],
    ["silent", "nobody else publishes in its group quiet"],
  ])("pull for %s says why there is nothing", async (name, why) => {
    const { code, stdout, stderr } = await run(`pull ${name}`);
    expect([code, stdout]).toEqual([0, ""]);
    expect(stderr).toContain(`${name} reads no peer: ${why}`);
  });

  it("pull of a repo that does not subscribe says that, and of a passive peer too", async () => {
    await workspace.configure({ repos: { alpha: { subscribe: false }, beta: { role: "passive" } } });
    expect((await run("pull alpha")).stderr).toContain("does not subscribe (`subscribe: false`)");
    await workspace.configure({ repos: { alpha: {}, beta: { role: "passive" } } });
    expect((await run("pull alpha")).stderr).toContain("it is the only repo in its group default");
    expect((await run("explain alpha")).stdout).toContain("it is the only repo in its group default");
  });
});

describe("pause and resume", () => {
  it("resume of what is not paused says so, and is not logged", async () => {
    await workspace.startDaemon();
    expect((await run("pause alpha")).stdout).toContain("Paused alpha");
    expect((await run("resume alpha")).stdout).toBe("Resumed alpha.\n");
    const again = await run("resume alpha");
    expect([again.code, again.stdout]).toEqual([0, "Nothing to resume: alpha was not paused.\n"]);
    expect((await run("resume")).stdout).toBe("Nothing to resume: no repo was paused.\n");
    const ended = (await workspace.log()).filter(({ event }) => event === "pause.ended");
    expect(ended).toHaveLength(1);
    expect(JSON.parse((await run("resume alpha --json")).stdout)).toMatchObject({ repo: "alpha" });
  });

  it("resume of one repo while all are paused says what still holds it", async () => {
    await workspace.startDaemon();
    await run("pause");
    const { code, stdout, stderr } = await run("resume alpha");
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toContain("alpha stays paused");
    expect(stderr).toContain("`state-syncd resume`");
  });

  it("without a daemon the pause is written, counts from its next start on, and status shows it", async () => {
    const { code, stdout, stderr } = await run("pause alpha --for 2h");
    expect([code, stdout]).toEqual([
      0,
      expect.stringMatching(/^Paused alpha until (?:\d{4}-\d\d-\d\d )?\d\d:\d\d\.\n$/),
    ]);
    expect(stderr).toContain("No daemon runs: this counts from its next start on.");
    expect(JSON.parse(await readFile(workspace.paths.pauseFile, "utf8"))).toEqual({
      alpha: expect.any(Number),
    });
    expect((await run("status")).stdout).toMatch(/^alpha +paused .* until /m);
    expect((await run("sync alpha")).stderr).toContain("alpha is paused");
    await workspace.startDaemon();
    expect((await workspace.status()).repos.find(({ name }) => name === "alpha")?.paused).toBe(true);
  });

  it("without a daemon resume ends it, and says where nothing was paused", async () => {
    await run("pause alpha");
    expect((await run("resume alpha")).stdout).toBe("Resumed alpha.\n");
    expect((await run("resume alpha")).stdout).toBe("Nothing to resume: alpha was not paused.\n");
    expect((await run("status")).stdout).not.toContain("paused");
  });

  it("without a daemon an unknown repo is refused, and writes nothing", async () => {
    const { code, stderr } = await run("pause nobody");
    expect(code).toBe(2);
    expect(stderr).toContain("nobody");
    await expect(readFile(workspace.paths.pauseFile)).rejects.toThrow("ENOENT");
  });

  it("two that pause without a daemon at the same time lose neither", async () => {
    await Promise.all([run("pause alpha"), run("pause beta"), run("pause lonely")]);
    expect(Object.keys(JSON.parse(await readFile(workspace.paths.pauseFile, "utf8"))).sort()).toEqual([
      "alpha",
      "beta",
      "lonely",
    ]);
  });
});

describe("pull --from one peer", () => {
  beforeEach(async () => {
    await workspace.configure({ repos: { alpha: {}, beta: {}, gamma: {} } });
    await mkdir(workspace.repo("gamma"), { recursive: true });
    await workspace.save("gamma", "# gamma\n");
    await run("sync --all");
  });

  it("complains of no other one", async () => {
    await rm(workspace.stateFile("gamma"));
    const { code, stdout, stderr } = await run("pull alpha --from beta");
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toContain("# beta");
  });

  it.each(["paused", "gone"])(
    "ends with 0 where another one is %s, and with 1 where it is itself",
    async (how) => {
      if (how === "paused") await run("pause gamma");
      else await rm(workspace.repo("gamma"), { recursive: true });
      expect((await run("pull alpha --from beta")).code).toBe(0);
      const itself = await run("pull alpha --from gamma");
      expect(itself.code).toBe(1);
      expect(itself.stderr).toContain("gamma");
      // What it has of it is shown all the same.
      expect(itself.stdout).toContain("# gamma");
    },
  );
});

describe("explain", () => {
  it("of a paused repo says that it is paused, until when, and not that it is watched", async () => {
    await workspace.startDaemon();
    await run("pause alpha --for 2h");
    const { code, stdout } = await run("explain alpha");
    expect(code).toBe(1);
    expect(stdout).toMatch(/^STOP {2}alpha is paused until \d/m);
    expect(stdout).not.toContain("watched by events");
    await run("pause alpha");
    expect((await run("explain alpha")).stdout).toMatch(/^STOP {2}alpha is paused until resumed/m);
  });

  it("of a repo whose directory is gone says that, and not that it is not watched", async () => {
    await workspace.startDaemon();
    await rm(workspace.repo("alpha"), { recursive: true });
    const { code, stdout } = await run("explain alpha");
    expect(code).toBe(1);
    expect(stdout).toContain(`REPO_MISSING: ${workspace.repo("alpha")} is not there`);
    expect(stdout).not.toContain("not watched");
  });
});

describe("repos", () => {
  const at = (name: string): string => workspace.repo(name);

  it("remove talks of no cache that is not there, and of no peers that there are none of", async () => {
    const lonely = await run("repos remove lonely");
    expect([lonely.code, lonely.stdout, lonely.stderr]).toEqual([0, `Removed lonely: ${at("lonely")}\n`, ""]);
    await run("sync --all");
    const { stderr } = await run("repos remove beta");
    expect(stderr).toContain(workspace.cacheFile("beta"));
    expect(stderr).toContain("out of the other repos' caches");
  });

  it("add of a directory neither under git nor with a state file asks whether it was meant", async () => {
    await mkdir(at("plain"), { recursive: true });
    const { code, stderr } = await run(`repos add ${at("plain")}`);
    expect(code).toBe(0);
    expect(stderr).toContain("is neither under git nor has it a state file");
    expect(stderr).toContain("`state-syncd repos remove plain`");
  });

  it("add of a registered one under its own name has nothing to do, and succeeds", async () => {
    const before = await readFile(workspace.paths.config, "utf8");
    for (const line of [`repos add ${at("alpha")}`, `repos add ${at("alpha")} --name alpha`]) {
      const { code, stdout, stderr } = await run(line);
      expect([code, stdout]).toEqual([0, ""]);
      expect(stderr).toContain("is registered already, as alpha");
      expect(stderr).toContain("nothing to do");
    }
    expect(await readFile(workspace.paths.config, "utf8")).toBe(before);
  });

  it("add of a registered one under another name tells how to rename it", async () => {
    const { code, stderr } = await run(`repos add ${at("alpha")} --name other`);
    expect(code).toBe(2);
    expect(stderr).toContain("`state-syncd repos remove alpha`");
    expect(stderr).toContain("--name other`");
  });

  it("add of a registered one with another role tells where to change it", async () => {
    const { code, stderr } = await run(`repos add ${at("alpha")} --role passive`);
    expect(code).toBe(2);
    expect(stderr).toContain(workspace.paths.config);
  });

  it("add --exclude keeps the cache out of git's sight, once, and touches no .gitignore", async () => {
    const git = (...args: string[]): string =>
      execFileSync("git", ["-C", at("web"), ...args], { encoding: "utf8", env: { ...workspace.env } });
    await mkdir(at("web"), { recursive: true });
    git("init", "-q");
    await workspace.save("web", "# web\n");
    const { code, stderr } = await run(`repos add ${at("web")} --exclude`);
    expect(code).toBe(0);
    expect(stderr).toContain(join(at("web"), ".git", "info", "exclude"));
    await run("sync --all");
    expect(git("status", "--porcelain", "--untracked-files=all")).toBe("?? STATE.md\n");
    await run("repos remove web");
    await run(`repos add ${at("web")} --exclude`);
    const lines = (await readFile(join(at("web"), ".git", "info", "exclude"), "utf8")).split("\n");
    expect(lines.filter((line) => line === "/.aibrain/global-state-cache.md")).toHaveLength(1);
  });
});

it("init finds a directory below the home where the shell has left the tilde as it is", async () => {
  const config = join(workspace.root, "new.yaml");
  const line = ["init", "--scan=~/repos", "--yes", "--config", config];
  await mkdir(join(workspace.root, "repos", "gamma"), { recursive: true });
  await writeFile(join(workspace.root, "repos", "gamma", "STATE.md"), "# gamma\n");
  expect(await workspace.run(line, { env: { HOME: workspace.root } })).toMatchObject({ code: 0 });
  expect(await readFile(config, "utf8")).toContain("gamma: { path: ~/repos/gamma }");
});

it("repos add of the directory that another repo's state file lies in says that this one is read no more", async () => {
  const config = join(workspace.root, "docs.yaml");
  await mkdir(join(workspace.root, "site", "docs"), { recursive: true });
  await writeFile(join(workspace.root, "site", "docs", "STATE.md"), "# site\n");
  await writeFile(config, "version: 1\nrepos: { site: { path: site, stateFile: docs/STATE.md } }\n");
  const added = await run(
    `repos add ${join(workspace.root, "site", "docs")} --no-exclude --config ${config}`,
  );
  expect(added.code).toBe(0);
  expect(added.stderr).toContain("docs lies around the state file of site, which is not read any more");
  expect(added.stderr).toContain("`state-syncd repos remove docs`");
  const { stdout } = await run(`status --config ${config}`);
  expect(stdout).toContain("STATE_FILE_OUTSIDE");
  expect(stdout).toContain("repos remove docs");
  await run(`repos remove docs --config ${config}`);
  const around = await run(`repos add ${workspace.root} --name all --no-exclude --config ${config}`);
  expect(around.stderr).not.toContain("read any more");
});
