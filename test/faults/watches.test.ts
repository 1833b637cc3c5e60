import { existsSync, readFileSync, utimesSync } from "node:fs";
import { performance } from "node:perf_hooks";
import { afterEach, describe, expect, it } from "vitest";
import { ask } from "../../src/control/client.ts";
import type { RepoStatus, StatusReport } from "../../src/status/report.ts";
import { eventually } from "../support/eventually.ts";
import { foundBy, heardAgain } from "../support/fault.ts";
import { reportFault } from "../support/fault-report.ts";
import { canLimit, type Limit, limited, setLimit } from "../support/namespace.ts";
import { UnrulyDisk } from "../support/unruly-disk.ts";
import { type Daemon, Workspace } from "../support/workspace.ts";

let workspace: Workspace;
afterEach(() => workspace.dispose());

const NAMES = ["a", "b", "c", "d", "e"];

async function prepare(rescan: string): Promise<void> {
  workspace = await Workspace.create({
    repos: Object.fromEntries(NAMES.map((name) => [name, {}])),
    rescan,
  });
  for (const name of NAMES) await workspace.save(name, `state of ${name}\n`);
}

/** The system's lines about watches, which nobody wants to read again and again. */
async function watchLines(): Promise<string[]> {
  const lines = (await workspace.log()).map((line) => String(line["event"]));
  return lines.filter((event) => event.startsWith("watch."));
}

async function rescans(count: number): Promise<void> {
  const done = async (): Promise<number> =>
    (await workspace.log()).filter((line) => line["event"] === "rescan.done").length;
  const until = (await done()) + count;
  await eventually(`${count} rescans`, async () => (await done()) >= until);
}

/** Each repo's next save reaches all the others. */
async function everySaveArrives(text: string): Promise<void> {
  for (const name of NAMES) await workspace.save(name, `${name}: ${text}\n`);
  for (const name of NAMES) {
    const others = NAMES.filter((other) => other !== name);
    await workspace.arrives(name, others, `${name}: ${text}\n`, 15_000);
  }
}

function by(mode: RepoStatus["watch"], report: StatusReport): string[] {
  return report.repos.filter((repo) => repo.watch === mode).map((repo) => repo.name);
}

/** The config's directory, two of each repo, and one of the daemon's own. */
const ENOUGH = 100;
/** A limit, how much of it is too little, for how many repos of the five, and what `status` then says to raise. */
const EXHAUSTED: readonly (readonly [Limit, number, readonly number[], string])[] = [
  ["max_inotify_watches", 10, [1, 2, 3, 4], "max_user_watches"],
  ["max_inotify_instances", 0, [5], "max_user_instances"],
];

describe.skipIf(!canLimit())("watches that the system has no more of (needs user namespaces)", () => {
  it.each(EXHAUSTED)("%s: who got none is polled, the others are not", async (limit, to, polled, raise) => {
    // Without a rescan: what arrives was told by events or found by polling.
    await prepare("1h");
    await workspace.startDaemon({ under: limited(limit, to) });
    const { code, stdout } = await workspace.run(["status", "--json"]);
    const report: StatusReport = JSON.parse(stdout);
    expect(code).toBe(1);
    expect(polled).toContain(by("polling", report).length);
    expect(by("events", report).length + by("polling", report).length).toBe(NAMES.length);
    const told = report.problems.filter((problem) => problem.repo !== undefined);
    expect(new Set(told.map((problem) => problem.repo))).toEqual(new Set(by("polling", report)));
    expect(told).toHaveLength(by("polling", report).length);
    for (const problem of report.problems) {
      expect(problem.code).toBe("WATCH_LIMIT");
      expect(problem.remedy).toContain(raise);
    }
    for (const name of NAMES) {
      const explained = await workspace.run(["explain", name]);
      expect(explained.stdout).not.toContain("STOP");
      expect(explained.code).toBe(0);
    }
    await everySaveArrives("the first");
    await everySaveArrives("the second");
  });

  it.each(EXHAUSTED)("%s: told once, and events come back by themselves", async (limit, to, _, raise) => {
    await prepare("1s");
    const daemon = await workspace.startDaemon({
      under: limited(limit, to),
      args: ["--log-level", "debug"],
    });
    await everySaveArrives("while it stands");
    const before = await watchLines();
    await rescans(3);
    expect(await watchLines()).toEqual(before);
    const meanwhile = await workspace.run(["status", "--json"]);
    const { problems }: StatusReport = JSON.parse(meanwhile.stdout);

    setLimit(daemon.pid, limit, ENOUGH);
    const mended = performance.now();
    await workspace.healthy();
    reportFault({
      fault: `inotify: no more of ${raise}`,
      said: problems.map((problem) => `${problem.code} ${problem.message}`),
      exitCode: meanwhile.code,
      healedInMs: Math.round(performance.now() - mended),
    });
    expect(by("events", await workspace.status())).toEqual(NAMES);
    const restored = (await watchLines()).filter((event) => event === "watch.rearmed");
    expect(restored).toHaveLength(before.filter((event) => event === "watch.polling").length);
    await rescans(2);
    expect((await watchLines()).length).toBe(before.length + restored.length);
    await everySaveArrives("after it");
  });

  it("a repo that is added while there are none left is polled, and gets events with the rest", async () => {
    await prepare("1s");
    await workspace.configure({ repos: Object.fromEntries(NAMES.slice(0, 4).map((name) => [name, {}])) });
    const daemon = await workspace.startDaemon({ under: limited("max_inotify_watches", 10) });
    await workspace.healthy();
    await workspace.configure({ repos: Object.fromEntries(NAMES.map((name) => [name, {}])) });
    await eventually("the new one to be polled", async () =>
      by("polling", await workspace.status()).includes("e"),
    );
    await everySaveArrives("while it stands");
    setLimit(daemon.pid, "max_inotify_watches", ENOUGH);
    await workspace.healthy();
    await everySaveArrives("after it");
  });
});

describe("events that are lost", () => {
  it("of a watch that has gone deaf: the rescan finds the change, counts it, and has the file watched anew", async () => {
    await prepare("2s");
    const disk = new UnrulyDisk(workspace);
    await workspace.startDaemon({ env: disk.env });
    await workspace.healthy();
    await disk.misbehave({ losesEvents: workspace.repo("a") });
    for (const text of ["unheard\n", "unheard again\n"]) {
      await workspace.save("a", text);
      await workspace.save("c", text);
      await workspace.arrives("c", ["b"], text);
      await workspace.arrives("a", ["b"], text, 15_000);
    }
    expect(await foundBy(workspace, "a")).toEqual(["rescan", "rescan"]);
    expect(await foundBy(workspace, "c")).toEqual(["event", "event"]);
    expect(await unheardChanges()).toBe(2);
    await disk.behave();
    await heardAgain(workspace, "a", "b");
    await workspace.healthy();
  });

  const queue = "/proc/sys/fs/inotify/max_queued_events";
  it.skipIf(!existsSync(queue))("because more came than the system keeps (needs inotify)", async () => {
    await prepare("2s");
    const daemon = await workspace.startDaemon();
    await workspace.healthy();
    await overflow(daemon, Number(readFileSync(queue, "utf8")));
    await workspace.save("a", "lost in the flood\n");
    daemon.send("SIGCONT");
    await workspace.arrives("a", NAMES.slice(1), "lost in the flood\n", 20_000);
    expect(await foundBy(workspace, "a")).toEqual(["rescan"]);
    expect(await unheardChanges()).toBe(1);
    await heardAgain(workspace, "a", "b");
    await workspace.healthy();
  });

  /** Stops the daemon, and has more events wait for it than there is room for. */
  async function overflow(daemon: Daemon, room: number): Promise<void> {
    await daemon.freeze();
    // Of two like events in a row the system makes one: so they take turns.
    for (let second = 1; second <= room / 2 + 10; second += 1)
      for (const name of ["d", "e"]) utimesSync(workspace.stateFile(name), second, second);
  }

  async function unheardChanges(): Promise<number> {
    const text = await ask(workspace.paths, { method: "GET", path: "/metrics", timeoutMs: 10_000 });
    return Number(/^state_syncd_rescan_only_changes_total (\d+)$/m.exec(String(text))?.[1]);
  }
});
