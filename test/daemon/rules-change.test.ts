import { execFileSync } from "node:child_process";
import { rm, symlink, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { textsUnder } from "../support/temp-dir.ts";
import { Workspace } from "../support/workspace.ts";

const RECORD = "MRN-00123456";
const NOTES = `# a\n\nSeen ${RECORD} today.\n`;
const CLEAN = "# a\n\nSeen [REDACTED:record] today.\n";
const RULE = { patterns: { record: "MRN-[0-9]{8}" } };

let workspace: Workspace;
beforeEach(async () => {
  workspace = await Workspace.create({ repos: { a: {}, b: {}, c: {} }, rescan: "1s" });
  await workspace.save("a", NOTES);
  for (const name of ["b", "c"]) await workspace.save(name, `state of ${name}\n`);
});
afterEach(() => workspace.dispose());

describe("a rule that comes while the daemon runs", () => {
  it("takes what it finds out of every cache, of a file that is gone too, and the log says so without it", async () => {
    await workspace.startDaemon({ args: ["--log-level", "trace"] });
    await workspace.arrives("a", ["b", "c"], NOTES);
    await rm(workspace.stateFile("a"));
    await workspace.configure({ guard: RULE });
    await workspace.arrives("a", ["b", "c"], CLEAN);
    for (const name of ["b", "c"]) expect(textsUnder(workspace.repo(name))).not.toContain(RECORD);
    expect(textsUnder(workspace.paths.stateDirectory)).not.toContain(RECORD);
    await eventually("the log to tell of both", async () => {
      const events = (await workspace.log()).map((line) => line["event"]);
      return events.filter((event) => event === "section.cleaned").length === 2;
    });
  });

  it("that takes for ever holds back what it was tried on, by name, and nothing else", async () => {
    await workspace.save("a", `${"a".repeat(200_000)}\n`);
    await workspace.startDaemon();
    await workspace.arrives("b", ["a", "c"], "state of b\n");
    await workspace.configure({ guard: { patterns: { far: "a.*b|a{3}" } } });
    await eventually("the daemon to go by it", async () =>
      (await workspace.log()).some((line) => line["event"] === "config.changed"),
    );
    await workspace.save("b", "news of b\n");
    // Sooner than the pattern is given up.
    await workspace.arrives("b", ["a", "c"], "news of b\n", 8_000);
    const seen = new Set<string>();
    await eventually("status to name the pattern", async () => {
      const { problems } = await workspace.status();
      for (const { code } of problems) seen.add(code);
      return problems.some(
        ({ code, message }) => code === "STATE_FILE_UNGUARDED" && message.includes("guard.patterns.far"),
      );
    });
    // The disk is not blamed for what the guard takes.
    expect([...seen].sort()).toEqual(["STATE_FILE_IN_GUARD", "STATE_FILE_UNGUARDED"]);
    await workspace.configure({ guard: {} });
    await workspace.healthy();
  });
});

describe("a rule that takes for ever, without a daemon", () => {
  it.each([
    ["sync a", 1, /guard\.patterns\.far took more than 15 s/],
    ["sync a --dry-run", 1, /guard\.patterns\.far took more than 15 s/],
    ["status", 3, /STATE_FILE_IN_GUARD/],
  ])("%s says so, and blames no disk", async (args, exitCode, said) => {
    await workspace.save("a", `${"a".repeat(200_000)}\n`);
    await workspace.configure({ guard: { patterns: { far: "a.*b|a{3}" } } });
    const { code, stdout, stderr } = await workspace.run(args.split(" "));
    expect(code).toBe(exitCode);
    expect(stdout + stderr).toMatch(said);
    expect(stdout + stderr).not.toMatch(/not answer|internal error/);
  });
});

describe("what stands in the cache of a repo that is paused", () => {
  const GROUPS = { a: { groups: ["one", "two"] }, b: { groups: ["one"] }, c: { groups: ["two"] } };

  async function pauseB(): Promise<void> {
    await workspace.configure({ repos: GROUPS });
    const daemon = await workspace.startDaemon();
    await workspace.arrives("a", ["b"], NOTES);
    expect((await workspace.run(["pause", "b"])).code).toBe(0);
    await daemon.stop();
  }

  it.each([true, false])(
    "is not shown by pull where its peer has left the group (daemon: %s)",
    async (isUp) => {
      await pauseB();
      await workspace.configure({ repos: { ...GROUPS, a: { groups: ["two"] } } });
      if (isUp) await workspace.startDaemon();
      for (const args of [[], ["--json"]]) {
        const { stdout } = await workspace.run(["pull", "b", ...args]);
        expect(stdout).not.toContain("Seen");
      }
    },
  );

  it("is not shown by pull where it leads to the cache of another group", async () => {
    await pauseB();
    await rm(workspace.cacheFile("b"));
    await symlink(workspace.cacheFile("c"), workspace.cacheFile("b"));
    const { stdout } = await workspace.run(["pull", "b"]);
    expect(stdout).not.toContain("Seen");
  });

  it("does not hold pull up where it is a FIFO", async () => {
    await pauseB();
    await rm(workspace.cacheFile("b"));
    execFileSync("mkfifo", [workspace.cacheFile("b")]);
    const { code, stdout } = await workspace.run(["pull", "b"]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  });

  it("is shown by pull, as far as the daemon vouches for it, while the config is broken", async () => {
    await workspace.startDaemon();
    await workspace.arrives("a", ["b"], NOTES);
    await writeFile(workspace.paths.config, "version: 1\nrepos: { a: { pth: x } }\n");
    const { code, stdout } = await workspace.run(["pull", "b"]);
    expect({ code, seen: stdout.includes("Seen") }).toEqual({ code: 0, seen: true });
  });
});

describe("a repo that begins to publish", () => {
  it("is read at once, and not by the next rescan", async () => {
    await workspace.configure({ repos: { a: { publish: false }, b: {}, c: {} }, rescan: "1h" });
    await workspace.startDaemon();
    await workspace.arrives("b", ["c"], "state of b\n");
    await workspace.configure({ repos: { a: {}, b: {}, c: {} } });
    await workspace.arrives("a", ["b", "c"], NOTES);
  });
});

describe("what stands in a cache that no turn may look through", () => {
  it("is not shown unlooked at by pull", async () => {
    await workspace.startDaemon();
    await workspace.arrives("a", ["b", "c"], NOTES);
    expect((await workspace.run(["pause", "b"])).code).toBe(0);
    await workspace.configure({ guard: RULE });
    await workspace.arrives("a", ["c"], CLEAN);
    expect(await workspace.received("b", "a")).toBe(NOTES);
    for (const args of [[], ["--json"], ["--raw", "--from", "a"]]) {
      const { stdout, stderr } = await workspace.run(["pull", "b", ...args]);
      expect(stdout).toContain("Seen [REDACTED:record] today.");
      expect(stdout + stderr).not.toContain(RECORD);
    }
    expect((await workspace.run(["resume", "b"])).code).toBe(0);
    await workspace.arrives("a", ["b"], CLEAN);
  });
});
