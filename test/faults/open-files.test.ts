import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { performance } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, expect, it } from "vitest";
import type { StatusReport } from "../../src/status/report.ts";
import { eventually } from "../support/eventually.ts";
import { goOn, heardAgain, HURT, running } from "../support/fault.ts";
import { reportFault } from "../support/fault-report.ts";
import type { Daemon, Workspace } from "../support/workspace.ts";

let workspace: Workspace;
let daemon: Daemon;
afterEach(() => workspace.dispose());

/** Whether a running process can be given another limit, and its open files be seen. */
function canLimit(): boolean {
  try {
    execFileSync("prlimit", ["--pid", `${process.pid}`, "--nofile"], { stdio: "ignore" });
    return readdirSync("/proc/self/fd").length > 0;
  } catch {
    return false;
  }
}

function limitOpenFiles(to: number): void {
  execFileSync("prlimit", ["--pid", `${daemon.pid}`, `--nofile=${to}:`]);
}

function openFiles(): number[] {
  return readdirSync(`/proc/${daemon.pid}/fd`).map(Number);
}

/** The number that the next file would get: nothing can be opened below that limit any more. */
async function firstFree(): Promise<number> {
  // What is only open for a moment would leave room when it is closed.
  let open = openFiles();
  await eventually("nothing to be open that is closed soon", async () => {
    const before = open.join();
    await delay(700);
    open = openFiles();
    return open.join() === before;
  });
  return Array.from({ length: open.length + 1 }, (_, number) => number).find((n) => !open.includes(n)) ?? 0;
}

it.skipIf(!canLimit())(
  "no more open files for the daemon (EMFILE; needs prlimit): it lives, says so, and catches up",
  // A daemon that cannot take a question lets each asker wait.
  { timeout: 300_000 },
  async () => {
    ({ workspace, daemon } = await running());
    const cache = await workspace.cacheBytes("y");
    limitOpenFiles(await firstFree());
    await workspace.save("x", "meanwhile\n");
    await workspace.save(HURT, "meanwhile\n");
    const faults = async (code: string): Promise<Record<string, unknown>[]> =>
      (await workspace.log()).filter((line) => line["code"] === code);
    await eventually(
      "the log to tell of a state file",
      async () => (await faults("STATE_FILE_UNREADABLE")).length > 0,
    );
    const { code, stdout } = await workspace.run(["status", "--json"]);
    const { problems }: StatusReport = JSON.parse(stdout);
    expect(code).toBe(1);
    // Whether the daemon could take the question or not: nobody is told that all is well.
    expect(problems.map((problem) => problem.code).join()).toMatch(
      /DAEMON_UNRESPONSIVE|STATE_FILE_UNREADABLE/,
    );
    for (let round = 0; round < 20; round += 1) await workspace.status().catch(() => undefined);
    expect(await workspace.cacheBytes("y")).toEqual(cache);
    expect(await workspace.litter()).toEqual([]);
    // An edit of the config is one more thing that cannot be read now.
    await workspace.configure({ rescan: "1001ms" });
    await eventually("the config to be refused", async () =>
      (await workspace.log()).some((line) => line["event"] === "config.rejected"),
    );
    expect(daemon.ended).toBe(false);

    limitOpenFiles(1_024);
    const mended = performance.now();
    await workspace.healthy();
    reportFault({
      fault: "no more open files",
      said: problems.map((problem) => `${problem.code} ${problem.message}`),
      exitCode: code,
      healedInMs: Math.round(performance.now() - mended),
    });
    expect(await workspace.received("y", "x")).toBe("meanwhile\n");
    expect(await workspace.received("y", HURT)).toBe("meanwhile\n");
    expect((await workspace.log()).some((line) => line["event"] === "internal.error")).toBe(false);
    await goOn(workspace, "after it\n");
    await heardAgain(workspace, HURT, "x");
    await workspace.healthy();
  },
);
