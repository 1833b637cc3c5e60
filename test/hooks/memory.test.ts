import { readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { Agent } from "../support/agent.ts";
import { eventually } from "../support/eventually.ts";
import { Git } from "../support/git.ts";
import { SCRIPT, Workspace } from "../support/workspace.ts";

let workspace: Workspace;
afterEach(() => workspace.dispose());

const API = "# api\n## Next\n- ship record MRN-12345\n- paint\n";
const NEW_API = "# api\n## Next\n- tell the others\n";
const ALL = { here: { groups: ["g"] }, api: { groups: ["g"] } };
const quiet = { code: 0, stdout: "", stderr: "" };
/** The daemon looks at a config that changed just before only when this is over. */
const LATE = { wait: "5s", maxWait: "10s" };

async function scene(repos: object = ALL): Promise<Agent> {
  workspace = await Workspace.create({ repos: ALL });
  await workspace.configure({ repos: { ...repos } });
  await workspace.save("here", "# here\n");
  await workspace.save("api", API);
  return new Agent(workspace, "s", workspace.repo("here"));
}

describe("what a session is taken to know", () => {
  it("is what it has heard: news whose hook was killed is told with the next prompt", async () => {
    const agent = await scene();
    const daemon = await workspace.startDaemon();
    await agent.start();
    await workspace.save("api", NEW_API);
    await workspace.arrives("api", ["here"], NEW_API);
    await daemon.freeze();
    const hook = spawn(process.execPath, [SCRIPT, "hook", "prompt"], { env: workspace.env, stdio: "pipe" });
    hook.stdin.end(JSON.stringify({ session_id: "s", cwd: workspace.repo("here") }));
    const connections = async (): Promise<boolean> =>
      (await readFile("/proc/net/unix", "utf8")).split(workspace.paths.socket).length > 2;
    await eventually("the hook to ask", connections);
    // Its request is on its way by now, most likely; the news are told in the end either way.
    await delay(500);
    hook.kill("SIGKILL");
    await once(hook, "close");
    daemon.send("SIGCONT");
    await workspace.status();
    expect((await agent.prompt()).text).toContain("+ - tell the others");
    expect(await agent.prompt()).toMatchObject(quiet);
  });

  it("is not what the daemon answered after the hook had given it up", async () => {
    const agent = await scene();
    const daemon = await workspace.startDaemon();
    await agent.start();
    await workspace.save("api", NEW_API);
    await workspace.arrives("api", ["here"], NEW_API);
    await daemon.freeze();
    const prompted = agent.prompt();
    await delay(4_250);
    daemon.send("SIGCONT");
    const texts = [(await prompted).text, (await agent.prompt()).text];
    expect(texts.join("\n")).toContain("+ - tell the others");
  });

  it("says nothing again of a line that a rule of today takes for a secret, not even that it is gone", async () => {
    const agent = await scene();
    await workspace.run(["sync", "--all"]);
    expect((await agent.start()).text).toContain("MRN-12345");
    await workspace.configure({ guard: { patterns: { record: "MRN-\\d+" } } });
    const { text } = await agent.prompt();
    expect(text).toContain("[REDACTED:record]");
    expect(text).not.toContain("MRN-12345");
    await workspace.save("api", NEW_API);
    await workspace.run(["sync", "--all"]);
    const later = await agent.prompt();
    expect(later.text).toContain("+ - tell the others");
    expect(later.text).toContain("[REDACTED:record]");
  });

  it("outlasts a moment in which the cache is not there", async () => {
    const agent = await scene();
    await workspace.run(["sync", "--all"]);
    await agent.start();
    const cache = await workspace.cacheBytes("here");
    await rm(workspace.cacheFile("here"));
    await agent.prompt();
    await writeFile(workspace.cacheFile("here"), cache);
    expect(await agent.prompt()).toMatchObject(quiet);
  });
});

describe("whose memory it is", () => {
  it("is one session's: names that begin alike are two, however long", async () => {
    await scene();
    await workspace.run(["sync", "--all"]);
    const begin = `/home/somebody/sessions/${"x".repeat(200)}`;
    const [one, other] = ["1", "2"].map(
      (end) => new Agent(workspace, `${begin}${end}`, workspace.repo("here")),
    );
    await one?.start();
    expect((await other?.prompt())?.text).toContain("- paint");
  });
});

describe("what was never heard", () => {
  it("does not pile up", async () => {
    const agent = await scene();
    await agent.start();
    const sessions = join(workspace.paths.stateDirectory, "sessions");
    const unheard = join(sessions, ".s.told.1-0123456789ab.state-syncd-tmp");
    await writeFile(unheard, "{}");
    const before = new Date(Date.now() - 2 * 3_600_000);
    await utimes(unheard, before, before);
    await agent.start("resume");
    const names = (await readdir(sessions)).filter((name) => !name.includes(".started-"));
    expect(names.toSorted()).toEqual(["s.places", "s.told"]);
  });
});

describe("what stands beside a state", () => {
  it("a branch's name passes the rules of today, though the state itself holds nothing for them", async () => {
    const agent = await scene();
    await workspace.save("api", NEW_API);
    const git = new Git(workspace.repo("api"), workspace.root);
    git.run("init", "-q", "-b", "fix/MRN-12345");
    git.run("add", "-A");
    git.run("commit", "-q", "-m", "first");
    await workspace.run(["sync", "--all"]);
    expect((await agent.start()).text).toContain("fix/MRN-12345 @");
    await workspace.configure({ guard: { patterns: { record: "MRN-\\d+" } } });
    const { text } = await agent.start("resume");
    expect(text).toContain("- tell the others");
    expect(text).not.toContain("MRN-12345");
  });
});

/** The first change goes out at once: those that follow wait, until {@link LATE} is over. */
async function secondConfig(): Promise<void> {
  const loads = async (): Promise<number> =>
    (await workspace.log()).filter(({ event }) => event === "config.loaded").length;
  const before = await loads();
  await workspace.configure({ rescan: "50s" });
  await eventually("the config to be read", async () => (await loads()) > before);
}

describe("a config that has just changed", () => {
  it("shows nothing of a repo that left the groups, though the daemon has not looked at it yet", async () => {
    const agent = await scene();
    await workspace.configure({ debounce: LATE });
    await workspace.startDaemon();
    await secondConfig();
    await workspace.configure({ repos: { here: { groups: ["g"] }, api: { groups: ["other"] } } });
    expect(await agent.start()).toMatchObject(quiet);
  });

  it("is not taken for one by which a repo has no part in this: the session hears once it has", async () => {
    const agent = await scene({ api: { groups: ["g"] } });
    await workspace.configure({ debounce: LATE });
    await workspace.startDaemon();
    await secondConfig();
    await workspace.configure({ repos: ALL });
    const first = await agent.prompt();
    await workspace.arrives("api", ["here"], API);
    const second = await agent.prompt();
    expect(`${first.text}${second.text}`).toContain("- paint");
  });
});
