import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, openSync, writeSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { hook } from "../../src/cli/families/hook.ts";
import { HOOK_EVENTS } from "../../src/commands/hook-event.ts";
import { Agent, heard, runHook } from "../support/agent.ts";
import { SCRIPT, Workspace } from "../support/workspace.ts";

let workspace: Workspace;
afterEach(() => workspace.dispose());

async function scene(): Promise<void> {
  workspace = await Workspace.create({
    repos: { here: { groups: ["a"] }, api: { groups: ["a", "b"] }, other: { groups: ["b"] } },
  });
  await workspace.save("here", "# here\n");
  await workspace.save("api", "# api\n## Next\n- ship\n");
  await workspace.save("other", "# other\n## Next\n- of another client\n");
  await workspace.run(["sync", "--all"]);
}

function eventIn(cwd: string): string {
  return JSON.stringify({ session_id: "s", cwd, hook_event_name: "UserPromptSubmit" });
}

/** What a shell does before it becomes the hook. */
async function afterWords(words: string, input: string) {
  const child = spawn("sh", ["-c", `${words}; exec "$0" "$1" hook prompt`, process.execPath, SCRIPT], {
    env: { ...workspace.env, CLAUDE_PROJECT_DIR: undefined },
    stdio: "pipe",
  });
  let stdout = "";
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.stdin.end(input);
  await once(child, "close");
  return heard({ code: child.exitCode, stdout, stderr: "" });
}

describe("the agent's turn goes on", () => {
  it("whatever stands on the hook's line: with 2 a harness would erase the user's prompt", async () => {
    await scene();
    const before = ["--config", workspace.paths.config];
    const lines: readonly (readonly string[])[] = [
      [],
      ["promt"],
      ["prompt", "--bogus"],
      ["prompt", "now"],
      ["--config", workspace.paths.config, "prompt"],
    ];
    for (const words of lines) {
      const event = eventIn(workspace.repo("here"));
      expect((await runHook(workspace, words, event)).code, words.join(" ")).toBe(0);
      expect((await runHook(workspace, words, event, { before })).code, words.join(" ")).toBe(0);
      const nobody = await workspace.run(["hook", ...words]);
      expect(nobody.code, `${words.join(" ")} < /dev/null`).toBe(0);
    }
    // Who asks for something that is for people is told that it was wrong.
    expect((await workspace.run(["hook", "print", "--bogus"])).code).toBe(2);
  });

  it("at once where the harness leaves standard input open", async () => {
    await scene();
    const child = spawn(process.execPath, [SCRIPT, "hook", "prompt"], { env: workspace.env, stdio: "pipe" });
    let stdout = "";
    child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
    const event = eventIn(workspace.repo("here"));
    child.stdin.write(event.slice(0, 10));
    child.stdin.write(event.slice(10));
    await once(child, "close");
    expect([child.exitCode, child.signalCode]).toEqual([0, null]);
    expect(stdout).toContain("- ship");
  });

  it("where standard input does not wait, as somebody else has set it", async () => {
    await scene();
    const fifo = join(workspace.root, "events");
    execFileSync("mkfifo", [fifo]);
    const reading = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
    const writing = openSync(fifo, constants.O_WRONLY);
    const child = spawn(process.execPath, [SCRIPT, "hook", "prompt"], {
      env: { ...workspace.env, CLAUDE_PROJECT_DIR: undefined },
      stdio: [reading, "pipe", "pipe"],
    });
    closeSync(reading);
    let stdout = "";
    child.stdout?.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
    // It finds nothing there at first, most likely; what it has to say is the same either way.
    await delay(500);
    writeSync(writing, eventIn(workspace.repo("here")));
    closeSync(writing);
    await once(child, "close");
    expect(child.exitCode).toBe(0);
    expect(stdout).toContain("- ship");
  });

  it("where the directory that the harness runs in was removed", async () => {
    await scene();
    const gone = join(workspace.root, "gone");
    await mkdir(gone);
    const { code, text } = await afterWords(`cd ${gone}; rmdir ${gone}`, eventIn(workspace.repo("here")));
    expect(code).toBe(0);
    expect(text).toContain("- ship");
  });

  it.each(["places", "told", "calls"])(
    "where somebody made a FIFO of what a session's %s are",
    async (kind) => {
      await scene();
      const agent = new Agent(workspace, "s", workspace.repo("here"));
      await agent.start();
      const file = join(workspace.paths.stateDirectory, "sessions", `s.${kind}`);
      for (const event of ["prompt", "start", "tool"] as const) {
        await rm(file, { force: true });
        execFileSync("mkfifo", [file]);
        const began = performance.now();
        expect((await agent[event]()).code).toBe(0);
        expect(performance.now() - began, event).toBeLessThan(25_000);
      }
    },
  );

  it("in the repo that a relative directory means to the agent, and not to the daemon", async () => {
    await scene();
    workspace.spawnDaemon({ under: ["env", "-C", workspace.repo("other")] });
    await workspace.healthy();
    const child = spawn(process.execPath, [SCRIPT, "hook", "session-start"], {
      cwd: workspace.repo("here"),
      env: { ...workspace.env, CLAUDE_PROJECT_DIR: undefined },
      stdio: "pipe",
    });
    let stdout = "";
    child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
    child.stdin.end(JSON.stringify({ session_id: "s", cwd: "." }));
    await once(child, "close");
    expect(heard({ code: 0, stdout, stderr: "" }).text).toContain("This repository is here;");
  });

  it("where a daemon that cannot be seen holds the lock and hangs: the hook ends when it has given it up", async () => {
    await scene();
    const agent = new Agent(workspace, "s", workspace.repo("here"));
    const daemon = await workspace.startDaemon();
    await agent.tool();
    const holder: object = JSON.parse(await readFile(workspace.paths.lockFile, "utf8"));
    // As where it runs in another namespace of processes.
    await writeFile(workspace.paths.lockFile, JSON.stringify({ ...holder, pid: 4_194_303 }));
    await daemon.freeze();
    await workspace.save("here", "# here\n## Next\n- mine\n");
    const began = performance.now();
    const { code, stderr } = await agent.tool();
    expect([code, stderr]).toEqual([0, expect.stringContaining("was not pushed within 5 s")]);
    expect(performance.now() - began).toBeLessThan(25_000);
  });

  it("is for hooks alone: a repo that is called hook fails as any other", async () => {
    workspace = await Workspace.create({ repos: { here: {} } });
    for (const line of [
      ["--json", "sync", "hook"],
      ["--config", workspace.paths.config, "pull", "hook"],
    ])
      expect((await workspace.run(line)).code, line.join(" ")).toBe(2);
  });

  it("is for events alone: what a person calls fails as any other command", async () => {
    workspace = await Workspace.create({ repos: { here: {} } });
    const events: readonly string[] = Object.keys(HOOK_EVENTS);
    const words = Object.keys(hook.commands).filter((word) => !events.includes(word));
    expect(words.length).toBeGreaterThan(0);
    for (const word of words) expect((await workspace.run(["hook", word, "--bogus"])).code, word).toBe(2);
  });
});
