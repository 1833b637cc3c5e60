import { mkdir, readdir, readFile, rm, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { Agent, heard, runHook } from "../support/agent.ts";
import { eventually } from "../support/eventually.ts";
import { Workspace } from "../support/workspace.ts";

let workspace: Workspace;
afterEach(() => workspace.dispose());

const API = "# api\n## Blockers\n- waiting for the key\n## Next\n- ship\n";
const quiet = { code: 0, stdout: "", stderr: "" };

async function scene(): Promise<Agent> {
  workspace = await Workspace.create({ repos: { here: {}, api: {}, web: {} } });
  await workspace.save("here", "# here\n## Next\n- mine\n");
  await workspace.save("api", API);
  await workspace.save("web", "# web\n## Next\n- paint\n");
  return new Agent(workspace, "b1946ac9-2492-4d23-9ddc-6ac2b0e5a6b8", workspace.repo("here"));
}

async function sessionFiles(): Promise<string[]> {
  return await readdir(join(workspace.paths.stateDirectory, "sessions"));
}

describe("a coding agent's session beside a daemon", () => {
  it("starts with its peers' states, hears of changes alone, and hears them once", async () => {
    const agent = await scene();
    const daemon = await workspace.startDaemon();
    const start = await agent.start();
    expect(start).toMatchObject({ code: 0, stderr: "", eventName: "SessionStart" });
    expect(start.text).toContain("- waiting for the key");
    expect(start.text).toContain("- paint");
    expect(start.text).not.toContain("- mine");
    expect(start.text).not.toContain("No state-syncd daemon runs");
    expect(await agent.prompt()).toMatchObject(quiet);

    await workspace.save("api", API.replace("- waiting for the key\n", "- [x] the key is here\n"));
    await workspace.arrives(
      "api",
      ["here"],
      API.replace("- waiting for the key\n", "- [x] the key is here\n"),
    );
    const { text, eventName } = await agent.prompt();
    expect(eventName).toBe("UserPromptSubmit");
    expect(text).toContain("+ - [x] the key is here");
    expect(text).toContain("- - waiting for the key");
    expect(text).not.toContain("paint");
    expect(await agent.prompt()).toMatchObject(quiet);

    await daemon.stop();
    expect((await agent.prompt()).text).toContain("No state-syncd daemon runs");
    expect(await agent.prompt()).toMatchObject(quiet);
  });

  it.each(["compact", "resume", "clear", "fork"])(
    "is told everything again at %s, as its context may be gone",
    async (source) => {
      const agent = await scene();
      await workspace.startDaemon();
      await agent.start();
      const again = await agent.start(source);
      expect(again.text).toContain("- waiting for the key");
      expect(await agent.prompt()).toMatchObject(quiet);
    },
  );

  it("is told of its start once where hooks stand in two settings", async () => {
    await scene();
    await workspace.startDaemon();
    const told: number[] = [];
    // Where the two come just before and just after a second of the clock, both may speak.
    for (let tries = 0; tries < 3 && !told.includes(1); tries += 1) {
      const agent = new Agent(workspace, `twice-${tries}`, workspace.repo("here"));
      const both = await Promise.all([agent.start(), agent.start()]);
      told.push(both.filter(({ text }) => text !== undefined).length);
      expect((await agent.start("compact")).text).toContain("- waiting for the key");
      // A harness that calls all its sessions alike.
      const elsewhere = new Agent(workspace, `twice-${tries}`, workspace.repo("api"));
      expect((await elsewhere.start()).text).toContain("- mine");
    }
    expect(told).toContain(1);
    expect(told).not.toContain(0);
  });

  it("is told everything with its first prompt where it never was: hooks that came in mid-session", async () => {
    const agent = await scene();
    await workspace.startDaemon();
    expect((await agent.prompt()).text).toContain("- waiting for the key");
    expect(await agent.prompt()).toMatchObject(quiet);
  });

  it("is told of a peer that is behind that it is", async () => {
    const agent = await scene();
    await workspace.startDaemon();
    const conflict = `${API}<<<<<<< HEAD\n- a\n=======\n- b\n>>>>>>> x\n`;
    await workspace.save("api", conflict);
    await eventually("the conflict to be seen", async () => {
      const { edges } = await workspace.status();
      return edges.find(({ from, to }) => from === "api" && to === "here")?.status === "held";
    });
    const { text } = await agent.start();
    expect(text).toMatch(/\| api \|.*the last good state \(its file holds a merge conflict\)/);
    expect(text).toContain("- waiting for the key");
  });

  it("hears nothing outside of the registered repos, and of a repo without peers", async () => {
    await scene();
    await workspace.configure({
      repos: { here: {}, api: {}, web: {}, alone: { groups: ["own"] }, vault: { role: "passive" } },
    });
    await mkdir(workspace.repo("alone"));
    await mkdir(workspace.repo("vault"));
    await workspace.startDaemon();
    for (const directory of [
      workspace.root,
      workspace.repo("alone"),
      workspace.repo("vault"),
      "/nowhere/at/all",
    ]) {
      const agent = new Agent(workspace, "s", directory);
      expect(await agent.start()).toMatchObject(quiet);
      expect(await agent.prompt()).toMatchObject(quiet);
      expect(await agent.tool()).toMatchObject(quiet);
    }
  });

  it("is answered as before where the daemon hangs", async () => {
    const agent = await scene();
    const daemon = await workspace.startDaemon();
    await daemon.freeze();
    const start = await agent.start();
    daemon.send("SIGCONT");
    expect(start).toMatchObject({ code: 0 });
    expect(start.text).toContain("The state-syncd daemon does not answer at this moment");
    expect(start.text).toContain("- waiting for the key");
  });

  it("keeps what it remembers to the user, and not for ever", async () => {
    const agent = await scene();
    await workspace.startDaemon();
    await agent.start();
    await agent.tool();
    const directory = join(workspace.paths.stateDirectory, "sessions");
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
    for (const file of await sessionFiles())
      expect((await stat(join(directory, file))).mode & 0o777).toBe(0o600);
    const old = new Date(Date.now() - 30 * 86_400_000);
    for (const file of await sessionFiles()) await utimes(join(directory, file), old, old);
    await new Agent(workspace, "another", workspace.repo("here")).start();
    expect((await sessionFiles()).filter((file) => !file.startsWith("another"))).toEqual([]);
  });

  it("does not stumble over what somebody made of its memory", async () => {
    const agent = await scene();
    await workspace.startDaemon();
    await agent.start();
    const directory = join(workspace.paths.stateDirectory, "sessions");
    for (const junk of [
      "",
      "{",
      "[]",
      "null",
      '{"here":{"cache":1}}',
      '{"here":{"cache":null,"daemon":"runs","peers":{"api":{}}}}',
    ]) {
      for (const file of await sessionFiles()) await writeFile(join(directory, file), junk);
      const { code, stderr, text } = await agent.prompt();
      expect([code, stderr]).toEqual([0, ""]);
      expect(text).toContain("- waiting for the key");
    }
  });

  it("finds a session by any name that a harness gives it, and writes nowhere else", async () => {
    await scene();
    await workspace.startDaemon();
    for (const id of ["../../../escaped", "a/b", "\u0000", "ünï", "x".repeat(5_000), "CON", "."]) {
      const agent = new Agent(workspace, id, workspace.repo("here"));
      expect((await agent.start()).code).toBe(0);
      expect(await agent.prompt()).toMatchObject({ code: 0 });
    }
    const names = await sessionFiles();
    expect(names.every((name) => /^[\w-]+\.(?:told|places|calls|started-startup-\d+-\d+)$/.test(name))).toBe(
      true,
    );
  });
});

describe("a coding agent's session where no daemon runs", () => {
  it("starts with what is here, is told that nobody brings more, and what is behind", async () => {
    const agent = await scene();
    await workspace.run(["sync", "--all"]);
    await workspace.save("api", `${API}- newer\n`);
    const { text, code, stderr } = await agent.start();
    expect([code, stderr]).toEqual([0, ""]);
    expect(text).toContain("No state-syncd daemon runs");
    expect(text).toMatch(/\| api \|.*older: its file changed again/);
    expect(text).toContain("| up to date |");
    expect(text).not.toContain("newer\n");
    expect(await agent.prompt()).toMatchObject(quiet);
  });

  it("is shown nothing of a repo that left its groups, though the cache still holds it", async () => {
    const agent = await scene();
    await workspace.run(["sync", "--all"]);
    await workspace.configure({ repos: { here: {}, api: { groups: ["clinic"] }, web: {} } });
    expect(await workspace.cache("here")).toContain("waiting for the key");
    const start = await agent.start();
    expect(start.text).toContain("- paint");
    expect(start.stdout + start.stderr).not.toMatch(/waiting for the key|api/);
    await workspace.save("web", "# web\n## Next\n- paint\n- more\n");
    await workspace.run(["sync", "web"]);
    const news = await agent.prompt();
    expect(news.text).toContain("+ - more");
    expect(news.stdout).not.toMatch(/waiting for the key|api/);
  });

  it("is shown nothing that a rule of today takes for a secret, though the cache still holds it", async () => {
    const agent = await scene();
    await workspace.save("api", `${API}- patient MRN-12345678 called\n`);
    await workspace.run(["sync", "--all"]);
    await workspace.configure({ guard: { patterns: { "record-number": "MRN-[0-9]{8}" } } });
    expect(await workspace.cache("here")).toContain("MRN-12345678");
    const { text } = await agent.start();
    expect(text).not.toContain("MRN-12345678");
    expect(text).toContain("[REDACTED:record-number]");
  });

  it("is told why nothing is here where the cache cannot be read, and leads into no other repo by a link", async () => {
    const agent = await scene();
    await mkdir(workspace.cacheFile("here"), { recursive: true });
    const odd = await agent.start();
    expect([odd.code, odd.stderr]).toEqual([0, ""]);
    expect(odd.text).toMatch(/\| api \|.*nothing \(CACHE_NOT_REGULAR\)/);
    await workspace.configure({ repos: { here: {}, api: {}, web: {}, inner: { groups: ["clinic"] } } });
    const inner = join(workspace.repo("here"), "inner");
    await mkdir(join(inner, ".aibrain"), { recursive: true });
    await workspace.save("web", "# web\n## Next\n- of a linked cache\n");
    await workspace.run(["sync", "--all"]);
    await rm(workspace.cacheFile("here"), { recursive: true });
    const text = await workspace.cache("api");
    await writeFile(join(inner, ".aibrain", "global-state-cache.md"), text);
    await symlink(join(inner, ".aibrain", "global-state-cache.md"), workspace.cacheFile("here"));
    await symlink(inner, workspace.repo("inner"));
    const linked = await agent.start("resume");
    expect([linked.code, linked.stderr]).toEqual([0, ""]);
    expect(linked.text).toMatch(/\| web \|.*nothing that may be shown/);
    expect(linked.text).not.toContain("of a linked cache");
  });

  it("is told nothing and disturbed by nothing without a config", async () => {
    workspace = await Workspace.create({ repos: {} });
    const agent = new Agent(workspace, "s", workspace.root);
    await workspace.configure({ repos: {} });
    const env = { XDG_CONFIG_HOME: join(workspace.root, "none") };
    const event = JSON.stringify({ session_id: "s", cwd: workspace.root });
    for (const name of ["session-start", "prompt", "checkpoint"])
      expect(await runHook(workspace, [name], event, { env })).toMatchObject(quiet);
    // And it need not find that out at each tool call.
    const places = await readFile(join(workspace.paths.stateDirectory, "sessions", "s.places"), "utf8");
    expect(JSON.parse(places)).toMatchObject({ [workspace.root]: { identity: null, repo: null } });
    expect(await agent.start()).toMatchObject(quiet);
  });
});

describe("whatever happens", () => {
  it("the turn goes on: exit code 0, one line on stderr at most", async () => {
    const agent = await scene();
    await workspace.run(["sync", "--all"]);
    const cases: [readonly string[], string | Buffer][] = [
      [["prompt"], "garbage"],
      [["session-start"], Buffer.from([0xff, 0xfe, 0x00])],
      [["checkpoint"], '{"session_id":'],
      [["bogus"], "{}"],
      [["prompt", "--budget", "x"], "{}"],
      [["checkpoint", "--every", "-1", "--evry", "3"], "{}"],
      [["session-start", "extra", "words"], "{}"],
      [["session-start", "--config", "/nowhere/config.yaml"], "{}"],
    ];
    for (const [words, input] of cases) {
      const { code, stderr } = await runHook(workspace, words, input);
      expect([code, stderr.split("\n").length], words.join(" ")).toEqual([0, stderr === "" ? 1 : 2]);
    }
    await writeFile(workspace.paths.config, "repos: [\n");
    const broken = await agent.start();
    expect([broken.code, broken.stdout]).toEqual([0, ""]);
    expect(broken.stderr).toMatch(/^state-syncd hook session-start: .*config.*\n$/);
  });

  it("doctor tells what went wrong, for a hook's words on stderr go where nobody looks", async () => {
    const agent = await scene();
    const right = await readFile(workspace.paths.config);
    await writeFile(workspace.paths.config, "repos: [\n");
    const { stderr } = await agent.start();
    await writeFile(workspace.paths.config, right);
    const { stdout } = await workspace.run(["doctor"]);
    expect(stderr).toContain("config.yaml:2:1: found broken YAML");
    expect(stdout.replaceAll(/\s+/g, " ")).toMatch(/`hook session-start` said, .* found broken YAML/);
  });

  it("a state directory that cannot be written costs the memory, and no word", async () => {
    const agent = await scene();
    await workspace.run(["sync", "--all"]);
    await mkdir(workspace.paths.stateDirectory, { recursive: true });
    await writeFile(join(workspace.paths.stateDirectory, "sessions"), "a file");
    const { code, stderr, text } = await agent.start();
    expect(code).toBe(0);
    expect(text).toContain("- waiting for the key");
    expect(stderr.split("\n").length).toBeLessThanOrEqual(2);
  });

  it("standard input that never ends holds nobody up", async () => {
    const agent = await scene();
    await workspace.startDaemon();
    const { spawn } = await import("node:child_process");
    const { SCRIPT } = await import("../support/workspace.ts");
    const child = spawn(process.execPath, [SCRIPT, "hook", "session-start"], {
      cwd: workspace.repo("here"),
      env: workspace.env,
      stdio: ["pipe", "pipe", "pipe"],
    });
    let stdout = "";
    child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
    child.stdin.write(JSON.stringify({ session_id: "x", cwd: workspace.repo("here") }));
    const ended = new Promise((resolve) => child.once("close", resolve));
    await eventually(
      "it to end by itself",
      () => child.exitCode !== null || child.signalCode !== null,
      20_000,
    );
    await ended;
    expect(heard({ code: 0, stdout, stderr: "" }).text).toContain("- waiting for the key");
    expect(await agent.prompt()).toMatchObject({ code: 0 });
  });

  it("a line that says more than its name is understood too", async () => {
    await scene();
    await workspace.run(["sync", "--all"]);
    const event = JSON.stringify({ session_id: "s", cwd: workspace.repo("here") });
    const before = ["--config", workspace.paths.config];
    const early = heard(await runHook(workspace, ["session-start"], event, { before }));
    const again = JSON.stringify({ ...JSON.parse(event), source: "resume" });
    const late = heard(await runHook(workspace, ["session-start", ...before, "--budget=500"], again));
    expect(early.text).toContain("- waiting for the key");
    expect(late.text?.length).toBeLessThanOrEqual(500);
    const help = await runHook(workspace, ["session-start", "--help"], event);
    expect(help.stdout).toContain("state-syncd hook session-start");
  });
});

describe("hook print", () => {
  it("prints what a session would be told, and the facts apart, and remembers nothing", async () => {
    await scene();
    await workspace.startDaemon();
    const cwd = workspace.repo("here");
    const text = await workspace.run(["hook", "print"], { cwd });
    expect(text.stdout).toContain("- waiting for the key");
    const { stdout } = await workspace.run(["hook", "print", "--format", "json"], { cwd });
    expect(JSON.parse(stdout)).toMatchObject({
      repo: "here",
      cache: workspace.cacheFile("here"),
      daemon: "runs",
      peers: [
        { repo: "api", status: "fresh", state: { isWhole: true, digest: expect.stringContaining("- ship") } },
        { repo: "web", status: "fresh" },
      ],
    });
    expect(await readFile(join(workspace.paths.stateDirectory, "sessions"), "utf8").catch(() => "none")).toBe(
      "none",
    );
  });

  it("says where one is, when that is nowhere", async () => {
    await scene();
    const { code, stdout, stderr } = await workspace.run(["hook", "print"]);
    expect([code, stdout]).toEqual([0, ""]);
    expect(stderr).toContain("is in no repo that takes part");
  });
});
