import { mkdir, rename, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { type Daemon, Workspace } from "../support/workspace.ts";

let workspace: Workspace;
let daemon: Daemon;
beforeEach(async () => {
  workspace = await Workspace.create({ repos: { a: {}, b: {}, c: {} } });
  for (const name of ["a", "b", "c"]) await workspace.save(name, `state of ${name}\n`);
  daemon = await workspace.startDaemon();
  await workspace.healthy();
});
afterEach(() => workspace.dispose());

describe("the config is followed live", () => {
  it("a repo that is added is watched and shared, without a restart", async () => {
    await mkdir(workspace.repo("d"), { recursive: true });
    await workspace.configure({ repos: { a: {}, b: {}, c: {}, d: {} } });
    await workspace.save("d", "the new one\n");
    await workspace.arrives("d", ["a", "b", "c"], "the new one\n");
    await workspace.arrives("a", ["d"], "state of a\n");
    await workspace.save("d", "and edited\n");
    await workspace.arrives("d", ["a", "b", "c"], "and edited\n");
  });

  it("a repo that is removed is purged from the others' caches, and its own cache is left alone", async () => {
    await workspace.configure({ repos: { a: {}, b: {} } });
    await eventually("c to be purged", async () => !(await workspace.cache("a")).includes("state of c"));
    await eventually("c to be purged", async () => !(await workspace.cache("b")).includes("state of c"));
    expect(await workspace.cache("a")).not.toMatch(/repo="c"|C State|\| c \|/);
    expect(await workspace.cache("c")).toContain("state of a");
    await workspace.save("c", "nobody's business any more\n");
    await workspace.save("a", "the others go on\n");
    await workspace.arrives("a", ["b"], "the others go on\n");
    expect(await workspace.cache("b")).not.toContain("nobody's business");
  });

  it("a repo that changes its group is purged there and shared here", async () => {
    await workspace.configure({
      repos: { a: { groups: ["x"] }, b: { groups: ["x"] }, c: { groups: ["x"] } },
    });
    await workspace.healthy();
    await workspace.configure({
      repos: { a: { groups: ["x"] }, b: { groups: ["x"] }, c: { groups: ["y"] } },
    });
    await eventually("c to be purged", async () => !(await workspace.cache("a")).includes("state of c"));
    await eventually("c to know nobody", async () => !(await workspace.cache("c")).includes("state of"));
    await workspace.arrives("a", ["b"], "state of a\n");
  });

  it("a purge missed while the daemon was down happens at the next start", async () => {
    await daemon.kill();
    await workspace.configure({ repos: { a: {}, b: {}, c: { groups: ["other"] } } });
    daemon = await workspace.startDaemon();
    expect(await workspace.cache("a")).not.toContain("state of c");
    expect(await workspace.cache("c")).not.toContain("state of a");
  });

  it("one-way edges: publish false reads without being seen, subscribe false is seen without being written", async () => {
    await workspace.configure({ repos: { a: { publish: false }, b: { subscribe: false }, c: {} } });
    await eventually(
      "a to be purged from c",
      async () => !(await workspace.cache("c")).includes("state of a"),
    );
    const cacheOfB = await workspace.cacheBytes("b");
    await workspace.save("c", "news\n");
    await workspace.arrives("c", ["a"], "news\n");
    await workspace.save("b", "more news\n");
    await workspace.arrives("b", ["a", "c"], "more news\n");
    expect(await workspace.cacheBytes("b")).toEqual(cacheOfB);
  });

  it("a passive repo is never written, and what it holds is never read", async () => {
    await mkdir(workspace.repo("vault"), { recursive: true });
    await writeFile(`${workspace.repo("vault")}/STATE.md`, "private thoughts\n");
    await workspace.configure({ repos: { a: {}, b: {}, c: {}, vault: { role: "passive" } } });
    await eventually("the config to be followed", async () => (await workspace.status()).repos.length === 4);
    await workspace.save("a", "after\n");
    await workspace.arrives("a", ["b", "c"], "after\n");
    expect(await workspace.cache("b")).not.toContain("private");
    expect(await workspace.cache("vault")).toBe("");
  });

  it("a repo that is moved in the config is found at its new place", async () => {
    await rename(workspace.repo("c"), workspace.repo("moved"));
    const config = { version: 1, repos: {} as Record<string, { path: string }> };
    for (const name of ["a", "b"]) config.repos[name] = { path: workspace.repo(name) };
    config.repos["c"] = { path: workspace.repo("moved") };
    await writeFile(workspace.paths.config, JSON.stringify(config));
    await eventually("the config to be followed", async () =>
      (await workspace.status()).repos.some((repo) => repo.path === workspace.repo("moved")),
    );
    await writeFile(`${workspace.repo("moved")}/STATE.md`, "from the new place\n");
    await workspace.arrives("c", ["a", "b"], "from the new place\n");
  });

  it("a config with a mistake is refused: the last good one stays, status tells, and it heals", async () => {
    await writeFile(workspace.paths.config, "version: 1\nrepos: [oops\n");
    const problem = await eventually("the mistake to be told", async () =>
      (await workspace.status()).problems.find((candidate) => candidate.code === "CONFIG_INVALID"),
    );
    expect(problem.message).toContain("config.yaml:");
    await workspace.save("a", "the old config works on\n");
    await workspace.arrives("a", ["b", "c"], "the old config works on\n");
    await workspace.configure({});
    await workspace.healthy();
  });

  it("SIGHUP and POST /reload read it too", async () => {
    daemon.send("SIGHUP");
    await workspace.healthy();
    expect(daemon.ended).toBe(false);
  });
});
