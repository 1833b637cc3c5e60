import { execFileSync } from "node:child_process";
import { readlinkSync, readdirSync } from "node:fs";
import { chmod, chown, mkdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemCode } from "../../src/errors.ts";
import { request } from "node:http";
import type { StatusReport } from "../../src/status/report.ts";
import { WriterLock } from "../../src/store/lock.ts";
import { eventually } from "../support/eventually.ts";
import { goOn, threeRepos } from "../support/fault.ts";
import { isRoot } from "../support/ordinary-user.ts";
import type { Ran, Workspace } from "../support/workspace.ts";

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
    const open = readdirSync(`${process}/fd`).map((fd) => leadsTo(`${process}/fd/${fd}`));
    const sockets = new Set(open.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []));
    expect(sockets.size).toBeGreaterThan(0);
    for (const table of ["tcp", "tcp6", "udp", "udp6", "raw", "raw6"]) {
      const text = await readFile(`${process}/net/${table}`, "utf8").catch(() => "");
      const inodes = text.split("\n").map((line) => line.trim().split(/\s+/)[9] ?? "");
      expect(inodes.filter((inode) => sockets.has(inode))).toEqual([]);
    }
  });
});

/** Empty where it has been closed meanwhile: what is being read is open for a moment. */
function leadsTo(descriptor: string): string {
  try {
    return readlinkSync(descriptor);
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw error;
    return "";
  }
}

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

  /** Whoever it is: asked as `curl` asks. */
  async function pidThatAnswers(): Promise<number> {
    return await new Promise((resolve, reject) => {
      const outgoing = request({ socketPath: workspace.paths.socket, path: "/healthz" }, (response) => {
        response.on("data", (chunk: Buffer) => resolve(JSON.parse(chunk.toString()).pid));
      });
      outgoing.on("error", reject);
      outgoing.end();
    });
  }

  async function command(of: Workspace, words: string): Promise<Ran> {
    return await of.run(words.split(" "), { env: shared() });
  }

  it("a command of the other one's environment does not take the first one for its own", async () => {
    await workspace.startDaemon();
    await workspace.healthy();
    const before = await workspace.log();
    const { code, stdout } = await command(other, "status --json");
    expect(code).toBe(3);
    const report: StatusReport = JSON.parse(stdout);
    expect(report.daemon).toMatchObject({ running: false, pid: null, config: other.paths.config });
    expect(report.repos.map(({ path }) => path)).toContain(other.repo("x"));
    expect((await command(other, "explain x")).stdout).toContain("no daemon runs");
    expect((await command(other, "pause x")).stderr).toContain("No daemon runs");
    expect((await command(other, "resume x")).stdout).toContain("Resumed x");
    expect((await command(other, "sync x")).stdout).toContain(other.cacheFile("y"));
    expect(await other.received("y", "x")).toBe("state of x\n");
    expect((await command(other, "pull y --raw --from x")).stdout).toBe("state of x\n");
    expect(await workspace.log()).toEqual(before);
    expect((await command(workspace, "status")).code).toBe(0);
  });

  it("a command finds its own daemon by any name of its state directory, and without its lock's file", async () => {
    const daemon = await workspace.startDaemon();
    await workspace.healthy();
    const link = join(workspace.root, "link");
    await symlink(dirname(workspace.paths.stateDirectory), link);
    for (const env of [{}, { XDG_STATE_HOME: link }, { XDG_STATE_HOME: `${link}/../state/` }]) {
      const { code, stdout } = await workspace.run(["status", "--json"], { env });
      expect(code).toBe(0);
      expect(JSON.parse(stdout).daemon.pid).toBe(daemon.pid);
    }
    await workspace.configure({ rescan: "1h" });
    await rm(workspace.paths.lockFile);
    const { stdout } = await workspace.run(["status", "--json"]);
    expect(JSON.parse(stdout).daemon.pid).toBe(daemon.pid);
  });

  it("a command of the one whose socket was taken says so, whatever its lock's file says", async () => {
    const first = await workspace.startDaemon();
    await workspace.healthy();
    await first.freeze();
    await rm(workspace.paths.socket);
    const second = await other.startDaemon({ env: shared() });
    await eventually("it to be healthy", async () => (await command(other, "status")).code === 0);
    first.send("SIGCONT");
    const { stdout } = await command(workspace, "status --json");
    const report: StatusReport = JSON.parse(stdout);
    expect(report.daemon).toMatchObject({ running: true, pid: first.pid, config: workspace.paths.config });
    expect(report.problems.map(({ code }) => code)).toContain("DAEMON_UNRESPONSIVE");
    // Killed, it leaves a file that names the socket, and then a pid that is somebody else's.
    await first.kill();
    const holder = { pid: second.pid, role: "daemon", socket: workspace.paths.socket, config: "/c" };
    await writeFile(workspace.paths.lockFile, JSON.stringify(holder));
    const { code, stdout: after } = await command(workspace, "status --json");
    expect(code).toBe(3);
    expect(JSON.parse(after).daemon).toMatchObject({ running: false, config: workspace.paths.config });
    expect((await command(workspace, "sync --all")).code).toBe(0);
    expect(await pidThatAnswers()).toBe(second.pid);
  });

  it("a daemon on its way up is waited for, though another one answers on its socket", async () => {
    await workspace.startDaemon();
    await workspace.healthy();
    // As a daemon that has its lock and no socket yet, and then ends.
    const lock = await WriterLock.acquire(
      other.paths,
      { pid: process.pid, role: "daemon", socket: workspace.paths.socket, config: "/c" },
      0,
    );
    const before = await workspace.log();
    const syncing = command(other, "sync x");
    expect((await command(other, "status")).stdout).toContain("DAEMON_UNRESPONSIVE");
    expect(await other.received("y", "x")).toBeUndefined();
    await lock?.release();
    expect((await syncing).code).toBe(0);
    expect(await other.received("y", "x")).toBe("state of x\n");
    expect(await workspace.log()).toEqual(before);
  });

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
