import { execFileSync, spawnSync } from "node:child_process";
import { chmod, mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ROOT } from "../../src/cli/commands.ts";
import { isInstalled } from "../support/installed.ts";
import { SCRIPT, Workspace } from "../support/workspace.ts";

let workspace: Workspace;
let path: string;
beforeAll(async () => {
  workspace = await Workspace.create({ repos: { alpha: {}, alpine: {}, beta: {} } });
  // As it is installed: by its name on the path.
  const bin = join(workspace.root, "bin");
  await mkdir(bin);
  await symlink(process.execPath, join(bin, "node"));
  await writeFile(join(bin, "state-syncd"), `#!/bin/sh\nexec node ${SCRIPT} "$@"\n`);
  await chmod(join(bin, "state-syncd"), 0o755);
  path = `${bin}:${process.env["PATH"] ?? ""}`;
});
afterAll(async () => {
  await workspace.dispose();
});

async function scriptFor(shell: string): Promise<string> {
  return (await workspace.run(["completion", "--shell", shell])).stdout;
}

async function asked(shell: string, ...words: string[]): Promise<string[]> {
  const ran = await workspace.run(["--get-yargs-completions", shell, "state-syncd", ...words]);
  expect([ran.code, ran.stderr]).toEqual([0, ""]);
  return ran.stdout.split("\n").slice(0, -1);
}

describe("what a word may become", () => {
  it("the first one: every command", async () => {
    expect(await asked("bash", "")).toEqual(Object.keys(ROOT.commands));
    expect(await asked("bash", "--config", "x.yaml", "res")).toEqual(["resume"]);
  });

  it("inside a family its commands, and nothing behind a word that is none", async () => {
    expect(await asked("bash", "repos", "")).toEqual(["list", "add", "remove"]);
    expect(await asked("bash", "repos", "nope", "")).toEqual([]);
  });

  it("options that are not there yet, the command's own and the global ones", async () => {
    expect(await asked("bash", "sync", "--all", "--")).toEqual([
      "--dry-run",
      "--config",
      "--json",
      "--verbose",
      "--help",
    ]);
  });

  it("the few values that an option has", async () => {
    expect(await asked("bash", "run", "--log-level", "")).toEqual([
      "trace",
      "debug",
      "info",
      "warn",
      "error",
    ]);
    // As bash splits it, and as the others do not.
    expect(await asked("bash", "repos", "add", ".", "--role", "=", "p")).toEqual(["passive"]);
    expect(await asked("bash", "repos", "add", ".", "--role", "=")).toEqual(["execution", "passive"]);
    expect(await asked("zsh", "repos", "add", ".", "--role=p")).toEqual(["--role=passive"]);
  });

  it("names of repos where a repo is asked for, each once", async () => {
    expect(await asked("bash", "sync", "al")).toEqual(["alpha", "alpine"]);
    expect(await asked("bash", "sync", "alpha", "al")).toEqual(["alpine"]);
    expect(await asked("bash", "pull", "alpha", "--from", "")).toEqual(["alpine", "beta"]);
    expect(await asked("bash", "explain", "alpha", "")).toEqual([]);
    expect(await asked("bash", "repos", "remove", "b")).toEqual(["beta"]);
  });

  it("a worktree's name, whole or as bash splits it", async () => {
    const config = join(workspace.root, "worktrees.yaml");
    await writeFile(config, "repos: { km: {}, km@feature-x: {}, km@fix: {}, 'km@a@b': {} }\n");
    const sync = ["sync", "--config", config];
    expect(await asked("bash", ...sync, "k")).toEqual(["km", "km@feature-x", "km@fix"]);
    expect(await asked("bash", ...sync, "km", "@")).toEqual(["feature-x", "fix"]);
    expect(await asked("bash", ...sync, "km", "@", "fe")).toEqual(["feature-x"]);
    expect(await asked("bash", ...sync, "km", "@", "fix", "km")).toEqual(["km", "km@feature-x"]);
    expect(await asked("zsh", ...sync, "km@fe")).toEqual(["km@feature-x"]);
    expect(await asked("fish", ...sync, "km@fe")).toEqual(["km@feature-x"]);
  });

  it("names of the config that the line names, of a wrong one too, and no word that a shell would act on", async () => {
    const other = join(workspace.root, "other.yaml");
    await writeFile(other, 'repos:\n  one: { pth: 3 }\n  "$(touch x)": {}\n  two:\n');
    expect(await asked("bash", "sync", "--config", other, "")).toEqual(["one", "two"]);
    await writeFile(other, "repos: [\n");
    expect(await asked("bash", "sync", "--config", other, "")).toEqual([]);
    expect(await asked("bash", "sync", "--config", join(workspace.root, "none.yaml"), "")).toEqual([]);
  });

  it("with a word of explanation for the shells that show it", async () => {
    expect(await asked("zsh", "resu")).toEqual(["resume:End a pause"]);
    expect(await asked("fish", "resu")).toEqual(["resume\tEnd a pause"]);
  });

  it("a path, for fish alone: the others take files for what has no candidates", async () => {
    expect(await asked("fish", "init", "--scan", "")).toEqual([":path"]);
    expect(await asked("bash", "init", "--scan", "")).toEqual([]);
  });

  it("is told to the script of an earlier version as well, which names no shell", async () => {
    const { stdout } = await workspace.run(["--get-yargs-completions", "state-syncd", "res"]);
    expect(stdout).toBe("resume\n");
  });
});

describe("which shell", () => {
  it.each([
    ["/usr/bin/zsh", {}, "#compdef state-syncd"],
    ["/usr/bin/fish", {}, "complete -c state-syncd"],
    ["/bin/bash", {}, "complete -o bashdefault"],
    ["/bin/ksh", {}, "complete -o bashdefault"],
    ["", { ZSH_NAME: "zsh" }, "#compdef state-syncd"],
  ])("SHELL=%s %j", async (shell, more, expected) => {
    const { stdout } = await workspace.run(["completion"], { env: { SHELL: shell, ...more } });
    expect(stdout).toContain(expected);
  });

  it("--shell names it; another one than the three is refused", async () => {
    expect(await scriptFor("fish")).toContain("complete -c state-syncd");
    expect((await workspace.run(["completion", "--shell", "tcsh"])).code).toBe(2);
  });
});

describe("in bash", () => {
  /** What Tab offers at the end of a line, by the function that the script registers. */
  async function tab(...words: string[]): Promise<string[]> {
    const rc = join(workspace.root, "bashrc");
    await writeFile(rc, await scriptFor("bash"));
    const script = [
      "complete -p state-syncd >&2",
      `COMP_WORDS=(${["state-syncd", ...words].map((word) => `'${word}'`).join(" ")})`,
      `COMP_CWORD=${words.length}`,
      "_state_syncd_completions",
      String.raw`printf '%s\n' "\${COMPREPLY[@]}"`.replace("\\$", "$"),
    ].join("\n");
    const { stdout, stderr } = spawnSync(
      "bash",
      ["--norc", "--rcfile", rc, "-ic", `source ${rc}\n${script}`],
      {
        encoding: "utf8",
        env: { ...workspace.env, PATH: path },
      },
    );
    expect(stderr).toContain("complete -o bashdefault -o default -F _state_syncd_completions state-syncd");
    return stdout.trim() === "" ? [] : stdout.trim().split("\n");
  }

  it("the script is registered, and completes commands, values and repos", async () => {
    expect(await tab("res")).toEqual(["resume"]);
    expect(await tab("repos", "")).toEqual(["list", "add", "remove"]);
    expect(await tab("sync", "al")).toEqual(["alpha", "alpine"]);
    expect(await tab("run", "--log-level", "=", "w")).toEqual(["warn"]);
    expect(await tab("init", "--scan", "")).toEqual([]);
  });
});

describe("zsh and fish read their scripts without a complaint", () => {
  it.skipIf(!isInstalled("zsh"))("zsh (skipped where zsh is not installed)", async () => {
    execFileSync("zsh", ["-n", "/dev/stdin"], { input: await scriptFor("zsh") });
    const loaded = `autoload -U compinit; compinit -u; source /dev/stdin; print $_comps[state-syncd]`;
    const out = execFileSync("zsh", ["-fc", loaded], { input: await scriptFor("zsh"), encoding: "utf8" });
    expect(out.trim()).toBe("_state_syncd_completions");
  });

  it.skipIf(!isInstalled("fish"))("fish (skipped where fish is not installed)", async () => {
    const script = `${await scriptFor("fish")}complete -C 'state-syncd sync al'\n`;
    const out = execFileSync("fish", ["--no-config"], {
      input: script,
      encoding: "utf8",
      env: { ...workspace.env, PATH: path },
    });
    expect(out.trim().split("\n")).toEqual(["alpha", "alpine"]);
  });
});
