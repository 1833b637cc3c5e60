import { rm, utimes } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { Agent } from "../support/agent.ts";
import { Git } from "../support/git.ts";
import { Workspace } from "../support/workspace.ts";

let workspace: Workspace;
afterEach(() => workspace.dispose());

const silent = { code: 0, stdout: "", stderr: "" };
const HOUR_MS = 3_600_000;

/** No daemon, and a state that was saved a while ago. */
async function scene(): Promise<Agent> {
  workspace = await Workspace.create({ repos: { here: {}, api: {} } });
  await workspace.save("here", "# here\n");
  await workspace.save("api", "# api\n");
  await age(2 * HOUR_MS);
  return new Agent(workspace, "s", workspace.repo("here"));
}

async function age(ms: number): Promise<void> {
  const then = new Date(Date.now() - ms);
  await utimes(workspace.stateFile("here"), then, then);
}

async function calls(
  agent: Agent,
  count: number,
  args: readonly string[] = [],
): Promise<(string | undefined)[]> {
  const heard = [];
  for (let call = 0; call < count; call += 1) heard.push((await agent.tool(args)).text);
  return heard;
}

describe("the checkpoint after a tool call", () => {
  it("reminds every tenth call, in a way that the model sees", async () => {
    const agent = await scene();
    const heard = await calls(agent, 20);
    expect(heard.flatMap((text, at) => (text === undefined ? [] : [at + 1]))).toEqual([10, 20]);
    expect(heard[9]).toBe(
      "10 tool calls were made in this session since STATE.md of here last changed, 2 h ago. By that file the agents of one other repository know its state: what was done, blocked or decided meanwhile is not in it.",
    );
    expect((await agent.tool()).stdout).toBe("");
  });

  it("reminds after as many as it is told to, and each session for itself", async () => {
    const agent = await scene();
    const other = new Agent(workspace, "t", workspace.repo("here"));
    expect(await calls(agent, 2, ["--every", "3"])).toEqual([undefined, undefined]);
    expect(await calls(other, 2, ["--every", "3"])).toEqual([undefined, undefined]);
    expect((await agent.tool(["--every", "3"])).text).toContain("3 tool calls");
    expect((await other.tool(["--every", "3"])).text).toContain("3 tool calls");
  });

  it("counts anew from each save: who has just written is not nagged", async () => {
    const agent = await scene();
    await calls(agent, 9);
    await workspace.save("here", "# here, newer\n");
    expect(await calls(agent, 9)).toEqual(Array(9).fill(undefined));
    expect((await agent.tool()).text).toContain("10 tool calls");
  });

  it("loses no call and reminds once where calls run side by side", async () => {
    const agent = await scene();
    await agent.tool();
    const heard = await Promise.all(Array.from({ length: 19 }, () => agent.tool()));
    const reminders = heard.flatMap(({ text }) => (text === undefined ? [] : [text.slice(0, 13)]));
    expect(reminders.sort()).toEqual(["10 tool calls", "20 tool calls"]);
  });

  it("counts a call once whose hook stands in two settings", async () => {
    const agent = await scene();
    const twice = async (call: number): Promise<string[]> => {
      const event = { hook_event_name: "PostToolUse", tool_use_id: `toolu_${call}` };
      const both = await Promise.all([agent.hook(["checkpoint"], event), agent.hook(["checkpoint"], event)]);
      return both.flatMap(({ text }) => (text === undefined ? [] : [text]));
    };
    const heard = [];
    for (let call = 1; call <= 10; call += 1) heard.push((await twice(call)).length);
    expect(heard).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
  });

  it("pushes a state that was just saved where no daemon runs, and none twice", async () => {
    const agent = await scene();
    await workspace.save("here", "# here\n## Next\n- pushed\n");
    expect(await agent.tool()).toMatchObject(silent);
    expect(await workspace.received("api", "here")).toBe("# here\n## Next\n- pushed\n");
    const before = await workspace.cache("api");
    expect(await agent.tool()).toMatchObject(silent);
    expect(await workspace.cache("api")).toBe(before);
  });

  it("leaves an older state to the daemon, and everything to one that runs", async () => {
    const agent = await scene();
    await age(10_000);
    await agent.tool();
    expect(await workspace.cache("api")).toBe("");
    await workspace.startDaemon();
    await workspace.save("here", "# by the daemon\n");
    expect(await agent.tool()).toMatchObject(silent);
    await workspace.arrives("here", ["api"], "# by the daemon\n");
  });

  it("says in one line on stderr that a push failed, and goes on", async () => {
    const agent = await scene();
    await rm(workspace.repo("api"), { recursive: true });
    await workspace.save("here", "# newer\n");
    const { code, stdout, stderr } = await agent.tool();
    expect([code, stdout]).toEqual([0, ""]);
    expect(stderr).toMatch(/^state-syncd hook checkpoint: .*api.* is not there\n$/);
  });

  it("tells of a repo without a state file", async () => {
    const agent = await scene();
    await agent.start();
    await rm(workspace.stateFile("here"));
    expect((await calls(agent, 10)).at(-1)).toContain("here has no STATE.md at this moment");
  });

  it("says nothing in a worktree whose own state nobody reads", async () => {
    await scene();
    const git = new Git(workspace.repo("here"), workspace.root);
    const worktree = join(workspace.root, "tree");
    git.run("init", "-q");
    git.run("add", ".");
    git.run("commit", "-qm", "all");
    git.run("worktree", "add", "-q", worktree);
    const agent = new Agent(workspace, "s", worktree);
    await workspace.run(["sync", "--all"]);
    expect((await agent.start()).text).toContain("is a worktree of here");
    expect(await calls(agent, 10)).toEqual(Array(10).fill(undefined));
  });
});
