import { request } from "node:http";
import { performance } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import type { Beliefs } from "./beliefs.ts";
import { NAMES } from "./cast.ts";
import { complaintsAboutRun } from "./commands.ts";
import { complaintsAbout, complaintsAboutStatus, type Found, type FoundCache } from "./expectations.ts";
import { type Place, placesOf, type Scene } from "./scene.ts";
import type { World } from "./world.ts";

/** Rescans without a change after which a running daemon will not put right what is wrong. */
export interface Patience {
  readonly rescans: number;
}

/** Without a daemon nothing changes by itself. */
const DOWN_MS = 1_000;
/** A machine that is busy with other things is slow, not wrong. */
const LONGEST_MS = 180_000;
/** Two looks this far apart that find the same find a world at rest. */
const REST_MS = 60;

/** Waits until everything is as the contract says and stays so. @returns what is wrong and does not come right. */
export async function check(
  scene: Scene,
  beliefs: Beliefs,
  world: World,
  patience: Patience,
): Promise<string[]> {
  const fromCommands: string[] = [];
  for (const { command, ran } of world.commands.splice(0))
    fromCommands.push(...complaintsAboutRun(command, await ran));
  if (fromCommands.length > 0) return fromCommands;
  beliefs.commandsDone();
  if (scene.daemon !== "up") return await settle(scene, beliefs, world, undefined, patience);
  await world.ready();
  const rescans = new Rescans(world.paths.socket);
  try {
    return await settle(scene, beliefs, world, rescans, patience);
  } finally {
    rescans.close();
  }
}

async function settle(
  scene: Scene,
  beliefs: Beliefs,
  world: World,
  rescans: Rescans | undefined,
  patience: Patience,
): Promise<string[]> {
  const started = performance.now();
  let since = started;
  let rescansThen = 0;
  let last = "";
  for (;;) {
    // Where several things would do, only a whole rescan tells that the program is done: one that
    // began after the last step, so not the first that ends.
    while (rescans !== undefined && beliefs.isOpen && rescans.count < 2 && world.hasEnded === undefined)
      await delay(20);
    const found = await look(scene, world);
    const complaints = await allComplaints(scene, beliefs, world, found);
    if (complaints.length === 0) {
      complaints.push(...complaintsAboutStatus(scene, found, await world.status()));
      await delay(REST_MS);
      const later = await look(scene, world);
      if (complaints.length === 0 && sameCaches(found, later)) {
        beliefs.resolve(later.caches);
        world.remember(later.caches);
        return [];
      }
    }
    if (world.hasEnded !== undefined && scene.daemon === "up")
      return [`the daemon ended ${world.hasEnded}`, ...complaints];
    const now = performance.now();
    const state = complaints.join("\n");
    if (state !== last) {
      last = state;
      since = now;
      rescansThen = rescans?.count ?? 0;
    }
    const idle =
      rescans === undefined ? now - since > DOWN_MS : rescans.count - rescansThen >= patience.rescans;
    const isStuck = idle && !(await world.sawContest());
    if (complaints.length > 0 && (isStuck || now - started > LONGEST_MS)) return complaints;
    await delay(25);
  }
}

/** After a daemon was told to end and has ended, all that it had to do is done: one look tells. */
export async function checkFlushed(scene: Scene, beliefs: Beliefs, world: World): Promise<string[]> {
  // Which config it had in force is open right after an edit; a contested cache is left to the next start.
  if (scene.configs.length > 1 || beliefs.isCommanded || (await world.sawContest())) return [];
  const found = await look(scene, world);
  const complaints = await allComplaints(scene, beliefs, world, found);
  if (complaints.length === 0) beliefs.resolve(found.caches);
  return complaints.map((complaint) => `after SIGTERM: ${complaint}`);
}

async function look(scene: Scene, world: World): Promise<Found> {
  const caches = new Map<Place, FoundCache>();
  for (const { place } of placesOf(scene)) caches.set(place, await world.cache(place));
  const copies = new Map<string, string>();
  for (const name of NAMES) copies.set(name, await world.copies(name));
  return { caches, copies };
}

async function allComplaints(scene: Scene, beliefs: Beliefs, world: World, found: Found): Promise<string[]> {
  return [...complaintsAbout(scene, beliefs, found), ...(await world.complaintsAboutFiles())];
}

function sameCaches(a: Found, b: Found): boolean {
  return [...a.caches].every(([place, { bytes }]) => {
    const other = b.caches.get(place)?.bytes;
    return bytes === undefined ? other === undefined : other?.equals(bytes) === true;
  });
}

/** Counts the daemon's rescans, as it tells of them on its socket. */
class Rescans {
  count = 0;
  readonly #request;

  constructor(socketPath: string) {
    this.#request = request({ socketPath, path: "/events" }, (response) => {
      let rest = "";
      response.on("data", (chunk: Buffer) => {
        const lines = (rest + chunk.toString()).split("\n");
        rest = lines.pop() ?? "";
        this.count += lines.filter((line) => line.includes('"event":"rescan.done"')).length;
      });
      response.on("error", () => undefined);
    });
    // A daemon that dies is found out elsewhere.
    this.#request.on("error", () => undefined);
    this.#request.end();
  }

  close(): void {
    this.#request.destroy();
  }
}
