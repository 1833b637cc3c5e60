import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { EdgeReport } from "../../src/status/report.ts";
import { eventually } from "../support/eventually.ts";
import { SCRIPT, Workspace } from "../support/workspace.ts";

let workspace: Workspace;
beforeEach(async () => {
  workspace = await Workspace.create({
    repos: { karematch: {}, credentialmate: {}, ai_orchestrator: {}, vault: { role: "passive" } },
  });
  for (const name of ["karematch", "credentialmate", "ai_orchestrator"])
    await workspace.save(name, `state of ${name}\n`);
});
afterEach(() => workspace.dispose());

/** Every command must do the same with a daemon and without one. */
describe.each([
  ["without a daemon", false],
  ["with a daemon", true],
])("%s", (_title, withDaemon) => {
  beforeEach(async () => {
    if (withDaemon) await workspace.startDaemon();
  });

  it("sync prints exactly the lines that scripts look for, and nothing else", async () => {
    const line = (to: string): string =>
      `[state_sync] Synced karematch STATE.md -> ${workspace.repo(to)}/.aibrain/global-state-cache.md\n`;
    expect(await workspace.run(["sync", "karematch"])).toEqual({
      code: 0,
      stdout: line("credentialmate") + line("ai_orchestrator"),
      stderr: "",
    });
  });

  it("sync without a name means the repo around the current directory, through links too", async () => {
    await mkdir(join(workspace.repo("karematch"), "src", "deep"), { recursive: true });
    await symlink(workspace.repo("karematch"), join(workspace.root, "link"));
    for (const cwd of [join(workspace.repo("karematch"), "src", "deep"), join(workspace.root, "link")]) {
      const { code, stdout } = await workspace.run(["sync"], { cwd });
      expect({ code, lines: stdout.match(/Synced karematch/g)?.length }).toEqual({ code: 0, lines: 2 });
    }
    const outside = await workspace.run(["sync"], { cwd: "/" });
    expect(outside.code).toBe(2);
    expect(outside.stderr).toContain("Registered are: karematch, credentialmate, ai_orchestrator, vault");
  });

  it("a manual sync renews Last Synced although nothing changed, and nothing else does", async () => {
    await workspace.run(["sync", "--all"]);
    const [before] = await workspace.sections("credentialmate");
    await workspace.run(["sync", "karematch"]);
    const [after, other] = await workspace.sections("credentialmate");
    expect(Date.parse(after?.syncedAt ?? "")).toBeGreaterThan(Date.parse(before?.syncedAt ?? ""));
    expect(after).toEqual({ ...before, syncedAt: after?.syncedAt });
    expect(other?.repo).toBe("ai_orchestrator");
    const bytes = await workspace.cacheBytes("credentialmate");
    await workspace.run(["pull", "credentialmate"]);
    expect(await workspace.cacheBytes("credentialmate")).toEqual(bytes);
  });

  it("an unknown repo: says which there are, exit 2, writes nothing", async () => {
    const { code, stdout, stderr } = await workspace.run(["sync", "karemash"]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain("Unknown repo: karemash");
    expect(stderr).toContain("karematch, credentialmate");
  });

  it("a passive repo: says that it is passive, exit 2", async () => {
    for (const command of ["sync", "pull", "explain"]) {
      const { code, stderr } = await workspace.run([command, "vault"]);
      expect({ command, code, said: stderr.includes("vault is a passive repo") }).toEqual({
        command,
        code: 2,
        said: true,
      });
    }
  });

  it("one edge that fails: the others are done, exit 1, the fault told with its remedy", async () => {
    await rm(join(workspace.repo("credentialmate"), ".aibrain"), { recursive: true, force: true });
    await writeFile(join(workspace.repo("credentialmate"), ".aibrain"), "in the way");
    const { code, stdout, stderr } = await workspace.run(["sync", "karematch"]);
    expect(code).toBe(1);
    expect(stdout).toContain(workspace.repo("ai_orchestrator"));
    expect(stdout).not.toContain(workspace.repo("credentialmate"));
    expect(stderr).toContain("is not a directory");
    expect(await readFile(join(workspace.repo("credentialmate"), ".aibrain"), "utf8")).toBe("in the way");
  });

  it("a repo without a STATE.md: told, exit 1, no empty section anywhere", async () => {
    await rm(workspace.stateFile("karematch"));
    const { code, stderr } = await workspace.run(["sync", "karematch"]);
    expect(code).toBe(1);
    expect(stderr).toContain("STATE.md is not there");
  });

  it("pull prints every peer's state, and with --raw --from one's bytes", async () => {
    const text = "\uFEFFa\r\nb, no newline at the end";
    await workspace.save("karematch", text);
    const all = await workspace.run(["pull", "credentialmate"]);
    expect(all.code).toBe(0);
    expect(all.stdout).toContain("state of ai_orchestrator");
    const raw = await workspace.run(["pull", "credentialmate", "--raw", "--from", "karematch"]);
    expect(raw).toEqual({ code: 0, stdout: text, stderr: "" });
    const json = await workspace.run(["pull", "credentialmate", "--json"]);
    expect(JSON.parse(json.stdout).sections.map((section: { repo: string }) => section.repo)).toEqual([
      "karematch",
      "ai_orchestrator",
    ]);
    const wrong = await workspace.run(["pull", "credentialmate", "--from", "vault"]);
    expect(wrong.code).toBe(2);
  });

  it("pull takes a peer out of reach from the newest copy that another cache holds", async () => {
    await workspace.run(["sync", "--all"]);
    await workspace.save("karematch", "the newest words\n");
    await workspace.run(["sync", "karematch"]);
    await rename(workspace.repo("karematch"), `${workspace.repo("karematch")}-unmounted`);
    await rm(workspace.cacheFile("ai_orchestrator"));
    const { stdout, stderr } = await workspace.run(["pull", "ai_orchestrator"]);
    expect(stdout).toContain("the newest words");
    expect(stderr).toContain("is not there");
    expect(await workspace.received("ai_orchestrator", "karematch")).toBe("the newest words\n");
  });

  it("status --json has the shape that scripts rely on", async () => {
    await workspace.run(["sync", "--all"]);
    const { code, stdout } = await workspace.run(["status", "--json"]);
    expect(code).toBe(withDaemon ? 0 : 3);
    const report = JSON.parse(stdout);
    expect(report.status).toBe(withDaemon ? "healthy" : "down");
    const facts = ["running", "pid", "version", "startedAt", "config", "provenAt", "provenLagMs"];
    expect(Object.keys(report.daemon)).toEqual(facts);
    expect(report.repos[3]).toMatchObject({ name: "vault", role: "passive", watch: "off" });
    expect(report.repos[0].stateFile).toMatchObject({ exists: true, bytes: 19 });
    expect(report.edges).toHaveLength(6);
    for (const edge of report.edges) expect(edge).toMatchObject({ status: "fresh", lagMs: 0, error: null });
    expect(report.queue).toEqual({ depth: 0, oldestMs: 0 });
  });

  it("explain follows the chain to where it stopped", async () => {
    await workspace.run(["sync", "--all"]);
    const good = await workspace.run(["explain", "karematch"]);
    expect(good.stdout).toContain("credentialmate is fresh");
    expect(good.code).toBe(withDaemon ? 0 : 1);
    await workspace.save("karematch", "");
    const held = await workspace.run(["explain", "karematch"]);
    expect(held.code).toBe(1);
    expect(held.stdout).toMatch(/STOP {2}STATE_FILE_EMPTY/);
  });
});

describe("looking without a daemon, which would be faster than any look", () => {
  it("sync --dry-run prints a diff and writes nothing at all", async () => {
    await workspace.run(["sync", "--all"]);
    const before = await workspace.cacheBytes("credentialmate");
    await workspace.save("karematch", "something new\n");
    const { code, stdout } = await workspace.run(["sync", "karematch", "--dry-run"]);
    expect(code).toBe(0);
    expect(stdout).toContain("-state of karematch");
    expect(stdout).toContain("+something new");
    expect(await workspace.cacheBytes("credentialmate")).toEqual(before);
    await workspace.run(["sync", "karematch"]);
    const again = await workspace.run(["sync", "karematch", "--dry-run"]);
    expect(again).toMatchObject({ code: 0, stdout: "" });
  });

  it("status tells the truth: a cache that was altered an instant ago is not fresh", async () => {
    await workspace.run(["sync", "--all"]);
    const text = await workspace.cache("credentialmate");
    await writeFile(
      workspace.cacheFile("credentialmate"),
      text.replace("state of karematch", "state of vandals"),
    );
    await workspace.save("ai_orchestrator", "newer\n");
    const { stdout } = await workspace.run(["status", "--json"]);
    const edges = JSON.parse(stdout).edges.map((edge: EdgeReport) => [edge.from, edge.to, edge.status]);
    expect(edges).toContainEqual(["karematch", "credentialmate", "damaged"]);
    expect(edges).toContainEqual(["karematch", "ai_orchestrator", "fresh"]);
    expect(edges).toContainEqual(["ai_orchestrator", "karematch", "stale"]);
  });
});

describe("the command line", () => {
  it.each([
    [["frobnicate"], "Unknown command: frobnicate"],
    [["statsu"], "Unknown command: statsu. Did you mean status?"],
    [["explain"], "leaves out <repo>"],
    [["sync", "--wrong"], "Unknown argument: wrong"],
    [["sync", "--all", "karematch"], "--all takes no names"],
    [["pull", "karematch", "--raw"], "name it with --from"],
    [[], "Commands:"],
  ])("%j: one clear line, exit 2, no stack trace", async (args, message) => {
    const { code, stderr } = await workspace.run(args);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain("    at ");
  });

  it("a config with mistakes: every one of them, exit 2, nothing touched", async () => {
    await writeFile(workspace.paths.config, "version: 1\nrepos:\n  A B: { path: 7 }\nrescan: soon\n");
    for (const args of [["sync", "--all"], ["status"], ["run"], ["config", "check"]]) {
      const { code, stdout, stderr } = await workspace.run(args);
      expect({ args, code, stdout }).toEqual({ args, code: 2, stdout: "" });
      expect(stderr).toMatch(/config\.yaml:3:3/);
      expect(stderr).toMatch(/config\.yaml:3:16/);
      expect(stderr).toMatch(/config\.yaml:4:9/);
    }
    expect(await workspace.cache("karematch")).toBe("");
  });

  it("no config at all: says how to get one", async () => {
    await rm(workspace.paths.config);
    const { code, stderr } = await workspace.run(["status"]);
    expect(code).toBe(2);
    expect(stderr).toContain("state-syncd init --scan");
  });

  it("another config than the running daemon's is refused, not silently replaced by it", async () => {
    await workspace.startDaemon();
    const other = join(workspace.root, "other.yaml");
    await writeFile(other, "version: 1\nrepos: {}\n");
    for (const command of [["sync", "karematch"], ["status"]]) {
      const { code, stderr } = await workspace.run([...command, "--config", other]);
      expect({ command, code, told: stderr.includes("another config") }).toEqual({
        command,
        code: 2,
        told: true,
      });
    }
  });

  it("status in a pipe that is closed early does not crash", async () => {
    const out = execFileSync("sh", ["-c", `"${process.execPath}" "${SCRIPT}" status --json | head -c 1`], {
      env: workspace.env,
    });
    expect(out.toString()).toBe("{");
  });

  it("logs -f shows what happens as it happens", async () => {
    await workspace.startDaemon();
    const child = spawn(process.execPath, [SCRIPT, "logs", "-f", "--repo", "karematch"], {
      env: workspace.env,
    });
    let seen = "";
    child.stdout.on("data", (chunk: Buffer) => (seen += chunk.toString()));
    await workspace.save("karematch", "news\n");
    await eventually("the follower to show it", () =>
      seen.includes("karematch -> credentialmate  section written"),
    );
    child.kill("SIGINT");
    expect(await once(child, "exit")).toEqual([0, null]);
  });

  it("the log holds no word of any state file", async () => {
    await workspace.startDaemon({ args: ["--log-level", "trace"] });
    await workspace.save("karematch", "xyzzy-plugh-4711\n");
    await workspace.arrives("karematch", ["credentialmate"], "xyzzy-plugh-4711\n");
    await workspace.run(["sync", "karematch"]);
    expect(await readFile(workspace.paths.logFile, "utf8")).not.toContain("xyzzy");
  });

  it("completion prints a script", async () => {
    const { code, stdout } = await workspace.run(["completion"]);
    expect(code).toBe(0);
    expect(stdout).toContain("state-syncd");
  });
});
