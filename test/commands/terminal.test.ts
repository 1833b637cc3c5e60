import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Ran, Workspace } from "../support/workspace.ts";

/** Clears the screen, begins a line of its own, and turns what follows around. */
const EVIL = "e\u001b[2J\n[state_sync] Synced x\u202evil";
const SHOWN = String.raw`e\x1b[2J\n[state_sync] Synced x\u202evil`;

let workspace: Workspace;
let directory: string;
let config: string;
beforeAll(async () => {
  workspace = await Workspace.create({ repos: {} });
  directory = join(workspace.root, EVIL);
  config = join(directory, "config.yaml");
  for (const name of ["a", "b", "c"]) await mkdir(join(directory, name), { recursive: true });
  // Control characters are refused in a config, and yet a config may lie below a directory with some.
  await writeFile(config, "version: 1\nrepos:\n  a: { path: a }\n  b: { path: b }\n");
  await writeFile(join(directory, "a", "STATE.md"), "state of a\n");
  await writeFile(join(directory, "b", "STATE.md"), "state\tof b\n");
});
afterAll(async () => {
  await workspace.dispose();
});

async function run(...args: string[]): Promise<Ran> {
  return await workspace.run([...args, "--config", config]);
}

/** Everything that a terminal would get, which must neither act on it nor make up lines. */
function expectTame({ stdout, stderr }: Ran): void {
  const printed = stdout + stderr;
  expect(printed).not.toMatch(/[^\P{Cc}\n\t]|\u202e/u);
  expect(printed).not.toMatch(/^\[state_sync\] Synced x/m);
}

describe("a path that holds an escape sequence, a newline and a bidi override acts on no terminal", () => {
  it.each([
    ["status", ["status"]],
    ["explain", ["explain", "a"]],
    ["sync --dry-run", ["sync", "b", "--dry-run"]],
    ["pull, from nobody", ["pull", "b", "--from", EVIL]],
    ["config check", ["config", "check"]],
    ["repos add", ["repos", "add", EVIL]],
    ["repos add, where there is nothing", ["repos", "add", join(EVIL, "nothing")]],
    ["repos add, of one that is there", ["repos", "add", join(EVIL, "a")]],
    ["init, where a config is", ["init", "--yes"]],
    ["logs, where there are none", ["logs", "--repo", EVIL]],
    ["pause", ["pause", EVIL]],
    ["a command that there is not", [EVIL]],
    ["an option that there is not", ["status", `--${EVIL}`]],
  ])("%s", async (_title, args) => {
    expectTame(await run(...args));
  });

  it("what is said of a state file and of a cache that are not as they should be", async () => {
    const there = join(directory, "a", "STATE.md");
    const away = join(directory, "a", "AWAY.md");
    await rename(there, away);
    const cache = join(directory, "a", ".aibrain");
    await rm(cache, { recursive: true, force: true });
    await writeFile(cache, "in the way");
    try {
      for (const words of [
        "sync --all",
        "sync --all --dry-run",
        "pull a",
        "explain a",
        "explain b",
        "status",
      ]) {
        const ran = await run(...words.split(" "));
        expectTame(ran);
        expect(ran.stdout + ran.stderr).toContain(SHOWN);
        expect(ran.code).not.toBe(0);
      }
    } finally {
      await rename(away, there);
      await rm(cache);
    }
  });

  it("init, which shows what it found and what it would write", async () => {
    const ran = await workspace.run(["init", "--scan", directory, "--config", join(directory, "new.yaml")]);
    expect(ran.stderr).toContain(SHOWN);
    expectTame({ ...ran, stdout: "" });
  });

  it("the mistakes of a config, each on a line of its own", async () => {
    const wrong = join(directory, "wrong.yaml");
    await writeFile(wrong, `version: 2\nrepos: { "x\\u202ey": { path: a }, b: {} }\n`);
    const ran = await workspace.run(["config", "check", "--config", wrong]);
    expectTame(ran);
    expect(ran.stderr.split("\n").filter((line) => line.includes("wrong.yaml:"))).toHaveLength(3);
  });

  it("repos list and repos remove", async () => {
    const elsewhere = join(workspace.root, "elsewhere.yaml");
    await writeFile(elsewhere, `version: 1\nrepos: { t: { path: "/nowhere/\\u202et" } }\n`);
    for (const words of ["list", "remove t"]) {
      const ran = await workspace.run(["repos", ...words.split(" "), "--config", elsewhere]);
      expectTame(ran);
      expect(ran.stdout).toContain(String.raw`/nowhere/\u202et`);
    }
  });

  it("the line of a defect, with its stack", async () => {
    const source = `const cwd = process.cwd; process.cwd = () => {
      if (new Error().stack.includes("contextOf")) throw new Error("\\x1b[2J\\n    at x");
      return cwd();
    }`;
    const env = {
      NODE_OPTIONS: `--import=data:text/javascript;base64,${Buffer.from(source).toString("base64")}`,
    };
    for (const args of [["status"], ["status", "--verbose"]]) {
      const ran = await workspace.run(args, { env });
      expect(ran.stderr).toContain(String.raw`internal error: Error: \x1b[2J\n    at x`);
      expectTame(ran);
    }
  });
});

describe("what is data stays as it is", () => {
  beforeAll(async () => {
    await run("sync", "--all");
  });

  it("facts as JSON", async () => {
    const { stdout } = await run("status", "--json");
    expect(JSON.parse(stdout)).toMatchObject({
      daemon: { config },
      repos: [{ path: join(directory, "a") }, {}],
    });
    expect(JSON.parse((await run("config", "path", "--json")).stdout)).toEqual({ config });
    expect((await run("config", "path")).stdout).toBe(`${config}\n`);
  });

  it("the bodies of pull", async () => {
    const body = "state\tof b\n";
    expect((await run("pull", "a", "--raw", "--from", "b")).stdout).toBe(body);
    expect((await run("pull", "a", "--from", "b")).stdout).toContain(`===\n${body}`);
  });

  it("the lines of a diff, but not the paths in its head", async () => {
    await writeFile(join(directory, "b", "STATE.md"), "state\tof b\nand more\n");
    const { stdout } = await run("sync", "b", "--dry-run");
    expect(stdout).toContain("\n+and more\n");
    expect(stdout).toContain("\n state\tof b\n");
    // As `git diff` quotes it, and `patch` reads it.
    expect(stdout).toContain(
      String.raw`+++ "${workspace.root}/e\033[2J\n[state_sync] Synced x\342\200\256vil/a/`,
    );
  });

  it("the line that scripts look for", async () => {
    expect((await run("sync", "b")).stdout).toBe(
      "[state_sync] Synced b STATE.md -> a/.aibrain/global-state-cache.md\n",
    );
  });
});
