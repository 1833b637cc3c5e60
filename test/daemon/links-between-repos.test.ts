import { mkdir, readdir, readFile, rename, symlink, unlink, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { EdgeReport } from "../../src/status/report.ts";
import { placeConfig } from "../support/config-file.ts";
import { eventually } from "../support/eventually.ts";
import { stays } from "../support/stays.ts";
import { Workspace } from "../support/workspace.ts";

let workspace: Workspace;
/** A registered repo in a registered repo. */
let nested: string;
beforeEach(async () => {
  workspace = await Workspace.create({ repos: { a: {}, x: {}, y: {} } });
  for (const name of ["a", "x", "y"]) await workspace.save(name, `state of ${name}\n`);
  nested = `${workspace.repo("a")}/sub`;
  await mkdir(nested);
  await writeFile(`${nested}/STATE.md`, "state of sub\n");
});
afterEach(() => workspace.dispose());

async function edgesTo(name: string): Promise<readonly EdgeReport[]> {
  return (await workspace.status()).edges.filter((edge) => edge.to === name);
}

/** Waits until every edge into a repo failed, and nothing but them; the codes. */
async function refused(name: string): Promise<string[]> {
  const edges = await eventually("its edges to fail", async () => {
    const found = await edgesTo(name);
    return found.length > 0 && found.every((edge) => edge.status === "failed") ? found : undefined;
  });
  return [...new Set(edges.map((edge) => edge.error?.code ?? ""))];
}

async function writtenInto(cache: string): Promise<unknown[]> {
  return (await workspace.log()).filter(
    (line) => line["cache"] === cache && /section\.written|cache\.replaced/.test(String(line["event"])),
  );
}

describe("a link inside a repo that leads into another registered one", () => {
  it("a cache that is a link to another repo's state file is not written", async () => {
    await mkdir(`${workspace.repo("a")}/.aibrain`);
    await symlink("../sub/STATE.md", workspace.cacheFile("a"));
    await placeConfig(workspace, { a: {}, sub: { path: nested, groups: ["private"] }, x: {}, y: {} });
    await workspace.startDaemon({ args: ["--log-level", "trace"] });
    expect(await refused("a")).toEqual(["CACHE_OUTSIDE"]);
    await workspace.save("x", "more\n");
    await workspace.arrives("x", ["y"], "more\n");
    expect(await readFile(`${nested}/STATE.md`, "utf8")).toBe("state of sub\n");
    expect(await writtenInto("a")).toEqual([]);
  });

  it("a passive repo is not written through the `.aibrain` of the repo around it", async () => {
    await symlink("sub", `${workspace.repo("a")}/.aibrain`);
    await placeConfig(workspace, { a: {}, sub: { path: nested, role: "passive" }, x: {}, y: {} });
    await workspace.startDaemon({ args: ["--log-level", "trace"] });
    expect(await refused("a")).toEqual(["CACHE_OUTSIDE"]);
    await workspace.save("x", "more\n");
    await workspace.arrives("x", ["y"], "more\n");
    expect(await readdir(nested)).toEqual(["STATE.md"]);
    expect(await writtenInto("a")).toEqual([]);
  });

  it("a cache of another group gets nothing by way of the repo around it", async () => {
    await mkdir(`${nested}/.aibrain`);
    await symlink("sub/.aibrain", `${workspace.repo("a")}/.aibrain`);
    await workspace.save("x", "the secret of group one\n");
    await placeConfig(workspace, {
      a: { groups: ["one"] },
      x: { groups: ["one"] },
      sub: { path: nested, groups: ["two"] },
      y: { groups: ["two"] },
    });
    await workspace.startDaemon({ args: ["--log-level", "trace"] });
    expect(await refused("a")).toEqual(["CACHE_OUTSIDE"]);
    await eventually("the nested repo to have its own peers' state", async () =>
      (await edgesTo("sub")).every((edge) => edge.status === "fresh"),
    );
    const cache = (): Promise<string> => readFile(`${nested}/.aibrain/global-state-cache.md`, "utf8");
    await stays("no word of group one is in it", async () => !(await cache()).includes("secret"), 1_000);
    expect(await writtenInto("a")).toEqual([]);
  });

  /** How a repo's state file may be another repo's. */
  const BORROWED: readonly (readonly [what: string, stateFile: string, make: () => Promise<unknown>])[] = [
    ["a link to it", "STATE.md", () => symlink("sub/STATE.md", workspace.stateFile("a"))],
    ["a link on the way to it", "docs/STATE.md", () => symlink("sub", `${workspace.repo("a")}/docs`)],
    ["its very path", "sub/STATE.md", async () => undefined],
  ];

  it.each(BORROWED)(
    "the state of a passive repo goes nowhere by way of %s",
    async (_what, stateFile, make) => {
      await unlink(workspace.stateFile("a"));
      await make();
      await placeConfig(workspace, {
        a: { stateFile },
        sub: { path: nested, role: "passive" },
        x: {},
        y: {},
      });
      await workspace.startDaemon({ args: ["--log-level", "trace"] });
      const problem = await eventually("it to be refused", async () => {
        const { problems } = await workspace.status();
        return problems.find(({ repo }) => repo === "a");
      });
      expect(problem).toMatchObject({ code: "STATE_FILE_OUTSIDE" });
      expect(problem.message).toContain("leads into sub, another repo");
      await workspace.save("x", "more\n");
      await workspace.arrives("x", ["a", "y"], "more\n");
      for (const name of ["x", "y"]) expect(await workspace.cache(name)).not.toContain("state of sub");
      const { stdout } = await workspace.run(["sync", "a", "--dry-run"]);
      expect(stdout).not.toContain("state of sub");
    },
  );

  it("the state of another group goes nowhere by way of a link, with or without a daemon", async () => {
    await unlink(workspace.stateFile("a"));
    await symlink("sub/STATE.md", workspace.stateFile("a"));
    await placeConfig(workspace, {
      a: { groups: ["one"] },
      x: { groups: ["one"] },
      sub: { path: nested, groups: ["two"] },
      y: { groups: ["two"] },
    });
    const { code, stderr } = await workspace.run(["sync", "--all"]);
    expect(code).toBe(1);
    expect(stderr).toContain("leads into sub, another repo");
    await workspace.startDaemon();
    await workspace.arrives("sub", ["y"], "state of sub\n");
    await workspace.save("x", "more\n");
    await workspace.arrives("x", ["a"], "more\n");
    expect(await workspace.cache("x")).not.toContain("state of sub");
  });

  it("a state file that becomes a link into another repo is refused from then on", async () => {
    await placeConfig(workspace, { a: {}, sub: { path: nested, role: "passive" }, x: {}, y: {} });
    await workspace.startDaemon();
    await workspace.arrives("a", ["x", "y"], "state of a\n");
    await symlink("sub/STATE.md", `${workspace.stateFile("a")}.new`);
    await rename(`${workspace.stateFile("a")}.new`, workspace.stateFile("a"));
    await eventually("it to be refused", async () =>
      (await workspace.status()).problems.some(({ code }) => code === "STATE_FILE_OUTSIDE"),
    );
    expect(await workspace.received("x", "a")).toBe("state of a\n");
  });

  it("a passive repo is not read through a link on the way to the repo around it", async () => {
    await symlink(workspace.repo("a"), `${workspace.root}/link`);
    await placeConfig(workspace, {
      a: { path: `${workspace.root}/link`, stateFile: "sub/STATE.md" },
      sub: { path: nested, role: "passive" },
      x: {},
      y: {},
    });
    await workspace.startDaemon();
    await eventually("it to be refused", async () =>
      (await workspace.status()).problems.some(({ code }) => code === "STATE_FILE_OUTSIDE"),
    );
    expect(await workspace.cache("x")).not.toContain("state of sub");
  });

  /** Where a repo may keep its cache by a link, and the file that is the cache then. */
  const LINKED: readonly (readonly [what: string, file: string, make: (repo: string) => Promise<unknown>])[] =
    [
      [
        "directory",
        "notes/global-state-cache.md",
        async (repo) => {
          await mkdir(`${repo}/notes`);
          await symlink("notes", `${repo}/.aibrain`);
        },
      ],
      [
        "file",
        "notes.md",
        async (repo) => {
          await mkdir(`${repo}/.aibrain`);
          await writeFile(`${repo}/notes.md`, "");
          await symlink("../notes.md", `${repo}/.aibrain/global-state-cache.md`);
        },
      ],
    ];

  it.each(LINKED)(
    "what others said does not go out again as a state, where the cache's %s is a link",
    async (_what, file, make) => {
      await make(workspace.repo("a"));
      await placeConfig(workspace, {
        x: { groups: ["one"] },
        a: { groups: ["one", "two"] },
        y: { groups: ["two"] },
      });
      await workspace.startDaemon();
      await workspace.arrives("x", ["a"], "state of x\n");
      await workspace.arrives("a", ["y"], "state of a\n");
      // As the checkout of another commit would do it.
      await unlink(workspace.stateFile("a"));
      await symlink(file, workspace.stateFile("a"));
      await eventually("it to be refused", async () =>
        (await workspace.status()).problems.some(({ code }) => code === "STATE_FILE_OUTSIDE"),
      );
      expect(await workspace.cache("y")).not.toContain("state of x");
    },
  );

  it("a cache is not taken for a state file: the config is refused", async () => {
    await placeConfig(workspace, {
      a: { stateFile: "sub/.aibrain/global-state-cache.md" },
      sub: { path: nested },
    });
    const { code, stderr } = await workspace.run(["config", "check"]);
    expect(code).toBe(2);
    expect(stderr).toContain("sub/.aibrain/global-state-cache.md");
    expect((await workspace.run(["sync", "--all"])).code).toBe(2);
  });
});
