import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { VERSION } from "../../src/version.ts";
import { UserManager, whyNoUserManager } from "../support/user-manager.ts";

const why = whyNoUserManager();
const UNIT = "state-syncd.service";

describe.skipIf(why !== undefined)(
  `the service under a real user manager, where somebody was there before, or too fast${why === undefined ? "" : ` (skipped: ${why})`}`,
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
      register(config, "a", "b");
      for (const name of ["a", "b", "c", "d"]) save(name);
    });
    afterEach(async () => {
      await manager.syncd("service", "uninstall");
      await manager.systemctl("stop", UNIT, "state-syncd-registry.path");
      await manager.run("sh", ["-c", `rm -rf ~/repos ~/.local/state ~/.config/state-syncd ${units}`]);
      await manager.systemctl("daemon-reload");
      await manager.systemctl("reset-failed");
    });

    function register(file: string, ...names: string[]): void {
      const repos = names.map((name) => `  ${name}: { path: ~/repos/${name} }\n`).join("");
      manager.write(file, `version: 1\nrescan: 1s\nrepos:\n${repos}`);
    }
    function save(name: string): void {
      manager.write(`${manager.home}/repos/${name}/STATE.md`, `state of ${name}\n`);
    }
    async function install(...options: string[]): Promise<void> {
      const ran = await manager.syncd("service", "install", ...options);
      expect(ran, ran.stderr + (await manager.said())).toMatchObject({ code: 0 });
    }
    async function allFresh(count: number): Promise<void> {
      await eventually(
        `${count} repos to be fresh`,
        async () => (await manager.property("StatusText")) === `watching ${count} repos, all fresh`,
      );
    }
    async function command(): Promise<string[]> {
      return JSON.parse((await manager.syncd("service", "status", "--json")).stdout).command;
    }
    async function doctorOfService(...options: string[]): Promise<string[]> {
      const { stdout } = await manager.syncd("doctor", "--json", ...options);
      const found: { about: string; level: string; message: string }[] = JSON.parse(stdout);
      return found
        .filter(({ about, level }) => about === "service" && /warning|error/.test(level))
        .map(({ message }) => message);
    }

    it("is not installed where the daemon could not tell systemd that it is ready", async () => {
      await manager.run("sh", ["-c", "mkdir bin && ln -s /usr/bin/systemctl bin/systemctl"]);
      const [node, script] = manager.program;
      const bare = `PATH=${manager.home}/bin`;
      const { code, stderr } = await manager.run("env", [bare, node, script, "service", "install"]);
      expect(code).toBe(1);
      expect(stderr).toContain("no systemd-notify");
      expect(manager.exists(`${units}/${UNIT}`)).toBe(false);
      await manager.run("rm", ["-r", "bin"]);
    });

    it("hardened, opens a repo that is added while it opens the one before", async () => {
      await install("--hardened");
      register(config, "a", "b", "c");
      await eventually("the first to be opened", () =>
        manager.read(`${units}/${UNIT}.d/hardened.conf`).includes("repos/c/"),
      );
      register(config, "a", "b", "c", "d");
      await allFresh(4);
    });

    it("hardened, opens a repo that is cloned after its start when it is restarted", async () => {
      await manager.run("mv", ["repos/b", "away"]);
      await install("--hardened");
      await manager.run("mv", ["away", "repos/b"]);
      expect(await manager.syncd("service", "restart")).toMatchObject({ code: 0 });
      await allFresh(2);
    });

    it("hardened, opens a repo that is cloned after its start when it is refreshed", async () => {
      await manager.run("mv", ["repos/b", "away"]);
      await install("--hardened");
      await manager.run("mv", ["away", "repos/b"]);
      expect(await manager.syncd("service", "refresh")).toMatchObject({ code: 0 });
      await allFresh(2);
    });

    it.each(["a login", "a restart"])(
      "hardened, opens at %s what has come into the config while nobody was there",
      async (what) => {
        const follower = ["state-syncd-registry.path", "state-syncd-registry.service"];
        await install("--hardened");
        await manager.systemctl("stop", UNIT, ...follower);
        register(config, "a", "b", "c");
        if (what === "a restart") await manager.syncd("service", "restart");
        else await manager.systemctl("start", "default.target");
        await allFresh(3);
      },
    );

    it("hardened, is installed beside repos that cannot have a cache, and opens nothing outside of a repo", async () => {
      register(config, "a", "b", "c", "d", "e");
      save("e");
      const odd = [
        "mkdir -p away && ln -s ~/away repos/c/.aibrain",
        "ln -s ~/nowhere repos/d/.aibrain",
        "chmod a-w repos/e",
      ];
      await manager.run("sh", ["-c", odd.join(" && ")]);
      await install("--hardened");
      await eventually("the others to be served", async () =>
        (await manager.property("StatusText")).includes("watching 5"),
      );
      expect(manager.read(`${manager.home}/repos/a/.aibrain/global-state-cache.md`)).toContain("state of b");
      expect(manager.read(`${units}/${UNIT}.d/hardened.conf`)).not.toMatch(/away|nowhere/);
      expect(await manager.syncd("service", "restart")).toMatchObject({ code: 0 });
      await manager.run("chmod", ["u+w", "repos/e"]);
    });

    it("hardened, sees a config that lies below /tmp", async () => {
      const file = "/tmp/state-syncd-test-config.yaml";
      register(file, "a", "b");
      await install("--hardened", "--config", file);
      await allFresh(2);
      await manager.run("rm", [file]);
    });

    it("can be restarted as often as somebody likes", async () => {
      await install();
      for (let time = 0; time < 6; time += 1)
        expect(await manager.syncd("service", "restart")).toMatchObject({ code: 0 });
      expect(await manager.property("ActiveState")).toBe("active");
    });

    it("is not taken down by a restart with a config that it would not start with", async () => {
      await install();
      const pid = await manager.property("MainPID");
      manager.write(config, "version: 1\nrepos: nonsense\n");
      const { code, stderr } = await manager.syncd("service", "restart");
      expect(code).toBe(2);
      expect(stderr).toContain(`${config}:2:8`);
      expect(await manager.property("MainPID")).toBe(pid);
    });

    it("is not ended for a word of readiness that got lost", async () => {
      const places = `${manager.home}/notify`;
      const script = [
        "#!/bin/sh",
        `echo >>${places}/tries`,
        `[ $(wc -l <${places}/tries) -gt 2 ] && exec /usr/bin/systemd-notify "$@"`,
        "exit 1",
      ];
      manager.write(`${places}/systemd-notify`, script.join("\n"));
      await manager.run("chmod", ["+x", `${places}/systemd-notify`]);
      const settings = ["[Service]", `Environment=PATH=${places}:/usr/bin:/bin`, "TimeoutStartSec=25"];
      manager.write(`${units}/${UNIT}.d/lost.conf`, settings.join("\n"));
      await install();
      expect(await manager.property("StatusText")).toBe("watching 2 repos, all fresh");
      expect(await manager.property("NRestarts")).toBe("0");
    });

    it("runs the new version after an upgrade in place that is followed by an install", async () => {
      await install();
      const upgrade = async (from: string, to: string): Promise<unknown> =>
        await manager.run("sh", [
          "-c",
          `sed -i 's/"${from}"/"${to}"/' $(grep -rlF '"${from}"' ~/.local/lib)`,
        ]);
      await upgrade(VERSION, "99.0.0");
      await install();
      expect(JSON.parse((await manager.syncd("status", "--json")).stdout)).toMatchObject({
        daemon: { version: "99.0.0" },
      });
      expect((await manager.syncd("service", "install", "--json")).stdout).toBe('{"done":[]}\n');
      await upgrade("99.0.0", VERSION);
    });

    it("leaves a link in the place of its unit a link, into the dotfiles of its user", async () => {
      await install();
      const kept = `${manager.home}/dotfiles-${UNIT}`;
      await manager.run("sh", ["-c", `mv ${units}/${UNIT} ${kept} && ln -s ${kept} ${units}/${UNIT}`]);
      manager.write(kept, manager.read(kept).replace("WatchdogSec=180", "WatchdogSec=999"));
      await manager.systemctl("daemon-reload");
      await install();
      expect((await manager.run("readlink", [`${units}/${UNIT}`])).stdout).toBe(`${kept}\n`);
      expect(manager.read(kept)).toContain("WatchdogSec=180");
      expect(await manager.property("WatchdogUSec")).toBe("3min");
    });

    it("keeps the config that it was installed with when it is installed again, or mended, without one", async () => {
      const other = `${manager.home}/other.yaml`;
      register(other, "a", "b", "c");
      await install("--config", other);
      await install();
      expect(await command()).toContain(other);
      await manager.systemctl("disable", UNIT);
      expect(await doctorOfService()).toEqual(["does not start at login"]);
      await doctorOfService("--fix");
      expect(await manager.property("UnitFileState")).toBe("enabled");
      expect(await command()).toContain(other);
      await install("--config", config);
      expect(await command()).toContain(config);
    });

    it("keeps what it runs when a passing copy of the program mends something else", async () => {
      await install();
      const [node, script] = await command();
      const npx = `${manager.home}/.npm/_npx/0123`;
      await manager.run("sh", ["-c", `mkdir -p ${npx} && cp -r ~/.local/lib/node_modules ${npx}`]);
      await manager.systemctl("disable", UNIT);
      const copy = `${npx}/node_modules/state-syncd/dist/state-syncd.cjs`;
      await manager.run(manager.program[0], [copy, "doctor", "--fix"]);
      expect(await manager.property("UnitFileState")).toBe("enabled");
      expect(await command()).toEqual([node, script, "run"]);
    });

    it("is not put back by the doctor of an old copy that was forgotten somewhere", async () => {
      await manager.run("cp", ["-r", ".local/lib/node_modules", "forgotten"]);
      const upgrade = `sed -i 's/"${VERSION}"/"99.0.0"/' $(grep -rlF '"${VERSION}"' ~/.local/lib)`;
      await manager.run("sh", ["-c", upgrade]);
      await install();
      const [node, script] = await command();
      const old = `${manager.home}/forgotten/state-syncd/dist/state-syncd.cjs`;
      const { stdout } = await manager.run(manager.program[0], [old, "doctor", "--fix"]);
      expect(stdout).toContain(`it runs version 99.0.0, this is ${VERSION}`);
      expect(await command()).toEqual([node, script, "run"]);
      await manager.run("sh", [
        "-c",
        "rm -rf .local/lib/node_modules && mv forgotten .local/lib/node_modules",
      ]);
    });

    it("looks for its things where the shell that installed it does, whatever the manager's environment says", async () => {
      await manager.systemctl("set-environment", "XDG_STATE_HOME=/elsewhere", "XDG_CONFIG_HOME=/elsewhere");
      await install();
      expect(await manager.syncd("status")).toMatchObject({ code: 0 });
      await manager.systemctl("unset-environment", "XDG_STATE_HOME", "XDG_CONFIG_HOME");
    });

    it("uninstalls what is left of it when somebody has removed the unit", async () => {
      await install("--hardened");
      await manager.run("rm", [`${units}/${UNIT}`]);
      expect(await manager.syncd("service", "uninstall")).toMatchObject({ code: 0 });
      expect((await manager.run("find", [units, "-type", "f", "-o", "-type", "l"])).stdout).toBe("");
      expect(await manager.property("ActiveState")).toBe("inactive");
      expect(await manager.property("ActiveState", "state-syncd-registry.path")).toBe("inactive");
      expect(manager.exists("/run/user/4242/state-syncd")).toBe(false);
    });

    it("says of an uninstall what is left where the service had it", async () => {
      const [node, script] = manager.program;
      const env = { XDG_STATE_HOME: `${manager.home}/.local/state/other` };
      await manager.run(node, [script, "service", "install"], env);
      const { stderr } = await manager.syncd("service", "uninstall");
      expect(stderr).toContain(`and ${env.XDG_STATE_HOME}/state-syncd (log`);
    });

    it("leaves no failed unit behind when it is uninstalled", async () => {
      await install("--hardened");
      manager.write(config, "version: 1\nrepos: nonsense\n");
      await eventually(
        "the follower to fail",
        async () => (await manager.property("ActiveState", "state-syncd-registry.service")) === "failed",
      );
      expect(await manager.syncd("service", "uninstall")).toMatchObject({ code: 0 });
      expect((await manager.systemctl("is-system-running")).stdout).toBe("running\n");
    });

    it("is installed and uninstalled beside a hardened.conf that its user has written", async () => {
      const own = `${units}/${UNIT}.d/hardened.conf`;
      manager.write(own, "[Service]\nNice=5\n");
      await install();
      const state: unknown = JSON.parse((await manager.syncd("service", "status", "--json")).stdout);
      expect(state).toMatchObject({ hardened: false });
      expect(await manager.syncd("service", "uninstall")).toMatchObject({ code: 0 });
      expect((await manager.run("find", [units, "-type", "f", "-o", "-type", "l"])).stdout).toBe(`${own}\n`);
    });

    it("has a unit that was copied by hand left alone by doctor, and not called broken", async () => {
      await install();
      const unit = manager.read(`${units}/${UNIT}`);
      manager.write(`${units}/${UNIT}`, unit.split("\n").slice(1).join("\n").replaceAll('"', ""));
      await manager.systemctl("daemon-reload");
      expect(await doctorOfService("--fix")).toEqual([]);
      await manager.run("rm", [`${units}/${UNIT}`]);
    });

    it("says of a masked unit that it is masked, and how to have it back", async () => {
      await manager.run("mkdir", ["-p", units]);
      await manager.systemctl("mask", UNIT);
      for (const verb of ["install", "uninstall", "start"]) {
        const { code, stderr } = await manager.syncd("service", verb);
        expect(code).toBe(1);
        expect(stderr).toContain("masked");
        expect(stderr).toContain(`systemctl --user unmask ${UNIT}`);
      }
      await manager.systemctl("unmask", UNIT);
    });
  },
);
