import { execFileSync } from "node:child_process";
import { access, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadConfig } from "../../src/config/load.ts";
import { eventually } from "../support/eventually.ts";
import { hasTerminals, Terminal } from "../support/terminal.ts";
import { Workspace } from "../support/workspace.ts";

describe.skipIf(!hasTerminals)("init on a terminal (skipped where tmux is not installed)", () => {
  let workspace: Workspace;
  let terminal: Terminal;
  let found: string;
  let config: string;
  beforeEach(async () => {
    workspace = await Workspace.create({ repos: {} });
    found = join(workspace.root, "found");
    config = join(workspace.root, "new.yaml");
    terminal = await Terminal.open(workspace, { columns: 80, rows: 24 });
  });
  afterEach(async () => {
    terminal.close();
    await workspace.dispose();
  });

  async function make(count: number): Promise<void> {
    for (let at = 0; at < count; at += 1) {
      const repo = join(found, `repo-${String(at).padStart(2, "0")}-${"with-a-long-name".repeat(at % 3)}`);
      await mkdir(repo, { recursive: true });
      await writeFile(join(repo, "STATE.md"), "x");
      execFileSync("git", ["init", "-q", repo]);
    }
  }

  const begin = async (): Promise<string[]> => {
    terminal.run("init", "--scan", found, "--config", config);
    return await terminal.shows(/Enter: go on/);
  };

  const roles = async (): Promise<string[]> =>
    (await loadConfig(config)).registry.repos.map(({ name, role }) => `${name.slice(0, 7)} ${role}`);

  it("shows what it found, lets one be passive and one be left out, and tells what comes next", async () => {
    await make(4);
    const list = await begin();
    expect(list.filter((line) => /^[> ] share {6}/.test(line))).toHaveLength(4);
    expect(list.join("\n"), "how one leaves it, at 80 columns").toContain("^C: stop");
    terminal.press("Space");
    await terminal.shows(/^> passive +repo-00/);
    terminal.press("Down", "Down", "o");
    await terminal.shows(/^> leave out +repo-02/);
    terminal.press("Enter");
    const lines = await terminal.shows(/\[Y\/n\]/);
    // The list has made room for what came of it.
    expect(lines).toContain("2 share their state, 1 passive, 1 left out.");
    expect(lines.join("\n")).not.toContain("Enter: go on");
    terminal.press("Enter");
    await terminal.shows(/from git/);
    terminal.press("Enter");
    const end = await terminal.shows(/state-syncd run/);
    expect(end.join("\n")).toContain("state-syncd service install");
    // Nothing but a long path was broken by the terminal.
    expect(end).toEqual(
      expect.arrayContaining(terminal.writtenLines().filter((text) => !text.includes("-long-"))),
    );
    expect(await roles()).toEqual(["repo-00 passive", "repo-01 execution", "repo-03 execution"]);
    const exclude = await readFile(join(found, "repo-03-", ".git", "info", "exclude"), "utf8");
    expect(exclude).toContain("/.aibrain/global-state-cache.md");
    // A passive repo is not touched.
    expect(await readFile(join(found, "repo-00-", ".git", "info", "exclude"), "utf8")).not.toContain(
      "aibrain",
    );
  });

  it("with forty repos shows as many as fit, and goes to the last one and back", async () => {
    await make(40);
    const lines = await begin();
    expect(lines.join("\n")).toMatch(/\.\.\. 2\d more below/);
    const before = terminal.scrolledAway;
    terminal.press("Up");
    const last = await terminal.shows(/^> share +repo-39/);
    expect(last.join("\n")).toMatch(/\.\.\. 2\d more above/);
    expect(last.filter((line) => line !== "").length).toBeLessThanOrEqual(24);
    terminal.press("o", "Home");
    await terminal.shows(/^> share +repo-00/);
    terminal.press("PageDown", "PageDown", "End", "Home");
    await terminal.shows(/^> share +repo-00/);
    // It may take the rows that it needs, once; after that it is drawn where it stands.
    expect(terminal.scrolledAway - before).toBeLessThanOrEqual(1);
    terminal.resize({ columns: 50, rows: 12 });
    await eventually("the list to be smaller", () => {
      const shown = terminal.lines().filter((line) => /^[> ] share/.test(line));
      return shown.length > 0 && shown.length <= 8;
    });
    await terminal.shows(/\^C: stop/);
    terminal.press("Enter");
    await terminal.shows(/\[Y\/n\]/);
    terminal.press("Enter");
    await terminal.shows(/from git/);
    terminal.type("n\n");
    await terminal.shows(/Wrote .* with 39 repos|with 39 repos/);
    expect(await roles()).toHaveLength(39);
  });

  it("repos add asks about git as well, and ^C at that question adds nothing", async () => {
    await make(1);
    await writeFile(config, "version: 1\nrepos:\n");
    for (const key of ["C-c", "Enter"]) {
      terminal.run("repos", "add", join(found, "repo-00-"), "--config", config);
      await terminal.shows(/from git, by a line/);
      expect(await roles()).toEqual([]);
      terminal.press(key);
      await terminal.shows(key === "Enter" ? /^git does not see its cache/ : /^Nothing was written\.$/);
      terminal.type("clear\n");
      await eventually("the shell to ask for more", () => terminal.lines().join("").trim() === "$");
    }
    expect(await roles()).toEqual(["repo-00 execution"]);
    const exclude = await readFile(join(found, "repo-00-", ".git", "info", "exclude"), "utf8");
    expect(exclude).toContain("/.aibrain/global-state-cache.md");
    // The second time there is nothing to ask.
    terminal.run("repos", "remove", "repo-00", "--config", config);
    await eventually("it to be gone", async () => (await roles()).length === 0);
    terminal.run("repos", "add", join(found, "repo-00-"), "--config", config);
    await eventually("it to be there again", async () => (await roles()).length === 1);
  });

  it.each(["C-c", "C-d"])(
    "%s at the list, and at each question, leaves everything untouched",
    async (key) => {
      await make(2);
      const untouched = async (): Promise<void> => {
        await terminal.shows(/^Nothing was written\.$/);
        await expect(access(config)).rejects.toThrow("ENOENT");
        const exclude = await readFile(join(found, "repo-00-", ".git", "info", "exclude"), "utf8");
        expect(exclude).not.toContain("aibrain");
        terminal.type("clear\n");
        await eventually("the shell to ask for more", () => terminal.lines().join("").trim() === "$");
      };
      for (const questions of [0, 1, 2]) {
        await begin();
        if (questions > 0) {
          terminal.press("Enter");
          await terminal.shows(/Write this to .*|\[Y\/n\]/);
        }
        if (questions > 1) {
          terminal.press("Enter");
          await terminal.shows(/from git/);
        }
        terminal.press(key);
        await untouched();
      }
    },
  );
});
