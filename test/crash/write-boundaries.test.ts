import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { parse } from "../../src/core/cache/parse.ts";
import { RESERVED_PREFIX } from "../../src/core/registry.ts";
import { copiesOf } from "../../src/store/copies.ts";
import { CRASH_POINTS, type CrashPoint } from "../../src/store/crash-point.ts";
import { isLocked } from "../../src/store/lock.ts";
import { litterUnder } from "../support/temp-dir.ts";
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
import { endVictims } from "./victim.ts";

const soak = process.env["SOAK"] !== undefined;
const typical = scenarios.filter((scenario) => scenario.typical);
const others = scenarios.filter((scenario) => !scenario.typical);

/** What a scenario does when nobody is killed. */
interface Reference {
  /** The points that it passes, in order, each with whose turn it is. The daemon's own repos are left out. */
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
    await endVictims(workspace);
    await workspace.dispose();
  }
}

async function act(scenario: Scenario, workspace: Workspace, at = ""): Promise<Daemon> {
  const env = { STATE_SYNCD_CRASH_TRACE: traceFile(workspace), STATE_SYNCD_CRASH_AT: at };
  return await scenario.act(workspace, env);
}

async function passedIn(workspace: Workspace): Promise<string[]> {
  const text = await readFile(traceFile(workspace), "utf8");
  return text.split("\n").filter((line) => line !== "" && !line.includes(RESERVED_PREFIX));
}

/** A plain start of the program that users have, until everything is well, and a stop. */
async function restart(scenario: Scenario, workspace: Workspace): Promise<void> {
  await scenario.beforeRestart?.(workspace);
  const daemon = await workspace.startDaemon();
  expect(temporariesIn(treeOf(workspace)), "what the start has not swept").toEqual([]);
  await scenario.afterRestart?.(workspace);
  await workspace.healthy();
  expect(await daemon.stop()).toBe(0);
  expect(await litterUnder(workspace.root)).toEqual([]);
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

/** @param place a point, and whose turn it is. */
async function killedAt(scenario: Scenario, place: string, times: number): Promise<void> {
  const reference = await referenceOf(scenario);
  await inWorkspace(scenario, async (workspace) => {
    const before = treeOf(workspace);
    const victim = await act(scenario, workspace, `${place} #${times}`);
    // On a busy machine the guard may have been late in the undisturbed run, which has a turn made again.
    const passes = (await passedIn(workspace)).filter((each) => each === place).length;
    if (times > 1 && passes < times) return;
    expect(victim.code, `ended by itself: ${victim.stderr}`).toBe(null);
    expect((await passedIn(workspace)).at(-1), "a step was made after the death").toBe(place);
    expect(await isLocked(workspace.paths)).toBe(false);
    expectOldOrNew(withoutTemporaries(treeOf(workspace)), before, reference, workspace);

    await restart(scenario, workspace);
    expect(masked(treeOf(workspace), workspace)).toEqual(reference.restarted);
  });
}

/** Where a scenario passes a point, and how often. */
async function placesOf(point: CrashPoint, scenario: Scenario): Promise<Map<string, number>> {
  const places = new Map<string, number>();
  for (const place of (await referenceOf(scenario)).passed)
    if (place.split(" ")[0] === point) places.set(place, (places.get(place) ?? 0) + 1);
  return places;
}

/**
 * The scenarios in which to die at a point. In the soak that is every one that passes it; else
 * those that write each kind of file once, or where none of them passes it, the first that does.
 */
async function scenariosPassing(point: CrashPoint): Promise<Scenario[]> {
  const passing: Scenario[] = [];
  for (const scenario of [...typical, ...others]) {
    if (!soak && others.includes(scenario) && passing.length > 0) break;
    if ((await placesOf(point, scenario)).size > 0) passing.push(scenario);
  }
  return passing;
}

describe("killed at any boundary of a write, every file is the old or the new one, and a restart completes all", () => {
  it.concurrent.each(CRASH_POINTS)("%s", { timeout: 300_000 }, async (point) => {
    const passing = await scenariosPassing(point);
    expect(passing, "no scenario passes this point").not.toEqual([]);
    for (const scenario of passing) {
      for (const [place, passes] of await placesOf(point, scenario)) {
        for (let times = 1; times <= passes; times += 1) {
          await killedAt(scenario, place, times).catch((error: unknown) => {
            throw new Error(`${scenario.what}, ${place} #${times}: ${String(error)}`, { cause: error });
          });
        }
      }
    }
  });
});

describe("commands alone, without a daemon", () => {
  it.concurrent.each(["replace.torn reader", "replace.renaming reader", "copy.kept reader", "lock.emptied"])(
    "one killed at %s is made good by the next: its work, and what it left",
    async (place) => {
      await inWorkspace(adoption, async (workspace) => {
        const env = { STATE_SYNCD_CRASH_AT: `${place} #1` };
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
