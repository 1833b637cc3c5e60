import { readdirSync } from "node:fs";
import { chmod, mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { afterEach, describe, expect, it } from "vitest";
import { Launchd } from "../../src/service/launchd.ts";
import { LABEL } from "../../src/service/plist.ts";
import { mistakesIn } from "../support/launchd-job.ts";
import { eventually } from "../support/eventually.ts";
import { isAlive, UID } from "../support/fake-launchd.ts";
import { stays } from "../support/stays.ts";
import { BOOTOUT, BOOTSTRAP, faultOf, FILE, LaunchdRig, OUTPUT, STARTS, TARGET } from "./launchd-rig.ts";

let rig: LaunchdRig;
afterEach(() => rig.end());

describe("the daemon's life as launchd's agent", () => {
  it("install, again, stop, start, restart, another program, uninstall: each does what it takes and no more", async () => {
    rig = await LaunchdRig.create();
    const { manager } = rig;
    expect(await manager.state()).toMatchObject({
      files: [],
      enabled: false,
      activity: "stopped",
      pid: null,
    });

    expect(await rig.install()).toEqual([`write ${FILE}`, `write ${OUTPUT}`, BOOTSTRAP]);
    const first = await rig.ready();
    await rig.workspace.arrives("x", ["y"], "state of x\n");
    const { node, script, args } = rig.program();
    expect(await manager.state()).toMatchObject({
      manager: "launchd",
      files: [rig.file],
      enabled: true,
      activity: "running",
      pid: first,
      since: null,
      says: "",
      failure: "",
      hardened: false,
      lingers: null,
      command: [node, script, ...args],
    });
    expect(mistakesIn(await readFile(rig.file, "utf8"), rig.file)).toEqual([]);
    const modes = await Promise.all(
      [rig.file, rig.output].map(async (path) => (await stat(path)).mode & 0o777),
    );
    expect(modes).toEqual([0o600, 0o600]);

    expect(await rig.install()).toEqual([]);
    expect(await rig.do(manager.control("start"))).toEqual([]);
    expect(await rig.ready()).toBe(first);

    expect(await rig.do(manager.control("stop"))).toEqual([BOOTOUT]);
    expect(isAlive(first)).toBe(false);
    expect(await manager.state()).toMatchObject({
      activity: "stopped",
      pid: null,
      enabled: true,
      failure: "",
    });
    expect(await rig.do(manager.control("stop"))).toEqual([]);
    expect((await manager.state()).command).toEqual([node, script, ...args]);

    expect(await rig.do(manager.control("start"))).toEqual([BOOTSTRAP]);
    const second = await rig.ready(first);
    expect(await rig.do(manager.control("restart"))).toEqual([
      `remove ${STARTS}`,
      `run launchctl kickstart -k ${TARGET}`,
    ]);
    const third = await rig.ready(second);
    expect(isAlive(second)).toBe(false);

    const other = rig.program("--log-level", "debug");
    expect(await rig.install(other)).toEqual([BOOTOUT, `write ${FILE}`, `remove ${STARTS}`, BOOTSTRAP]);
    await rig.ready(third);
    expect((await manager.state()).command).toEqual([node, script, "run", "--log-level", "debug"]);

    expect(await rig.do(manager.uninstall())).toEqual([
      BOOTOUT,
      `remove ${FILE}`,
      `remove ${OUTPUT}`,
      `remove ${STARTS}`,
    ]);
    expect(readdirSync(rig.home, { recursive: true, encoding: "utf8" }).sort()).toEqual([
      "Library",
      "Library/LaunchAgents",
      "Library/Logs",
    ]);
    expect((await rig.launchd.pids()).filter(isAlive)).toEqual([]);
    expect((await rig.launchd.ctl("print", TARGET)).code).toBe(113);
    expect(await rig.do(manager.uninstall())).toEqual([]);
    expect((await faultOf(manager.control("start"))).code).toBe("SERVICE_MISSING");
  });

  it("kill -9: it runs again, and what was saved meanwhile arrives", async () => {
    rig = await LaunchdRig.create();
    const pid = await rig.running();
    await rig.launchd.ctl("kill", "SIGKILL", TARGET);
    await eventually("it to be dead", () => !isAlive(pid));
    await rig.workspace.save("x", "saved while it was dead\n");
    await rig.ready(pid);
    await rig.workspace.arrives("x", ["y"], "saved while it was dead\n");
  });

  it("another daemon runs: it leaves the work to that one, is not started again, and says so", async () => {
    rig = await LaunchdRig.create({ throttleMs: 50 });
    const daemon = await rig.workspace.startDaemon();
    await rig.install();
    await rig.becomes({ activity: "stopped", failure: "" });
    await stays("it to be left alone", async () => (await rig.runs()) === 1, 1_000);
    expect(await rig.said()).toContain(`a daemon runs already (pid ${daemon.pid}`);
    expect((await rig.workspace.status()).daemon.pid).toBe(daemon.pid);
    // The other one gone, a start is one.
    await daemon.stop();
    expect(await rig.do(rig.manager.control("start"))).toEqual([`run launchctl kickstart ${TARGET}`]);
    await rig.ready();
  });

  it("SIGTERM by hand: it ends well and stays off; an install that starts it does so", async () => {
    rig = await LaunchdRig.create({ throttleMs: 50 });
    const pid = await rig.running();
    await rig.launchd.ctl("kill", "SIGTERM", TARGET);
    await rig.becomes({ activity: "stopped" });
    await stays("it to be left alone", async () => (await rig.runs()) === 1, 500);
    expect(await rig.install()).toEqual([`run launchctl kickstart ${TARGET}`]);
    await rig.ready(pid);
  });

  it("odd paths: the program is started with exactly its words, by a file that launchd can read", async () => {
    rig = await LaunchdRig.create();
    const odd = `${rig.workspace.root}/a & b <"it's"> 100% $5 Größe 👩‍💻`;
    await mkdir(odd);
    const script = `${odd}/run it.mjs`;
    await writeFile(
      script,
      'import { writeFileSync } from "node:fs"; writeFileSync(process.env.TELL, JSON.stringify(process.argv.slice(2))); setInterval(() => {}, 1e6);',
    );
    const args = ["run", "--config", `${odd}/c.yaml`, ""];
    const environment = { TELL: `${odd}/told` };
    await rig.install({ node: process.execPath, script, args, environment, warnings: [] });
    const told = await eventually("it to tell", async () =>
      JSON.parse(await readFile(`${odd}/told`, "utf8")),
    );
    expect(told).toEqual(args);
    expect((await rig.manager.state()).command).toEqual([process.execPath, script, ...args]);
    expect(
      await rig.do(
        rig.manager.install({
          program: { node: process.execPath, script, args, environment, warnings: [] },
          hardened: undefined,
          start: true,
        }),
      ),
    ).toEqual([]);
  });
});

describe("an upgrade in place", () => {
  it("has the daemon started anew by an install, though no file is another one", async () => {
    rig = await LaunchdRig.create();
    const first = await rig.running();
    const request = { program: rig.program(), hardened: undefined, start: true, anew: true };
    expect(await rig.do(rig.manager.install(request))).toEqual([
      `remove ${STARTS}`,
      `run launchctl kickstart -k ${TARGET}`,
    ]);
    await rig.ready(first);
    expect(isAlive(first)).toBe(false);
  });
});

describe("what launchd refuses", () => {
  it("a job that is not quite gone: the next is loaded when it is", async () => {
    rig = await LaunchdRig.create({ drainMs: 1_500 });
    await rig.running();
    await rig.launchd.ctl("bootout", TARGET);
    expect((await rig.launchd.ctl("bootstrap", `gui/${UID}`, rig.file)).code).toBe(5);
    await rig.manager.run({ kind: "run", tool: "launchctl", args: ["bootstrap", `gui/${UID}`, rig.file] });
    await rig.becomes({ activity: "running" });
  });

  it("a job that does not end for SIGTERM: it is waited for until launchd has killed it", async () => {
    rig = await LaunchdRig.create({ exitMs: 1_000 });
    const script = `${rig.workspace.root}/deaf.mjs`;
    await writeFile(
      script,
      'process.on("SIGTERM", () => {}); setInterval(() => {}, 1e6); console.log("deaf");',
    );
    await rig.install({ ...rig.program(), script });
    await eventually("it to be deaf", async () => (await rig.said()).includes("deaf"));
    const { pid } = await rig.becomes({ activity: "running" });
    await rig.install();
    expect(isAlive(pid ?? 0)).toBe(false);
    expect(await rig.ready()).not.toBe(pid);
  });

  it("a job that does not go at all: told, with what to do", async () => {
    rig = await LaunchdRig.create({ drainMs: 60_000, patienceMs: 500 });
    await rig.running();
    const { code, message } = await faultOf(rig.do(rig.manager.control("stop")));
    expect([code, message]).toEqual(["SERVICE_FAILED", `${LABEL} has not ended within 0.5 s`]);
  });

  it.each([3, 5, 113])(
    "a bootout of what is not there is fine, whatever it is called: %i",
    async (noSuch) => {
      rig = await LaunchdRig.create({ noSuch });
      await rig.manager.run({ kind: "run", tool: "launchctl", args: ["bootout", TARGET] });
    },
  );

  it("a disabled service: told, and enabled by install and by start", async () => {
    rig = await LaunchdRig.create();
    await rig.launchd.ctl("disable", TARGET);
    expect(await rig.install()).toEqual([
      `write ${FILE}`,
      `write ${OUTPUT}`,
      `run launchctl enable ${TARGET}`,
      BOOTSTRAP,
    ]);
    await rig.ready();
    await rig.launchd.ctl("disable", TARGET);
    expect((await rig.manager.state()).enabled).toBe(false);
    expect(await rig.do(rig.manager.control("start"))).toEqual([`run launchctl enable ${TARGET}`]);
    expect((await rig.manager.state()).enabled).toBe(true);
  });

  it("nobody is logged in at the screen: told with a remedy; an uninstall removes the files all the same", async () => {
    rig = await LaunchdRig.create();
    await rig.install(rig.program(), false);
    await rig.launchd.ctl("logout");
    for (const what of [
      () => rig.manager.state(),
      () => rig.install(),
      () => rig.do(rig.manager.control("start")),
      () => rig.manager.run({ kind: "run", tool: "launchctl", args: ["bootstrap", `gui/${UID}`, rig.file] }),
    ]) {
      const { code, message, remedy } = await faultOf(what());
      expect(code).toBe("SERVICE_UNREACHABLE");
      expect(message).toContain(`gui/${UID}`);
      expect(remedy).toContain("Screen Sharing");
    }
    expect(await rig.do(rig.manager.uninstall())).toEqual([`remove ${FILE}`, `remove ${OUTPUT}`]);
  });

  it("root, whom sudo has made of the user: told to leave it out", async () => {
    rig = await LaunchdRig.create();
    await rig.launchd.ctl("logout");
    const root = new Launchd({ home: rig.home, uid: 0 });
    expect((await faultOf(root.state())).remedy).toContain("without sudo");
  });

  it("no launchctl at all", async () => {
    rig = await LaunchdRig.create();
    process.env["PATH"] = "/nowhere";
    expect((await faultOf(rig.manager.state())).code).toBe("SERVICE_UNREACHABLE");
  });

  it("a file that launchd does not take: its words, and where to look", async () => {
    rig = await LaunchdRig.create({ patienceMs: 300 });
    await rig.install(rig.program(), false);
    await chmod(rig.file, 0o622);
    const { code, message, remedy } = await faultOf(rig.do(rig.manager.control("start")));
    expect(code).toBe("SERVICE_FAILED");
    expect(message).toContain("122: Path had bad ownership/permissions");
    expect(remedy).toContain("state-syncd.log");
    await chmod(rig.file, 0o600);
    await writeFile(rig.file, "<plist>");
    expect((await faultOf(rig.do(rig.manager.control("start")))).message).toContain("5: Input/output error");
  });
});
