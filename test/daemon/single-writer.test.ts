import { readFile, stat, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { temporaryFor } from "../../src/store/temporary.ts";
import { eventually } from "../support/eventually.ts";
import { Workspace } from "../support/workspace.ts";

let workspace: Workspace;
const repos = ["a", "b", "c", "d"];
beforeEach(async () => {
  workspace = await Workspace.create({ repos: { a: {}, b: {}, c: {}, d: {} } });
  for (const name of repos) await workspace.save(name, `state of ${name}\n`);
});
afterEach(() => workspace.dispose());

async function everyoneKnowsEveryone(): Promise<void> {
  for (const to of repos) {
    for (const from of repos) {
      if (from !== to)
        expect(await workspace.received(to, from), `${to} of ${from}`).toBe(`state of ${from}\n`);
    }
  }
}

describe("one daemon a user", () => {
  it("a second one is refused with the first one's pid, and the first goes on", async () => {
    const first = await workspace.startDaemon();
    const second = workspace.spawnDaemon();
    expect(await second.end()).toBe(1);
    expect(second.stderr).toContain(`pid ${first.pid}`);
    await workspace.save("a", "still here\n");
    await workspace.arrives("a", ["b", "c", "d"], "still here\n");
  });

  it("a second one under a supervisor exits 0, so that it is not started for ever", async () => {
    await workspace.startDaemon();
    const second = workspace.spawnDaemon({ env: { NOTIFY_SOCKET: "/nowhere" } });
    expect(await second.end()).toBe(0);
  });

  it("a session without XDG_RUNTIME_DIR finds the daemon of one with it", async () => {
    const daemon = await workspace.startDaemon();
    const elsewhere = { XDG_RUNTIME_DIR: "" };
    const second = workspace.spawnDaemon({ env: elsewhere });
    expect(await second.end()).toBe(1);
    const { stdout } = await workspace.run(["status", "--json"], { env: elsewhere });
    expect(JSON.parse(stdout).daemon.pid).toBe(daemon.pid);
  });

  it("five started at once: one runs, four are refused", async () => {
    const daemons = Array.from({ length: 5 }, () => workspace.spawnDaemon());
    await eventually("four to be refused", () => daemons.filter((daemon) => daemon.ended).length === 4);
    await eventually("one to be ready", async () => (await workspace.status()).status === "healthy");
    expect(daemons.filter((daemon) => !daemon.ended)).toHaveLength(1);
  });
});

describe("killed with -9", () => {
  it("leaves nothing that keeps the next from starting at once, and no litter", async () => {
    for (let round = 0; round < 3; round += 1) {
      const daemon = await workspace.startDaemon();
      await daemon.kill();
      // What a process killed in the middle of a write leaves.
      await writeFile(temporaryFor(workspace.cacheFile("a")), "half a cac");
    }
    const last = await workspace.startDaemon();
    expect(await workspace.litter()).toEqual([]);
    await workspace.healthy();
    expect(await last.stop()).toBe(0);
  });

  it("what changed while nobody ran arrives at the next start", async () => {
    const daemon = await workspace.startDaemon();
    await daemon.kill();
    await workspace.save("a", "changed in the dark\n");
    await workspace.startDaemon();
    await workspace.arrives("a", ["b", "c", "d"], "changed in the dark\n");
  });
});

describe("commands and a daemon lose nothing to each other", () => {
  it("twelve commands at once without a daemon", async () => {
    const ran = await Promise.all(
      Array.from({ length: 12 }, (_, index) => workspace.run(["sync", repos[index % 4] ?? "a"])),
    );
    for (const { code, stdout, stderr } of ran) {
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(stdout.trim().split("\n")).toHaveLength(3);
    }
    await everyoneKnowsEveryone();
    expect(await workspace.litter()).toEqual([]);
  });

  it("commands while a daemon starts and stops and starts", async () => {
    const commands = repos.map((name) => workspace.run(["sync", name]));
    const first = workspace.spawnDaemon();
    commands.push(...repos.map((name) => workspace.run(["sync", name])));
    await eventually("the daemon to answer", () => workspace.status());
    commands.push(workspace.run(["sync", "--all"]), workspace.run(["pull", "a"]));
    const stopped = first.stop();
    commands.push(...repos.map((name) => workspace.run(["sync", name])));
    expect(await stopped).toBe(0);
    await workspace.startDaemon();
    for (const { code, stderr } of await Promise.all(commands))
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    await everyoneKnowsEveryone();
    await workspace.healthy();
  });
});

describe("a stop", () => {
  it.each(["SIGTERM", "SIGINT"] as const)("%s finishes what is due and exits 0", async (signal) => {
    await workspace.configure({ debounce: { wait: "5s", maxWait: "5s" } });
    const daemon = await workspace.startDaemon();
    await workspace.save("a", "first\n");
    await workspace.arrives("a", ["b"], "first\n");
    await workspace.save("a", "second, still waiting in the debounce\n");
    daemon.send(signal);
    expect(await daemon.end()).toBe(0);
    expect(await workspace.received("b", "a")).toBe("second, still waiting in the debounce\n");
    expect(await workspace.litter()).toEqual([]);
    await expect(stat(workspace.paths.socket)).rejects.toThrow("ENOENT");
    expect(await readFile(workspace.paths.lockFile, "utf8")).toBe("");
  });
});
