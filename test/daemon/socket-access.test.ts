import { execFileSync } from "node:child_process";
import { readlinkSync, readdirSync } from "node:fs";
import { chmod, chown, mkdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { goOn, threeRepos } from "../support/fault.ts";
import { isRoot } from "../support/ordinary-user.ts";
import type { Workspace } from "../support/workspace.ts";

let workspace: Workspace;
let run: string;
beforeEach(async () => {
  workspace = await threeRepos();
  run = workspace.paths.runDirectory;
});
afterEach(() => workspace.dispose());

async function modes(): Promise<string[]> {
  const paths = [run, workspace.paths.socket];
  return await Promise.all(paths.map(async (path) => ((await stat(path)).mode & 0o777).toString(8)));
}

async function events(of: Workspace, name: string): Promise<Record<string, unknown>[]> {
  return (await of.log()).filter((line) => line["event"] === name);
}

async function rescans(of: Workspace, count: number): Promise<void> {
  const until = (await events(of, "rescan.done")).length + count;
  await eventually(`${count} rescans`, async () => (await events(of, "rescan.done")).length >= until);
}

describe("the control socket is its user's alone", () => {
  it("and is again at the next rescan when somebody has opened it to others", async () => {
    await workspace.startDaemon();
    expect(await modes()).toEqual(["700", "600"]);
    await chmod(workspace.paths.socket, 0o777);
    await chmod(run, 0o755);
    await eventually("it to be private again", async () => (await modes()).join() === "700,600");
    await workspace.healthy();
  });

  it.skipIf(!isRoot)(
    "another user gets no answer, even where the directory is open to all (needs root)",
    async () => {
      await workspace.configure({ rescan: "1h" });
      await workspace.startDaemon();
      for (const directory of [workspace.root, dirname(run)]) await chmod(directory, 0o755);
      const knock = `
      const socket = require("node:net").connect(${JSON.stringify(workspace.paths.socket)});
      socket.on("connect", () => { console.log("let in"); socket.destroy(); });
      socket.on("error", (error) => console.log(error.code));`;
      const asSomebody = [
        "--reuid",
        "1000",
        "--regid",
        "1000",
        "--clear-groups",
        process.execPath,
        "-e",
        knock,
      ];
      const tried = (): string => execFileSync("setpriv", asSomebody, { encoding: "utf8" }).trim();
      expect(tried()).toBe("EACCES");
      await chmod(run, 0o755);
      expect(tried()).toBe("EACCES");
      // So it is the socket's own mode that keeps others out then.
      await chmod(workspace.paths.socket, 0o666);
      expect(tried()).toBe("let in");
    },
  );

  it.runIf(process.platform === "linux")("nothing listens on a network", async () => {
    const daemon = await workspace.startDaemon();
    await workspace.healthy();
    const process = `/proc/${daemon.pid}`;
    const open = readdirSync(`${process}/fd`).map((fd) => readlinkSync(`${process}/fd/${fd}`));
    const sockets = new Set(open.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []));
    expect(sockets.size).toBeGreaterThan(0);
    for (const table of ["tcp", "tcp6", "udp", "udp6", "raw", "raw6"]) {
      const text = await readFile(`${process}/net/${table}`, "utf8").catch(() => "");
      const inodes = text.split("\n").map((line) => line.trim().split(/\s+/)[9] ?? "");
      expect(inodes.filter((inode) => sockets.has(inode))).toEqual([]);
    }
  });
});

describe("a run directory that somebody else has put there is not used", () => {
  async function refused(why: string): Promise<void> {
    const { code, stderr } = await workspace.run(["run"]);
    expect(code).toBe(1);
    expect(stderr).toContain(`cannot use ${run}: ${why}`);
    expect(stderr).toContain("XDG_RUNTIME_DIR");
  }

  it("a link", async () => {
    const elsewhere = join(workspace.root, "elsewhere");
    await mkdir(elsewhere, { mode: 0o755 });
    await symlink(elsewhere, run);
    await refused("it is a link");
    expect(readdirSync(elsewhere)).toEqual([]);
    expect((await stat(elsewhere)).mode & 0o777).toBe(0o755);
  });

  it.skipIf(!isRoot)("another user's directory (needs root)", async () => {
    await mkdir(run, { mode: 0o755 });
    await chown(run, 1000, 1000);
    await refused("it belongs to another user (uid 1000)");
    expect(readdirSync(run)).toEqual([]);
    expect((await stat(run)).mode & 0o777).toBe(0o755);
  });

  it("in the place of the one that was used: the daemon says so once, works on, and is back when it is gone", async () => {
    await workspace.startDaemon({ args: ["--log-level", "debug"] });
    await workspace.healthy();
    await rm(run, { recursive: true });
    await writeFile(run, "");
    await eventually("the log to tell", async () => (await events(workspace, "socket.lost")).length > 0);
    await rescans(workspace, 2);
    await goOn(workspace, "goes on\n");
    expect((await workspace.run(["status"])).stdout).toContain("DAEMON_UNRESPONSIVE");
    expect(await events(workspace, "socket.lost")).toHaveLength(1);
    await rm(run);
    await workspace.healthy();
    await eventually("the log to tell", async () => (await events(workspace, "socket.restored")).length > 0);
    expect(await modes()).toEqual(["700", "600"]);
    expect(await events(workspace, "internal.error")).toEqual([]);
  });
});

describe("two daemons with one run directory and a state directory each", () => {
  let other: Workspace;
  beforeEach(async () => {
    other = await threeRepos();
  });
  afterEach(() => other.dispose());

  const shared = (): NodeJS.ProcessEnv => ({ XDG_RUNTIME_DIR: dirname(run) });

  async function pidThatAnswers(): Promise<number | null> {
    return (await workspace.status()).daemon.pid;
  }

  it("the second does not start, and says what to do", async () => {
    const daemon = await workspace.startDaemon();
    const { code, stderr } = await other.run(["run"], { env: shared() });
    expect(code).toBe(1);
    expect(stderr).toContain(`another daemon listens on ${workspace.paths.socket}`);
    expect(stderr).toContain("XDG_RUNTIME_DIR");
    expect(await pidThatAnswers()).toBe(daemon.pid);
  });

  it("whose socket was taken leaves it to the one that listens, says so once, and has it back later", async () => {
    const first = await workspace.startDaemon({ args: ["--log-level", "debug"] });
    await workspace.healthy();
    // It would have its socket back before the other one is there.
    await first.freeze();
    await rm(workspace.paths.socket);
    const second = await other.startDaemon({ env: shared(), args: ["--log-level", "debug"] });
    first.send("SIGCONT");
    await rescans(workspace, 3);
    await rescans(other, 3);
    expect(await pidThatAnswers()).toBe(second.pid);
    expect(await events(other, "socket.lost")).toEqual([]);
    const [told, ...more] = await events(workspace, "socket.lost");
    expect(told?.["message"]).toContain("another daemon listens");
    expect(more).toEqual([]);
    await goOn(workspace, "works on\n");
    await second.stop();
    await workspace.healthy();
    await eventually("the log to tell", async () => (await events(workspace, "socket.restored")).length > 0);
  });
});
