import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import type { Ran } from "../support/workspace.ts";
import { UserManager, whyNoUserManager } from "../support/user-manager.ts";

const why = whyNoUserManager();
const UNIT = "state-syncd.service";

describe.skipIf(why !== undefined)(
  `the service under a real user manager of systemd${why === undefined ? "" : ` (skipped: ${why})`}`,
  () => {
    let manager: UserManager;
    let config: string;
    let units: string;
    beforeAll(async () => {
      manager = await UserManager.start();
      config = `${manager.home}/.config/state-syncd/config.yaml`;
      units = `${manager.home}/.config/systemd/user`;
    });
    afterAll(() => manager.stop());
    beforeEach(() => {
      register("a", "b");
      for (const name of ["a", "b", "c"]) save(name, `state of ${name}\n`);
    });
    afterEach(async () => {
      await manager.syncd("service", "uninstall");
      await manager.run("sh", ["-c", `rm -rf ~/repos ~/.local/state ~/.config/state-syncd ${units}`]);
      await manager.systemctl("daemon-reload");
    });

    function register(...names: string[]): void {
      const repos = names.map((name) => `  ${name}: { path: ~/repos/${name} }\n`).join("");
      manager.write(config, `version: 1\nrescan: 1s\nrepos:\n${repos}`);
    }
    function save(name: string, text: string): void {
      manager.write(`${manager.home}/repos/${name}/STATE.md`, text);
    }
    function cache(name: string): string {
      const path = `${manager.home}/repos/${name}/.aibrain/global-state-cache.md`;
      return manager.exists(path) ? manager.read(path) : "";
    }
    async function arrives(from: string, to: string, text: string): Promise<void> {
      await eventually(`${to} to hold ${from}'s ${text}`, () => cache(to).includes(text));
    }
    async function install(...options: string[]): Promise<void> {
      const ran = await manager.syncd("service", "install", ...options);
      expect(ran, ran.stderr + (await manager.said())).toMatchObject({ code: 0 });
    }
    async function mainPid(): Promise<number> {
      return Number(await manager.property("MainPID"));
    }
    /** Runs something where the running daemon is: with its view of the disk. */
    async function insideDaemon(script: string): Promise<number | null> {
      const pid = await mainPid();
      const asUser = ["setpriv", "--reuid", "4242", "--regid", "4242", "--clear-groups"];
      const where = ["--target", `${pid}`, "--mount"];
      const ran = await manager.asRoot("nsenter", [...where, ...asUser, "sh", "-c", script]);
      return ran.code;
    }

    it("is ready when the start returns, tells how it is, and does the main job", async () => {
      await install();
      expect(await manager.property("ActiveState")).toBe("active");
      expect(await manager.property("StatusText")).toBe("watching 2 repos, all fresh");
      expect(await manager.property("UnitFileState")).toBe("enabled");
      expect(cache("b")).toContain("state of a");
      save("a", "and now this\n");
      await arrives("a", "b", "and now this");
      expect(await manager.syncd("service", "status")).toMatchObject({ code: 0 });
    });

    it("installs once: a second time nothing is done, and the daemon stays the same", async () => {
      await install();
      const pid = await mainPid();
      const again = await manager.syncd("service", "install", "--json");
      expect(JSON.parse(again.stdout)).toEqual({ done: [] });
      expect(await mainPid()).toBe(pid);
    });

    it("shows with --dry-run what it would do, and does none of it", async () => {
      const { stdout } = await manager.syncd("service", "install", "--hardened", "--dry-run");
      for (const word of [
        "ExecStart=:",
        "PrivateUsers=yes",
        "PathChanged=",
        "run systemctl --user daemon-reload",
      ])
        expect(stdout).toContain(word);
      expect(manager.exists(units)).toBe(false);
      expect(manager.exists(`${manager.home}/repos/a/.aibrain`)).toBe(false);
      expect(await manager.syncd("service", "status")).toMatchObject({ code: 3 });
    });

    it("has units that systemd finds nothing wrong with, and exposes little", async () => {
      await install("--hardened");
      const files = [UNIT, "state-syncd-registry.path", "state-syncd-registry.service"];
      const verified = await manager.run("systemd-analyze", [
        "--user",
        "verify",
        ...files.map((file) => `${units}/${file}`),
      ]);
      expect(verified).toEqual({ code: 0, stdout: "", stderr: "" });
      const exposure = async (): Promise<number> => {
        const { stdout } = await manager.run("systemd-analyze", ["--user", "--no-pager", "security", UNIT]);
        return Number(/level for \S+ (\d+\.\d+)/.exec(stdout)?.[1]);
      };
      expect(await exposure()).toBeLessThan(2);
      await install("--no-hardened");
      expect(await exposure()).toBeLessThan(7);
    });

    it("names what is in trouble in its status, and takes it back when it is not", async () => {
      await install();
      await manager.run("rm", ["repos/a/STATE.md"]);
      await eventually("the status to name it", async () =>
        (await manager.property("StatusText")).includes("trouble: a (STATE_FILE_MISSING)"),
      );
      save("a", "back\n");
      await eventually(
        "the status to be well",
        async () => (await manager.property("StatusText")) === "watching 2 repos, all fresh",
      );
    });

    it("is started again when it is killed, and loses nothing that was saved meanwhile", async () => {
      await install();
      const pid = await mainPid();
      await manager.systemctl("kill", "--signal=KILL", UNIT);
      save("a", "saved while it was dead\n");
      await eventually("another daemon", async () => {
        const now = await mainPid();
        return now !== 0 && now !== pid && (await manager.property("ActiveState")) === "active";
      });
      await arrives("a", "b", "saved while it was dead");
      expect(await manager.property("NRestarts")).toBe("1");
    });

    it("logs to the journal, each line with the priority of its level", async () => {
      await install();
      const lines = async (): Promise<Record<string, unknown>[]> =>
        (await manager.journal()).filter(({ MESSAGE }) => String(MESSAGE).startsWith("{"));
      await manager.run("rm", ["repos/a/STATE.md"]);
      const told = await eventually("the line about it", async () =>
        (await lines()).find(({ MESSAGE }) => String(MESSAGE).includes("STATE_FILE_MISSING")),
      );
      expect(told["PRIORITY"]).toBe("4");
      for (const { MESSAGE, PRIORITY } of await lines()) {
        const { level }: { level: string } = JSON.parse(String(MESSAGE));
        expect([level, PRIORITY]).toEqual([level, level === "info" ? "6" : level === "warn" ? "4" : "3"]);
      }
      expect(manager.exists(`${manager.home}/.local/state/state-syncd/state-syncd.log`)).toBe(false);
    });

    it("shows its log with `logs`, with what systemd says of it, and follows", async () => {
      await install();
      for (const words of ["daemon ready", "Started state-syncd.service", "a -> b  section written"])
        await eventually(words, async () => (await manager.syncd("logs")).stdout.includes(words));
      expect((await manager.syncd("logs", "--level", "warn")).stdout).not.toContain("info");
      const [node, script] = manager.program;
      const follower = manager.spawn("timeout", ["60", node, script, "logs", "-f", "-n", "1"]);
      let followed = "";
      follower.stdout?.on("data", (chunk: Buffer) => (followed += chunk.toString()));
      await eventually("the last line from before", () => followed.includes("\n"));
      save("a", "news\n");
      await eventually("the line about the news", () => followed.includes("a -> b  section written"));
      await manager.run("sh", ["-c", "kill -INT $(pgrep -f 'logs -f -n 1' -o)"]);
      await eventually("the follower to end", () => follower.exitCode !== null);
      await eventually(
        "its journalctl to end",
        async () => (await manager.run("pgrep", ["journalctl"])).code === 1,
      );
    });

    it("is killed and started again when it hangs", async () => {
      manager.write(`${units}/${UNIT}.d/short.conf`, "[Service]\nWatchdogSec=2\n");
      await install();
      const pid = await mainPid();
      // Fed: it outlives the watchdog's time.
      const fedUntil = Date.now() + 5_000;
      await eventually("the watchdog's time to pass twice", () => Date.now() > fedUntil);
      expect(await mainPid()).toBe(pid);
      await manager.systemctl("kill", "--signal=STOP", UNIT);
      await eventually("another daemon", async () => {
        const now = await mainPid();
        return now !== 0 && now !== pid && (await manager.property("ActiveState")) === "active";
      });
      const said = (await manager.journal()).map((line) => String(line["MESSAGE"]));
      expect(said.some((line) => line.includes("Watchdog timeout"))).toBe(true);
    });

    it("reloads the config when it is told to, and stays up when the config is wrong", async () => {
      await install();
      const pid = await mainPid();
      register("a", "b", "c");
      expect(await manager.systemctl("reload", UNIT)).toMatchObject({ code: 0 });
      expect((await manager.said()).includes("Reloaded state-syncd.service")).toBe(true);
      await arrives("c", "a", "state of c");
      manager.write(config, "version: 1\nrepos: nonsense\n");
      await manager.systemctl("reload", UNIT);
      await eventually("the status to tell of the config", async () =>
        (await manager.property("StatusText")).includes("CONFIG_INVALID"),
      );
      await eventually(
        "the reload to be over",
        async () => (await manager.property("ActiveState")) === "active",
      );
      expect(await mainPid()).toBe(pid);
    });

    it("stops clean: exit code 0, no socket left, what was due is written", async () => {
      await install();
      save("a", "last words\n");
      expect(await manager.syncd("service", "stop")).toMatchObject({ code: 0 });
      expect(cache("b")).toContain("last words");
      expect(await manager.property("Result")).toBe("success");
      expect(await manager.property("ExecMainStatus")).toBe("0");
      // Nothing that had to be killed.
      expect(await manager.said()).not.toContain("Killing");
      expect(manager.exists("/run/user/4242/state-syncd/control.sock")).toBe(false);
      expect(await manager.syncd("service", "start")).toMatchObject({ code: 0 });
      expect(await manager.property("ActiveState")).toBe("active");
    });

    it("is not started over and over with a config that is wrong", async () => {
      await install("--no-start");
      manager.write(config, "version: 1\nrepos: nonsense\n");
      const { code, stderr } = await manager.syncd("service", "start");
      expect(code).toBe(1);
      // Why, in the daemon's own words.
      expect(stderr).toContain(`${config}:2:8`);
      expect(await manager.property("ActiveState")).toBe("failed");
      expect(await manager.property("NRestarts")).toBe("0");
      register("a", "b");
      expect(await manager.syncd("service", "start")).toMatchObject({ code: 0 });
    });

    it("is left alone after five failed starts, says so, and starts when it is asked to again", async () => {
      const wrong = `${manager.home}/.local/state`;
      await manager.run("sh", ["-c", `rm -rf ${wrong}; echo in the way >${wrong}`]);
      await install("--no-start");
      await manager.syncd("service", "start");
      await eventually(
        "systemd to give up",
        async () => (await manager.property("ActiveState")) === "failed",
      );
      expect(await manager.property("NRestarts")).toBe("5");
      expect((await manager.syncd("service", "status")).stdout).toContain("failed");
      await manager.run("rm", [wrong]);
      expect(await manager.syncd("service", "start")).toMatchObject({ code: 0 });
    });

    it("leaves the work to a daemon that was started by hand, without failing again and again", async () => {
      const [node, script] = manager.program;
      const byHand = manager.spawn(node, [script, "run"]);
      await eventually("the daemon by hand", async () => (await manager.syncd("status")).code === 0);
      const { code, stderr } = await manager.syncd("service", "install");
      expect(code).toBe(1);
      expect(stderr).toContain("Another daemon runs already");
      await eventually("it to leave", async () => (await manager.property("ActiveState")) === "inactive");
      expect(await manager.property("Result")).toBe("success");
      expect(await manager.property("NRestarts")).toBe("0");
      const { daemon } = JSON.parse((await manager.syncd("status", "--json")).stdout);
      await manager.run("kill", [`${daemon.pid}`]);
      await eventually("its end", () => byHand.exitCode !== null);
    });

    it("hardened, may write the caches and its own directory and nothing else", async () => {
      manager.write(`${manager.home}/.ssh/id`, "secret");
      await install("--hardened");
      expect(cache("b")).toContain("state of a");
      expect(
        await insideDaemon(
          `touch ${manager.home}/repos/a/.aibrain/x && rm ${manager.home}/repos/a/.aibrain/x`,
        ),
      ).toBe(0);
      for (const closed of [
        `${manager.home}/x`,
        `${manager.home}/repos/a/STATE.md`,
        "/tmp/../var/tmp/../x",
        `${units}/x`,
      ])
        expect(await insideDaemon(`touch ${closed} 2>/dev/null`), closed).not.toBe(0);
      expect(await insideDaemon(`cat ${manager.home}/.ssh/id 2>/dev/null`)).not.toBe(0);
      save("a", "through the walls\n");
      await arrives("a", "b", "through the walls");
    });

    it("hardened, follows the config: a repo that is added by an edit gets its cache", async () => {
      await install("--hardened");
      register("a", "b", "c");
      await arrives("a", "c", "state of a");
      await eventually("everything to be well", async () => (await manager.syncd("status")).code === 0);
    });

    it("hardened stays hardened when it is installed again, until it is told otherwise", async () => {
      await install("--hardened");
      await install();
      expect(JSON.parse((await manager.syncd("service", "status", "--json")).stdout)).toMatchObject({
        hardened: true,
      });
      await install("--no-hardened");
      expect(JSON.parse((await manager.syncd("service", "status", "--json")).stdout)).toMatchObject({
        hardened: false,
      });
      expect(await manager.run("ls", [units])).toMatchObject({ stdout: `default.target.wants\n${UNIT}\n` });
      expect(await manager.property("ActiveState", "state-syncd-registry.path")).toBe("inactive");
    });

    it("uninstalls without a trace, but for what the user has put there", async () => {
      await install("--hardened");
      manager.write(`${units}/${UNIT}.d/mine.conf`, "[Service]\nNice=5\n");
      expect(await manager.syncd("service", "uninstall")).toMatchObject({ code: 0 });
      const { stdout } = await manager.run("find", [units, "-type", "f", "-o", "-type", "l"]);
      expect(stdout).toBe(`${units}/${UNIT}.d/mine.conf\n`);
      expect(await manager.property("ActiveState")).toBe("inactive");
      expect((await manager.systemctl("list-units", "--all", "state-syncd*")).stdout).toContain(
        "0 loaded units",
      );
      const again = await manager.syncd("service", "uninstall");
      const stderr = "The service is not installed: there is nothing to remove.\n";
      expect(again).toMatchObject({ code: 0, stderr });
    });

    it("leaves a unit that somebody else has written as it is", async () => {
      manager.write(`${units}/${UNIT}`, "[Service]\nExecStart=/bin/true\n");
      for (const verb of ["install", "uninstall"]) {
        const { code, stderr } = await manager.syncd("service", verb);
        expect(code).toBe(1);
        expect(stderr).toContain("was not written by");
      }
      expect(manager.read(`${units}/${UNIT}`)).toBe("[Service]\nExecStart=/bin/true\n");
      await manager.run("rm", [`${units}/${UNIT}`]);
    });

    it.each(["with spaces", "100%n %h", "$HOME ${PATH}", `'single' "double"`, "ünï🦔"])(
      "runs from a directory that is called %s, with its config and state in others like it",
      async (name) => {
        const odd = `${manager.home}/odd/${name}`;
        await manager.run("sh", [
          "-c",
          'mkdir -p "$1" "$1/state" && cp -r ~/.local "$1/prefix" && cp "$2" "$1/node"',
          "sh",
          odd,
          manager.program[0],
        ]);
        const file = `${odd}/config.yaml`;
        manager.write(file, manager.read(config));
        const env = { XDG_STATE_HOME: `${odd}/state` };
        const run = async (...args: string[]): Promise<Ran> =>
          await manager.run(`${odd}/node`, [`${odd}/prefix/bin/state-syncd`, ...args, "--config", file], env);
        const installed = await run("service", "install", "--hardened");
        expect(installed, installed.stderr + (await manager.said())).toMatchObject({ code: 0 });
        expect(await manager.property("StatusText")).toBe("watching 2 repos, all fresh");
        expect(await run("status")).toMatchObject({ code: 0 });
        expect(manager.exists(`${odd}/state/state-syncd/lock`)).toBe(true);
        expect(JSON.parse((await manager.syncd("service", "status", "--json")).stdout)).toMatchObject({
          command: [`${odd}/node`, `${odd}/prefix/bin/state-syncd`, "run", "--config", file],
          environment: env,
        });
        await manager.syncd("service", "uninstall");
        await manager.run("rm", ["-rf", `${manager.home}/odd`]);
      },
    );

    it("is found by doctor when an upgrade has taken away its node, and mended by --fix", async () => {
      const [node, script] = manager.program;
      const old = `${manager.home}/node-of-old`;
      await manager.run("cp", [node, old]);
      expect(await manager.run(old, [script, "service", "install"])).toMatchObject({ code: 0 });
      await manager.run("rm", [old]);
      const { stdout } = await manager.syncd("doctor", "--json");
      const found: { about: string; level: string; message: string }[] = JSON.parse(stdout);
      expect(found.find(({ about, level }) => about === "service" && level === "error")?.message).toContain(
        old,
      );
      await manager.syncd("doctor", "--fix");
      expect(manager.read(`${units}/${UNIT}`)).toContain(`ExecStart=:"${node}"`);
      expect(await manager.property("ActiveState")).toBe("active");
      const after: typeof found = JSON.parse((await manager.syncd("doctor", "--json")).stdout);
      expect(
        after.filter(({ about, level }) => about === "service" && level !== "note" && level !== "fine"),
      ).toEqual([]);
    });

    it("is found by doctor when its files are of another version, and mended by --fix", async () => {
      await install("--hardened");
      const wrong = async (...options: string[]): Promise<string[]> => {
        const found: { about: string; level: string; message: string }[] = JSON.parse(
          (await manager.syncd("doctor", "--json", ...options)).stdout,
        );
        return found
          .filter(({ about, level }) => about === "service" && /warning|error/.test(level))
          .map(({ message }) => message);
      };
      expect(await wrong()).toEqual([]);
      const unit = manager.read(`${units}/${UNIT}`);
      manager.write(`${units}/${UNIT}`, unit.replace("WatchdogSec=180", "WatchdogSec=999"));
      expect(await wrong()).toEqual([expect.stringContaining(`write ${units}/${UNIT}`)]);
      await wrong("--fix");
      expect(await wrong()).toEqual([]);
      expect(manager.read(`${units}/${UNIT}`)).toBe(unit);
    });

    it("says where the user has no manager what to do about it", async () => {
      const [node, script] = manager.program;
      const nowhere = { XDG_RUNTIME_DIR: "/nowhere", DBUS_SESSION_BUS_ADDRESS: "unix:path=/nowhere/bus" };
      const { code, stderr } = await manager.run(node, [script, "service", "install"], nowhere);
      expect(code).toBe(1);
      expect(stderr).toContain("the user's systemd does not answer");
      expect(manager.exists(units)).toBe(false);
    });

    it("tells whether it goes on without a session", async () => {
      await install();
      expect((await manager.syncd("service", "status")).stdout).toContain("loginctl enable-linger");
      manager.write("/var/lib/systemd/linger/tester", "");
      expect((await manager.syncd("service", "status")).stdout).toContain("(lingering)");
      await manager.asRoot("rm", ["/var/lib/systemd/linger/tester"]);
    });

    it("refuses to install a service whose config is wrong, and touches nothing", async () => {
      manager.write(config, "version: 1\nrepos: nonsense\n");
      expect(await manager.syncd("service", "install")).toMatchObject({ code: 2 });
      expect(manager.exists(units)).toBe(false);
    });

    it("does not end a daemon that goes on by its last good config, to start one that cannot", async () => {
      await install();
      const pid = await mainPid();
      manager.write(config, "version: 1\nrepos: nonsense\n");
      const { code, stderr } = await manager.syncd("service", "restart");
      expect(code).toBe(2);
      expect(stderr).toContain("The service was not restarted");
      expect(stderr).toContain("config.yaml:2:8 repos");
      expect(await mainPid()).toBe(pid);
    });

    it("is not there to be started or stopped before it is installed", async () => {
      for (const verb of ["start", "stop", "restart"]) {
        const { code, stderr } = await manager.syncd("service", verb);
        expect(code).toBe(1);
        expect(stderr).toContain("state-syncd service install");
      }
    });
  },
);
