import { readFile } from "node:fs/promises";
import { systemCode } from "../errors.ts";
import { crashPoint } from "../store/crash-point.ts";
import { replaceFile } from "../store/replace.ts";
import { identityAt } from "../store/identity.ts";
import type { WritablePath } from "../store/write-scope.ts";

/** Stands for every repo. No repo can have this name. */
export const ALL = "*";

/** setTimeout takes no more; a longer pause is looked at again when this is over. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Which repos are paused, until when. Kept in a file, so that a restart does not end a pause. */
export class Pauses {
  readonly #file: WritablePath;
  readonly #onEnd: () => void;
  /** End of the pause in milliseconds since the epoch; undefined where only `resume` ends it. */
  #until = new Map<string, number | undefined>();
  #last: Promise<unknown> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;

  /** @param onEnd called when a pause has run out. */
  constructor(file: WritablePath, onEnd: () => void) {
    this.#file = file;
    this.#onEnd = onEnd;
  }

  async load(now: number): Promise<void> {
    this.#until = parsePauses(await readIfThere(this.#file));
    this.#dropEnded(now);
    this.#arm(now);
  }

  /** @param until milliseconds since the epoch. @throws the file system's error; nothing is paused then. */
  async pause(repo: string, until: number | undefined, now: number): Promise<void> {
    await this.#change(now, (pauses) => {
      pauses.set(repo, until);
      return true;
    });
  }

  /**
   * Ends one repo's pause, or with {@link ALL} every pause. @throws the file system's error.
   *
   * @returns false where there was none to end.
   */
  async resume(repo: string, now: number): Promise<boolean> {
    return await this.#change(now, (pauses) => {
      if (repo !== ALL) return pauses.delete(repo);
      const some = pauses.size > 0;
      pauses.clear();
      return some;
    });
  }

  isPaused(repo: string, now: number): boolean {
    return pauseOf(this.#until, repo, now) !== undefined;
  }

  /**
   * Ends what has run out by the clock. A timer alone would not do: it does not count the time that
   * a machine sleeps, and does not know when the clock is set.
   */
  check(now: number): void {
    const before = this.#until.size;
    this.#dropEnded(now);
    this.#arm(now);
    if (this.#until.size < before) this.#onEnd();
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  /**
   * One change after the other, and what is in force is what is in the file.
   *
   * @param change tells whether it changed something. @returns what it told.
   */
  async #change(now: number, change: (pauses: Map<string, number | undefined>) => boolean): Promise<boolean> {
    const save = async (): Promise<boolean> => {
      const next = new Map([...this.#until].filter(([, until]) => until === undefined || until > now));
      if (!change(next)) return false;
      const text = `${JSON.stringify(Object.fromEntries([...next].map(([repo, until]) => [repo, until ?? null])))}\n`;
      const written = await replaceFile(this.#file, [Buffer.from(text)], {
        basedOn: await identityAt(this.#file),
      });
      if (written === undefined) throw new Error(`${this.#file} changed while it was written`);
      crashPoint("pauses.saved");
      this.#until = next;
      this.#arm(now);
      return true;
    };
    const saved = this.#last.then(save, save);
    this.#last = saved;
    return await saved;
  }

  #dropEnded(now: number): void {
    for (const [repo, until] of this.#until)
      if (until !== undefined && until <= now) this.#until.delete(repo);
  }

  #arm(now: number): void {
    clearTimeout(this.#timer);
    const ends = [...this.#until.values()].filter((until) => until !== undefined);
    if (ends.length === 0) return;
    const delay = Math.min(LONGEST_TIMER_MS, Math.max(0, Math.min(...ends) - now));
    this.#timer = setTimeout(() => {
      this.check(Date.now());
    }, delay);
  }
}

/** Ends of pauses by repo, in milliseconds since the epoch; undefined where only `resume` ends one. */
type Ends = ReadonlyMap<string, number | undefined>;

/** Tells which repos are paused now, by the file alone: for who does not stay. */
export async function loadPauses(file: string): Promise<(repo: string) => boolean> {
  const pauses = await pausesIn(file);
  const now = Date.now();
  return (repo) => pauseOf(pauses, repo, now) !== undefined;
}

/** What the file says, those included that have run out. */
export async function pausesIn(file: string): Promise<Ends> {
  return parsePauses(await readIfThere(file));
}

/** A repo's pause that is in force: of its own and that of all repos the one that lasts longer. */
export function pauseOf(
  pauses: Ends,
  repo: string,
  now: number,
): { readonly until: number | undefined } | undefined {
  const ends = [repo, ALL].filter((name) => pauses.has(name)).map((name) => pauses.get(name));
  const lasting = ends.filter((until) => until === undefined || until > now);
  if (lasting.length === 0) return undefined;
  const last = Math.max(...lasting.map((until) => until ?? Infinity));
  return { until: last === Infinity ? undefined : last };
}

async function readIfThere(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return "{}";
  }
}

/** Our own file; one that was spoilt pauses nobody. */
function parsePauses(text: string): Map<string, number | undefined> {
  const pauses = new Map<string, number | undefined>();
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null) return pauses;
    for (const [repo, until] of Object.entries(value)) {
      if (until === null) pauses.set(repo, undefined);
      else if (typeof until === "number") pauses.set(repo, until);
    }
  } catch {
    return pauses;
  }
  return pauses;
}
