import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { cacheIn } from "./files.ts";
import { readCache } from "./reading.ts";
import { type Place, placesOf, type Scene } from "./scene.ts";
import type { World } from "./world.ts";

/** Reads every cache over and over during a run: whoever opens one, at any moment, finds it whole. */
export class Monitor {
  readonly complaints: string[] = [];
  /** Caches that somebody has cut or is rewriting by hand, until they are found in order. */
  readonly exempt = new Set<Place>();
  readonly #scene: Scene;
  readonly #world: World;
  readonly #seen = new Map<string, string>();
  readonly #done: Promise<void>;
  #stopped = false;
  /** Readings of files that had changed. */
  readings = 0;

  constructor(scene: Scene, world: World) {
    this.#scene = scene;
    this.#world = world;
    this.#done = this.#watch();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#done;
  }

  async #watch(): Promise<void> {
    while (!this.#stopped) {
      for (const { place } of placesOf(this.#scene)) await this.#look(place);
      await delay(8);
    }
  }

  async #look(place: Place): Promise<void> {
    const file = cacheIn(this.#world.directory(place), undefined);
    if (place.fault !== undefined || this.exempt.has(place)) return;
    try {
      // Somebody may be putting a FIFO there at this moment.
      const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
      try {
        const stats = await handle.stat({ bigint: true });
        if (!stats.isFile()) return;
        const { ino, mtimeNs, size } = stats;
        const stamp = `${ino}:${mtimeNs}:${size}`;
        if (this.#seen.get(file) === stamp) return;
        this.#seen.set(file, stamp);
        const { torn } = readCache(await handle.readFile());
        this.readings += 1;
        // Since it was opened somebody may have begun to rewrite it, or moved another directory there.
        const isStillMeant =
          !this.exempt.has(place) && cacheIn(this.#world.directory(place), undefined) === file;
        if (torn.size > 0 && isStillMeant) {
          this.complaints.push(
            `a reader found ${place.repo}'s cache with a damaged section of ${[...torn].join(", ")}`,
          );
        }
      } finally {
        await handle.close();
      }
    } catch {
      // There is none at this moment, or something stands in its place.
    }
  }
}
