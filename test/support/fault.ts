import { readFile, stat } from "node:fs/promises";
import { performance } from "node:perf_hooks";
import { expect } from "vitest";
import { parse } from "../../src/core/cache/parse.ts";
import type { FaultCode } from "../../src/errors.ts";
import type { StatusReport } from "../../src/status/report.ts";
import { eventually } from "./eventually.ts";
import { reportFault } from "./fault-report.ts";
import { type Daemon, type DaemonOptions, type Ran, Workspace } from "./workspace.ts";

/** The repo that the faults hit, and the two that must not notice. */
export const HURT = "hurt";
const OTHERS = ["x", "y"] as const;

/** What the others' saves may take at most while somebody else is in trouble. */
const UNDISTURBED_MS = 10_000;

/** More than fits where there is almost no room. */
const BULK = "a line of a long state\n".repeat(1_000);

/** Three repos with a state each, and a rescan every second. */
export async function threeRepos(): Promise<Workspace> {
  const workspace = await Workspace.create({ repos: { [HURT]: {}, x: {}, y: {} }, rescan: "1s" });
  for (const name of [HURT, ...OTHERS]) await workspace.save(name, `state of ${name}\n`);
  return workspace;
}

/** The same with a daemon over it that has brought everything up to date. */
export async function running(
  options: DaemonOptions = {},
): Promise<{ workspace: Workspace; daemon: Daemon }> {
  const workspace = await threeRepos();
  const daemon = await workspace.startDaemon(options);
  await workspace.healthy();
  return { workspace, daemon };
}

/** One fault under a running daemon, from its cause to its end. */
export interface Trial {
  readonly name: string;
  /** What `status` has to call it. */
  readonly code: FaultCode;
  /** Whom it concerns where it is not that repo. */
  readonly about?: "the daemon";
  /** Edges that cannot be fresh while it stands, as `from>to`. */
  readonly broken: readonly string[];
  readonly cause: () => unknown;
  /** Takes the cause away, and does nothing else. */
  readonly mend: () => unknown;
  /** Runs a command, where it is to be run as somebody else. */
  readonly run?: (args: readonly string[]) => Promise<Ran>;
  /** Called while the fault stands, after everything else was looked at. */
  readonly meanwhile?: () => Promise<unknown>;
}

/**
 * Holds what is promised of every fault: while it stands the others' saves go on, `status` names
 * it with a remedy and tells no edge fresh that is not, nothing is torn and nothing left behind;
 * and once its cause is gone all is well again without a command.
 */
export async function endures(workspace: Workspace, trial: Trial): Promise<void> {
  await trial.cause();
  const began = Date.now();
  const said = `${began}: while it stands\n${BULK}`;
  await goOn(workspace, `${began}: it stands\n`);
  await goOn(workspace, said);
  const { ran, report } = await named(workspace, trial);
  const untouched = await states(workspace);
  await trial.meanwhile?.();
  await sound(workspace);

  await trial.mend();
  const mended = performance.now();
  await workspace.healthy();
  const healedInMs = Math.round(performance.now() - mended);
  for (const peer of OTHERS) expect(await workspace.received(HURT, peer)).toBe(said);
  expect(await states(workspace)).toEqual(untouched);
  const problems = report.problems.map(({ code, message }) => `${code} ${message}`);
  reportFault({ fault: trial.name, said: problems, exitCode: ran.code, healedInMs });
  // Well again means more than caught up: what comes now comes as it always did.
  await workspace.save(HURT, `${began}: over\n`);
  await workspace.arrives(HURT, OTHERS, `${began}: over\n`, UNDISTURBED_MS);
  await goOn(workspace, `${began}: all over\n`);
  await workspace.arrives("x", [HURT], `${began}: all over\n`, UNDISTURBED_MS);
  // The daemon's own log may have a line that its disk cut short; nothing was wrong with a watch then.
  if (trial.about === undefined) await heardAgain(workspace, HURT, "x");
  await workspace.healthy();
  await sound(workspace);
}

/** How a repo's changes came to be known, oldest first. */
export async function foundBy(workspace: Workspace, repo: string): Promise<unknown[]> {
  const lines = await workspace.log();
  return lines
    .filter((line) => line["event"] === "state.changed" && line["repo"] === repo)
    .map((line) => line["found"]);
}

/** Saves until the daemon hears of a save by an event. */
export async function heardAgain(workspace: Workspace, repo: string, peer: string): Promise<void> {
  let round = 0;
  await eventually("a save to be heard of by an event", async () => {
    const text = `${repo}: heard again, ${(round += 1)}\n`;
    await workspace.save(repo, text);
    await workspace.arrives(repo, [peer], text, UNDISTURBED_MS);
    return (await foundBy(workspace, repo)).at(-1) === "event";
  });
}

/** The two that are not concerned tell each other something. */
export async function goOn(workspace: Workspace, text: string): Promise<void> {
  const [x, y] = OTHERS;
  await workspace.save(x, text);
  await workspace.save(y, text);
  await workspace.arrives(x, [y], text, UNDISTURBED_MS);
  await workspace.arrives(y, [x], text, UNDISTURBED_MS);
}

async function named(workspace: Workspace, trial: Trial): Promise<{ ran: Ran; report: StatusReport }> {
  const run = trial.run ?? ((args: readonly string[]): Promise<Ran> => workspace.run(args));
  return await eventually(`status to tell of ${trial.code}`, async () => {
    const ran = await run(["status", "--json"]);
    const report: StatusReport = JSON.parse(ran.stdout);
    const about = trial.about === undefined ? HURT : undefined;
    const problem = report.problems.find(({ code, repo }) => code === trial.code && repo === about);
    const fresh = report.edges.filter(({ status }) => status === "fresh");
    const lies = fresh.filter(({ from, to }) => trial.broken.includes(`${from}>${to}`));
    const right = problem !== undefined && problem.remedy !== "" && lies.length === 0;
    if (!right || ran.code !== 1 || report.status !== "degraded") throw new Error(ran.stdout + ran.stderr);
    // Whatever is called fresh is what the file says.
    for (const { from, to } of fresh) {
      expect(await workspace.received(to, from)).toBe(await readFile(workspace.stateFile(from), "utf8"));
    }
    return { ran, report };
  });
}

/** Nothing is torn, and nothing lies about. */
async function sound(workspace: Workspace): Promise<void> {
  for (const name of [HURT, ...OTHERS]) {
    // What is not a file may have no end.
    const there = await stat(workspace.cacheFile(name)).catch(() => undefined);
    if (there?.isFile() !== true) continue;
    const { parts } = parse(await workspace.cacheBytes(name), { registered: [HURT, ...OTHERS] });
    expect(parts.filter((part) => part.kind === "damaged")).toEqual([]);
  }
  await eventually("no temporary to be left", async () => (await workspace.litter()).length === 0);
}

/** The state files of the others, as whoever wrote to them would change them. */
async function states(workspace: Workspace): Promise<string[]> {
  return await Promise.all(
    OTHERS.map(async (name) => {
      const { ino, mtimeNs, ctimeNs } = await stat(workspace.stateFile(name), { bigint: true });
      return `${ino} ${mtimeNs} ${ctimeNs} ${await readFile(workspace.stateFile(name), "utf8")}`;
    }),
  );
}
