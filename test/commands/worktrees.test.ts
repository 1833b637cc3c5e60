import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadConfig } from "../../src/config/load.ts";
import { findRepo, type Repo } from "../../src/core/registry.ts";
import { Git } from "../support/git.ts";
import { type Ran, Workspace } from "../support/workspace.ts";

let workspace: Workspace;
beforeEach(async () => {
  workspace = await Workspace.create({ repos: { km: {}, peer: {} } });
  await repository("km", "state of km\n");
  await workspace.save("peer", "state of peer\n");
});
afterEach(() => workspace.dispose());

const at = (name: string): string => join(workspace.root, "repos", name);
const git = (name: string, ...args: readonly string[]): string =>
  new Git(at(name), workspace.root).run(...args);

async function repository(name: string, state: string): Promise<void> {
  await mkdir(at(name), { recursive: true });
  git(name, "init", "-q", "-b", "main");
  await writeFile(join(at(name), "STATE.md"), state);
  git(name, "add", ".");
  git(name, "commit", "-qm", "one");
}

function worktree(of: string, name: string, branch: string): void {
  git(of, "worktree", "add", "-q", "-b", branch, at(name));
}

const run = async (line: string, cwd: string): Promise<Ran> => await workspace.run(line.split(" "), { cwd });

async function registered(name: string): Promise<Repo | undefined> {
  return findRepo((await loadConfig(workspace.paths.config)).registry, name);
}

describe("in a worktree that is not registered", () => {
  it.each(["without a daemon", "with one"])(
    "%s: sync pushes nothing as its repo's, pull reads what its repo reads",
    async (how) => {
      worktree("km", "km-x", "feature/x");
      await writeFile(join(at("km-x"), "STATE.md"), "state of the worktree\n");
      if (how === "with one") {
        await workspace.startDaemon();
        await workspace.healthy();
      }
      for (const line of ["sync", "sync --dry-run"]) {
        const refused = await run(line, join(at("km-x")));
        expect([refused.code, refused.stdout]).toEqual([2, ""]);
        const told = refused.stderr.replaceAll(/\s+/g, " ");
        expect(told).toContain(`${at("km-x")} is a worktree of km, and is not registered itself`);
        expect(told).toContain("`state-syncd sync km` pushes the state of km itself");
        expect(told).toContain("`state-syncd repos add .` registers this one as km@feature-x");
      }
      expect(await run("pull --from peer --raw", at("km-x"))).toMatchObject({
        code: 0,
        stdout: "state of peer\n",
      });
      expect(await workspace.received("km", "peer")).toBe("state of peer\n");
      expect(await workspace.cache("peer")).not.toContain("worktree");
      expect((await run("sync km", at("km-x"))).stdout).toContain("[state_sync] Synced km STATE.md -> ");
      expect(await workspace.received("peer", "km")).toBe("state of km\n");
    },
  );

  it("is one inside the main tree's own directory too", async () => {
    git("km", "worktree", "add", "-q", "-b", "inner", join(at("km"), ".worktrees", "inner"));
    const inner = join(at("km"), ".worktrees", "inner");
    expect((await run("sync", inner)).stderr).toContain("is a worktree of km");
    expect((await run("sync", at("km"))).code).toBe(0);
    expect((await run("repos add .", inner)).stdout).toContain("Added km@inner: ");
    expect((await run("sync", inner)).stdout).toContain("[state_sync] Synced km@inner STATE.md -> ");
  });
});

describe("repos add of a worktree", () => {
  it("names it by its branch, and shares it as its repo is shared, and says so", async () => {
    const clinic = {
      groups: ["clinic"],
      publish: true,
      subscribe: false,
      onSecret: "block",
      fence: true,
    } as const;
    await workspace.configure({ repos: { km: { ...clinic, stateFile: "docs/STATE.md" }, peer: {} } });
    worktree("km", "km-x", "Feature/X_1");
    const added = await run("repos add .", at("km-x"));
    expect(added).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Added km@feature-x_1: /) });
    expect(added.stderr.replaceAll(/\s+/g, " ")).toContain(
      "km@feature-x_1 is a worktree of km, and shares as that does: groups clinic; subscribe false; onSecret block; fence true; stateFile docs/STATE.md.",
    );
    expect(added.stderr).toContain("km@feature-x_1 has no docs/STATE.md yet");
    expect(await registered("km@feature-x_1")).toMatchObject({
      ...clinic,
      stateFile: "docs/STATE.md",
      path: at("km-x"),
    });
    expect((await run("sync km@feature-x_1", at("km-x"))).stdout).toBe("");
  });

  it.each([
    ["from beside it", "peer", "repos add ../km-x"],
    ["under another name", "km-x", "repos add . --name other"],
    ["of a directory in it", "km-x", "repos add docs"],
    ["as passive", "km-x", "repos add . --role passive"],
  ])("never lands a clinic's worktree in default by itself: %s", async (_how, from, line) => {
    await workspace.configure({ repos: { km: { groups: ["clinic"] }, peer: {} } });
    worktree("km", "km-x", "x");
    await mkdir(join(at("km-x"), "docs"));
    expect((await run(line, at(from))).code).toBe(0);
    const { registry } = await loadConfig(workspace.paths.config);
    expect(registry.repos.map(({ groups }) => groups)).toEqual([["clinic"], ["default"], ["clinic"]]);
  });

  it("is not even registered where its repository is not there to tell whom it belongs to", async () => {
    await workspace.configure({ repos: { km: { groups: ["clinic"] }, peer: {} } });
    worktree("km", "km-x", "x");
    await rename(at("km"), at("away"));
    const refused = await run("repos add .", at("km-x"));
    expect([refused.code, refused.stdout]).toEqual([2, ""]);
    expect(refused.stderr.replaceAll(/\s+/g, " ")).toContain(
      "is a worktree of a repository that is not there",
    );
    expect((await run("repos add . --groups clinic", at("km-x"))).code).toBe(0);
    expect((await registered("km-x"))?.groups).toEqual(["clinic"]);
  });

  it("of a monorepo of which only directories are registered goes by those, and asks where they differ", async () => {
    for (const name of ["one", "two"]) await mkdir(join(at("km"), name));
    await workspace.configure({ repos: {} });
    const config = (groups: string): string =>
      `version: 1\nrepos:\n  one: { path: ${at("km")}/one, groups: [clinic] }\n  two: { path: ${at("km")}/two, groups: [${groups}] }\n`;
    worktree("km", "km-x", "x");
    await writeFile(workspace.paths.config, config("other"));
    const refused = await run("repos add .", at("km-x"));
    expect([refused.code, refused.stderr.replaceAll(/\s+/g, " ")]).toEqual([
      2,
      expect.stringContaining("lies in a worktree of one, two, which do not share alike"),
    ]);
    await writeFile(workspace.paths.config, config("clinic"));
    expect((await run("repos add .", at("km-x"))).code).toBe(0);
    expect((await registered("km-x"))?.groups).toEqual(["clinic"]);
  });

  it("goes by what the options say, and by the directory where no branch is checked out", async () => {
    await workspace.configure({ repos: { km: { groups: ["clinic"] }, peer: {} } });
    git("km", "worktree", "add", "-q", "--detach", at("try it"));
    const added = await workspace.run(["repos", "add", ".", "--groups", "default"], { cwd: at("try it") });
    expect(added.stdout).toContain("Added km@try-it: ");
    expect(added.stderr).not.toContain("clinic");
    expect((await registered("km@try-it"))?.groups).toEqual(["default"]);
  });

  it("of a passive repo is passive, unless somebody says otherwise", async () => {
    await workspace.configure({ repos: { km: { role: "passive" }, peer: {} } });
    worktree("km", "km-x", "x");
    worktree("km", "km-y", "y");
    expect((await run("repos add .", at("km-x"))).code).toBe(0);
    expect((await run("repos add . --role execution", at("km-y"))).code).toBe(0);
    expect((await registered("km@x"))?.role).toBe("passive");
    expect((await registered("km@y"))?.role).toBe("execution");
  });

  it("gives the main tree its own name where a worktree of it came first, and that one's groups", async () => {
    worktree("km", "km-x", "x");
    await workspace.configure({ repos: { "km-x": { groups: ["clinic"] }, peer: {} } });
    expect((await run("repos add .", at("km"))).stdout).toContain("Added km: ");
    expect((await registered("km"))?.groups).toEqual(["clinic"]);
  });

  it("takes a name that is free where two branches would have one", async () => {
    worktree("km", "km-1", "a/b");
    worktree("km", "km-2", "a-b");
    await run("repos add .", at("km-1"));
    expect((await run("repos add .", at("km-2"))).stdout).toContain("Added km@a-b-2: ");
  });

  it("excludes the cache one time for all worktrees, and says nothing wrong of the second", async () => {
    worktree("km", "km-x", "x");
    worktree("km", "km-y", "y");
    const first = await run("repos add . --exclude", at("km-x"));
    const exclude = join(at("km"), ".git", "info", "exclude");
    expect(first.stderr).toContain(`git does not see its cache any more: ${exclude}`);
    const text = await readFile(exclude, "utf8");
    const second = await run("repos add . --exclude", at("km-y"));
    expect([second.code, await readFile(exclude, "utf8")]).toEqual([0, text]);
    expect(second.stderr).not.toContain("exclude");
    for (const name of ["km-x", "km-y"]) {
      await mkdir(join(at(name), ".aibrain"));
      await writeFile(join(at(name), ".aibrain", "global-state-cache.md"), "x");
      expect(git(name, "status", "--porcelain")).toBe("");
    }
  });
});

describe("a registered worktree", () => {
  it("is a peer like any other, by its name with the branch: section, heading, index, status, log, copies", async () => {
    worktree("km", "km-x", "feature/x");
    await run("repos add .", at("km-x"));
    await writeFile(join(at("km-x"), "STATE.md"), "state of the worktree\n");
    const daemon = await workspace.startDaemon();
    await workspace.healthy();
    const cache = await workspace.cache("peer");
    expect(cache).toContain('<!-- state-syncd:begin repo="km@feature-x" format="1"');
    expect(cache).toContain("\n## KM@FEATURE-X State\n");
    expect(cache).toMatch(/^\| km@feature-x \| .* \| feature\/x @ [0-9a-f]{7} \| 22 B \|$/m);
    const own = join(at("km-x"), ".aibrain", "global-state-cache.md");
    expect(await readFile(own, "utf8")).toContain("## KM State\n");
    expect(await workspace.run(["pull", "km", "--from", "km@feature-x", "--raw"])).toMatchObject({
      stdout: "state of the worktree\n",
    });
    await writeFile(own, (await readFile(own, "utf8")).replace("state of km\n", "damaged\n"));
    await workspace.healthy();
    for (const line of [
      "status",
      "explain km@feature-x",
      "logs --repo km@feature-x",
      "pause km@feature-x",
      "resume km@feature-x",
    ]) {
      const ran = await run(line, workspace.root);
      expect([line, ran.code]).toEqual([line, 0]);
      expect(ran.stdout + ran.stderr).toMatch(/km@feature-x|repos\/km-x/);
    }
    // The original utility's kind of section is understood by that name as well.
    await writeFile(
      workspace.cacheFile("peer"),
      "# Global State Cache\n\n**Purpose**: Cached state from other repos for cross-repo context awareness.\n\n**Last Updated**: 2026-11-22T16:54:57.245810\n\n---\n\n## KM@FEATURE-X State\n\n**Last Synced**: 2026-11-22T16:54:57.245810\n\nold\n\n---\n",
    );
    await workspace.arrives("km@feature-x", ["peer"], "state of the worktree\n");
    expect(await workspace.cache("peer")).not.toContain("\nold\n");
    expect(await daemon.stop()).toBe(0);
    const removed = await run("repos remove km@feature-x", at("km-x"));
    expect(removed.stdout).toContain("Removed km@feature-x: ");
  });
});

describe("init --scan", () => {
  it("names the worktrees beside a main tree by it, whatever comes first, and offers them like other repos", async () => {
    await rm(workspace.paths.config);
    worktree("km", "a-tree", "feature/x");
    worktree("km", "km-y", "y");
    await rm(join(at("km-y"), "STATE.md"));
    await repository("other", "x");
    git("other", "worktree", "add", "-q", "-b", "z", join(workspace.root, "elsewhere"));
    expect((await run(`init --scan ${at("")} --yes`, workspace.root)).code).toBe(0);
    const { registry } = await loadConfig(workspace.paths.config);
    expect(registry.repos.map(({ name, role }) => `${name} ${role}`)).toEqual([
      "km@feature-x execution",
      "km execution",
      "km@y passive",
      "other execution",
      "peer execution",
    ]);
  });
});
