import { once } from "node:events";
import { chmod, mkdir, rm, rmdir, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ask } from "../../src/control/client.ts";
import type { StatusReport } from "../../src/status/report.ts";
import { eventually } from "../support/eventually.ts";
import { OrdinaryUser } from "../support/ordinary-user.ts";
import { stays } from "../support/stays.ts";
import { Workspace } from "../support/workspace.ts";

const repos = ["a", "b", "c", "d", "e"];
let workspace: Workspace;
beforeEach(async () => {
  workspace = await Workspace.create({ repos: { a: {}, b: {}, c: {}, d: {}, e: {} } });
  for (const name of repos) await workspace.save(name, `state of ${name}\n`);
});
afterEach(() => workspace.dispose());

async function paused(): Promise<string[]> {
  return (await workspace.status()).repos.filter((repo) => repo.paused).map((repo) => repo.name);
}

describe("pauses", () => {
  it("that come in at the same moment all outlive a restart", async () => {
    const daemon = await workspace.startDaemon();
    await Promise.all(
      repos.map((repo) =>
        ask(workspace.paths, { method: "POST", path: "/pause", body: { repo }, timeoutMs: 10_000 }),
      ),
    );
    expect(await paused()).toEqual(repos);
    expect(await daemon.stop()).toBe(0);
    await workspace.startDaemon();
    expect(await paused()).toEqual(repos);
  });

  it("hold for a sync without a daemon too", async () => {
    const daemon = await workspace.startDaemon();
    await workspace.healthy();
    await ask(workspace.paths, { method: "POST", path: "/pause", body: { repo: "a" }, timeoutMs: 10_000 });
    expect(await daemon.stop()).toBe(0);
    await workspace.save("a", "not to travel\n");
    const { code, stdout, stderr } = await workspace.run(["sync", "a"]);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(/paused/i);
    expect(await workspace.received("b", "a")).toBe("state of a\n");
  });

  it("hold for a repo whose state file the config puts elsewhere, and for one that joins while all are paused", async () => {
    await workspace.configure({ repos: { a: {}, b: {}, c: {}, d: {} } });
    await workspace.startDaemon();
    await workspace.healthy();
    await ask(workspace.paths, { method: "POST", path: "/pause", body: { repo: "a" }, timeoutMs: 10_000 });
    await writeFile(`${workspace.repo("a")}/NEXT.md`, "not to travel\n");
    await workspace.configure({ repos: { a: { stateFile: "NEXT.md" }, b: {}, c: {}, d: {} } });
    await ask(workspace.paths, { method: "POST", path: "/reload", timeoutMs: 10_000 });
    await workspace.save("b", "the others go on\n");
    await workspace.arrives("b", ["c", "d"], "the others go on\n");
    const isLeftOut = async (): Promise<boolean> => (await workspace.received("b", "a")) === "state of a\n";
    await stays("the peers keep what they had of the paused one", isLeftOut, 1_000);

    await ask(workspace.paths, { method: "POST", path: "/pause", body: {}, timeoutMs: 10_000 });
    await workspace.configure({ repos: { a: {}, b: {}, c: {}, d: {}, e: {} } });
    await ask(workspace.paths, { method: "POST", path: "/reload", timeoutMs: 10_000 });
    const isQuiet = async (): Promise<boolean> =>
      (await workspace.cache("e")) === "" && !(await workspace.cache("b")).includes("state of e");
    await stays("nothing of the new one travels, and nothing to it", isQuiet, 1_000);
    await ask(workspace.paths, { method: "POST", path: "/resume", body: {}, timeoutMs: 10_000 });
    await workspace.arrives("e", ["a", "b", "c", "d"], "state of e\n");
    await workspace.healthy();
  });

  it("are told by status without a daemon too", async () => {
    const daemon = await workspace.startDaemon();
    await ask(workspace.paths, { method: "POST", path: "/pause", body: { repo: "a" }, timeoutMs: 10_000 });
    expect(await daemon.stop()).toBe(0);
    const { code, stdout } = await workspace.run(["status", "--json"]);
    const report: StatusReport = JSON.parse(stdout);
    expect(code).toBe(3);
    expect(report.repos.filter((repo) => repo.paused).map((repo) => repo.name)).toEqual(["a"]);
    expect(report.problems).toContainEqual(expect.objectContaining({ code: "PAUSED", repo: "a" }));
  });

  it("a fault of a cache that ended during the pause is not told any more", async () => {
    const cache = workspace.cacheFile("a");
    await mkdir(cache, { recursive: true });
    await workspace.startDaemon();
    const told = async (): Promise<boolean> =>
      (await workspace.status()).problems.some(({ code }) => code === "CACHE_NOT_REGULAR");
    await eventually("the fault to be told", told);
    await ask(workspace.paths, { method: "POST", path: "/pause", body: { repo: "a" }, timeoutMs: 10_000 });
    expect(await told()).toBe(true);
    await rmdir(cache);
    expect(await told()).toBe(false);
    await ask(workspace.paths, { method: "POST", path: "/resume", body: {}, timeoutMs: 10_000 });
    await workspace.healthy();
  });
});

describe("a request that is cut short or cannot be met", () => {
  it("a client that hangs up in the middle of its request is no error of the daemon", async () => {
    await workspace.startDaemon({ args: ["--log-level", "trace"] });
    const client = connect(workspace.paths.socket);
    await once(client, "connect");
    const head = "POST /sync HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{";
    await new Promise<void>((resolve) => client.write(head, () => resolve()));
    client.destroy();
    const isQuiet = async (): Promise<boolean> =>
      !(await workspace.log()).some((line) => line["event"] === "internal.error");
    await stays("no error in the log", isQuiet, 700);
    await workspace.healthy();
  });

  it("an emptied file does not travel by `sync --all`, but by its name it does", async () => {
    await workspace.run(["sync", "--all"]);
    await workspace.save("a", "");
    await workspace.run(["sync", "--all"]);
    expect(await workspace.received("b", "a")).toBe("state of a\n");
    expect((await workspace.run(["sync", "a"])).code).toBe(0);
    expect(await workspace.received("b", "a")).toBe("");
  });

  it.each([
    [
      "a cache that may not be read",
      /permission denied.*\n {2}\S.*chmod/,
      () => chmod(workspace.cacheFile("a"), 0),
    ],
    [
      "a file in the place of the cache's directory",
      /is not a directory\n {2}\S.*must be a directory/,
      async () => {
        await rm(`${workspace.repo("a")}/.aibrain`, { recursive: true });
        await writeFile(`${workspace.repo("a")}/.aibrain`, "");
      },
    ],
  ] as const)("pull names what is wrong with %s and what to do", async (_what, told, spoil) => {
    expect((await workspace.run(["sync", "--all"])).code).toBe(0);
    await spoil();
    const ran = await new OrdinaryUser(workspace).run(["pull", "a"]);
    expect(ran.code).toBe(1);
    expect(ran.stderr).toMatch(told);
    expect(ran.stderr).not.toContain("internal error");
    expect(ran.stderr.split("\n[state_sync]").length, "told once").toBe(1);
  });
});
