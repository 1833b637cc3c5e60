import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { parse } from "../../src/core/cache/parse.ts";
import { copiesOf } from "../../src/store/copies.ts";
import { CRASH_POINTS, type CrashPoint } from "../../src/store/crash-point.ts";
import { isLocked } from "../../src/store/lock.ts";
import { eventually } from "../support/eventually.ts";
import type { Daemon, Workspace } from "../support/workspace.ts";
import { adoption, newWorkspace, NOTE, runCrashing, type Scenario, scenarios } from "./scenarios.ts";
import {
  masked,
  maskedText,
  temporariesIn,
  traceFile,
  type Tree,
  treeOf,
  withoutTemporaries,
} from "./tree.ts";

const soak = process.env["SOAK"] !== undefined;
const typical = scenarios.filter((scenario) => scenario.typical);
const others = scenarios.filter((scenario) => !scenario.typical);

/** What a scenario does when nobody is killed. */
interface Reference {
  /** The points that it passes, in order. */
  readonly passed: readonly string[];
  readonly done: Readonly<Record<string, string>>;
  readonly restarted: Readonly<Record<string, string>>;
}

const references = new Map<Scenario, Promise<Reference>>();

function referenceOf(scenario: Scenario): Promise<Reference> {
  const reference = references.get(scenario) ?? undisturbed(scenario);
  references.set(scenario, reference);
  return reference;
}

async function undisturbed(scenario: Scenario): Promise<Reference> {
  return await inWorkspace(scenario, async (workspace) => {
    const old = await workspace.cacheBytes("reader");
    const { code, stderr } = await act(scenario, workspace);
    expect({ code, stderr }, scenario.what).toMatchObject({ code: 0 });
    const done = masked(treeOf(workspace), workspace);
    await restart(scenario, workspace);
    await expectAsPromised(scenario, old, workspace);
    return { passed: await passedIn(workspace), done, restarted: masked(treeOf(workspace), workspace) };
  });
}

async function inWorkspace<T>(scenario: Scenario, work: (workspace: Workspace) => Promise<T>): Promise<T> {
  const workspace = await newWorkspace();
  try {
    await scenario.prepare(workspace);
    return await work(workspace);
  } finally {
    await workspace.dispose();
  }
}

async function act(scenario: Scenario, workspace: Workspace, at = ""): Promise<Daemon> {
  const env = { STATE_SYNCD_CRASH_TRACE: traceFile(workspace), STATE_SYNCD_CRASH_AT: at };
  return await scenario.act(workspace, env);
}

async function passedIn(workspace: Workspace): Promise<string[]> {
  const text = await readFile(traceFile(workspace), "utf8");
  return text.split("\n").filter((line) => line !== "");
}

/** A plain start of the program that users have, until everything is well, and a stop. */
async function restart(scenario: Scenario, workspace: Workspace): Promise<void> {
  await scenario.beforeRestart?.(workspace);
  const daemon = await workspace.startDaemon();
  // A daemon writes as it proves itself: such a temporary goes by itself, one of the dead does not.
  await eventually("the start to have swept", () => temporariesIn(treeOf(workspace)).length === 0);
  await scenario.afterRestart?.(workspace);
  await workspace.healthy();
  expect(await daemon.stop()).toBe(0);
}

/** What kills are measured against has to be right itself. */
async function expectAsPromised(scenario: Scenario, old: Buffer, workspace: Workspace): Promise<void> {
  const cache = await workspace.cacheBytes("reader");
  const { parts, debris } = parse(cache, { registered: ["writer", "reader"] });
  const wrong = parts.filter((part) => part.kind !== "section" && part.kind !== "foreign");
  expect({ wrong, debris }, scenario.what).toEqual({ wrong: [], debris: [] });
  const notes = (text: Buffer): number => text.toString().split(NOTE).length - 1;
  expect(notes(cache), scenario.what).toBe(notes(old));
  const copies = await copiesOf("reader", workspace.paths.copiesDirectory);
  const texts = await Promise.all(copies.map((copy) => readFile(copy.path)));
  const kept = copies.filter((copy, index) => copy.reason === scenario.copy && texts[index]?.equals(old));
  expect(kept, scenario.what).toHaveLength(scenario.copy === undefined ? 0 : 1);
}

/** Each file is as it was, byte for byte, or as the undisturbed change leaves it; none is there that neither has. */
function expectOldOrNew(now: Tree, before: Tree, reference: Reference, workspace: Workspace): void {
  for (const name of new Set([...before.keys(), ...Object.keys(reference.done), ...now.keys()])) {
    const bytes = now.get(name);
    const old = before.get(name);
    if (bytes === undefined ? old === undefined : old?.equals(bytes) === true) continue;
    const text = bytes === undefined ? undefined : maskedText(bytes, workspace);
    expect(text, `${name}: neither old nor new`).toBe(reference.done[name]);
  }
}

async function killedAt(scenario: Scenario, point: CrashPoint, times: number): Promise<void> {
  const reference = await referenceOf(scenario);
  await inWorkspace(scenario, async (workspace) => {
    const before = treeOf(workspace);
    const victim = await act(scenario, workspace, `${point}#${times}`);
    const passes = (await passedIn(workspace)).filter((name) => name === point).length;
    // How often a daemon writes to prove itself before it ends is not the same each time.
    if (victim.code === 0 && passes < times) return;
    expect(victim.code, `ended by itself: ${victim.stderr}`).toBe(null);
    expect((await passedIn(workspace)).at(-1), "a step was made after the death").toBe(point);
    expect(await isLocked(workspace.paths)).toBe(false);
    expectOldOrNew(withoutTemporaries(treeOf(workspace)), before, reference, workspace);

    await restart(scenario, workspace);
    expect(masked(treeOf(workspace), workspace)).toEqual(reference.restarted);
  });
}

/**
 * The scenarios in which to die at a point. In the soak that is every one that passes it; else
 * those that write each kind of file once, or where none of them passes it, the first that does.
 */
async function scenariosPassing(point: CrashPoint): Promise<Scenario[]> {
  const passing: Scenario[] = [];
  for (const scenario of [...typical, ...others]) {
    if (!soak && others.includes(scenario) && passing.length > 0) break;
    if ((await referenceOf(scenario)).passed.includes(point)) passing.push(scenario);
  }
  return passing;
}

describe("killed at any boundary of a write, every file is the old or the new one, and a restart completes all", () => {
  it.concurrent.each(CRASH_POINTS)("%s", { timeout: 300_000 }, async (point) => {
    const passing = await scenariosPassing(point);
    expect(passing, "no scenario passes this point").not.toEqual([]);
    for (const scenario of passing) {
      const { passed } = await referenceOf(scenario);
      const passes = passed.filter((name) => name === point).length;
      for (let times = 1; times <= passes; times += 1) {
        await killedAt(scenario, point, times).catch((error: unknown) => {
          throw new Error(`${scenario.what}, pass ${times}: ${String(error)}`, { cause: error });
        });
      }
    }
  });
});

describe("commands alone, without a daemon", () => {
  it.concurrent.each(["replace.torn", "replace.renaming", "copy.kept", "lock.emptied"] as const)(
    "one killed at %s is made good by the next: its work, and what it left",
    async (point) => {
      await inWorkspace(adoption, async (workspace) => {
        const env = { STATE_SYNCD_CRASH_AT: `${point}#1` };
        const victim = await runCrashing(workspace, env, ["sync", "--all"]);
        expect(victim.code).toBe(null);
        const { code, stderr } = await workspace.run(["sync", "--all"]);
        expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
        const { restarted } = await referenceOf(adoption);
        expect(masked(treeOf(workspace), workspace)).toEqual(restarted);
      });
    },
  );
});
