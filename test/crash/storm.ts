import { readFileSync, writeFileSync } from "node:fs";
import { appendFile, readFile, rename, writeFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { systemCode } from "../../src/errors.ts";
import { seeded } from "../support/random.ts";
import type { Workspace } from "../support/workspace.ts";

/** The text of a repo's save of that number. Whoever holds a part of it can tell which save it is of. */
function textOf(repo: string, save: number): string {
  const line = `save ${String(save).padStart(8, "0")} of ${repo}\n`;
  // Up to some 60 KB, and never two saves of one length in a row.
  return `${line}\n## Next\n\n${line.repeat(20 + ((save * 7_919) % 2_000))}`;
}

const FIRST_LINE = /^save (\d{8}) of (\S+)\n/;

/**
 * What a program that saves does to the file, and whether a reader may meet the beginning of the
 * text alone. None leaves the file empty while it waits for something.
 */
const SAVE_STYLES = [
  { torn: true, save: async (file: string, text: string) => writeFileSync(file, text) },
  {
    torn: false,
    save: async (file: string, text: string) => {
      await writeFile(`${file}.new`, text);
      await rename(`${file}.new`, file);
    },
  },
  {
    torn: true,
    save: async (file: string, text: string) => {
      const part = Math.ceil(text.length / 4);
      writeFileSync(file, text.slice(0, part));
      for (let at = part; at < text.length; at += part) {
        await delay(1);
        await appendFile(file, text.slice(at, at + part));
      }
    },
  },
];

/** How people and tools put a line into a file. */
const EDIT_STYLES = [
  (file: string, note: string) => appendFile(file, note),
  // At once: who truncates a file and then thinks has lost it to any crash of his own.
  async (file: string, note: string) => {
    writeFileSync(file, readFileSync(file, "utf8") + note);
  },
  async (file: string, note: string) => {
    await writeFile(`${file}.edit`, (await readFile(file, "utf8")) + note);
    await rename(`${file}.edit`, file);
  },
];

/** A line that somebody wrote into a cache by hand. */
export interface Note {
  readonly cache: string;
  readonly text: string;
}

/** The notes that a cache, or a copy of one, holds. */
export function notesIn(bytes: Buffer | undefined): string[] {
  return bytes?.toString("utf8").match(/a note by hand, number \d+, for \w+/g) ?? [];
}

/**
 * Programs that save state files all the time, each repo's one save after the other, and a person
 * who writes notes into caches.
 */
export class Storm {
  readonly repos: readonly string[];
  /** Those that are in their file, as far as their writer knows. */
  readonly notes: Note[] = [];
  readonly #workspace: Workspace;
  /** One for each repo: the loops draw in no order. */
  readonly #random: ReadonlyMap<string, () => number>;
  /** How many saves each repo has begun, and the way of each. */
  readonly #styles = new Map<string, boolean[]>();
  #blowing = false;
  #loops: Promise<void>[] = [];
  #edits = 0;

  constructor(workspace: Workspace, repos: readonly string[], seed: number) {
    this.#workspace = workspace;
    this.repos = repos;
    this.#random = new Map(repos.map((repo, index) => [repo, seeded(seed + index)]));
    for (const repo of repos) this.#styles.set(repo, []);
  }

  /** Each repo saves once, and goes on saving. */
  async start(): Promise<void> {
    this.#blowing = true;
    for (const repo of this.repos) if (this.latest(repo) === undefined) await this.#save(repo);
    this.#loops = this.repos.map((repo) => this.#goOnSaving(repo));
  }

  /** Waits until every save that was begun is done, and begins none. */
  async calm(): Promise<void> {
    this.#blowing = false;
    await Promise.all(this.#loops);
  }

  /** What a repo saved last, as of its last complete save. */
  latest(repo: string): string | undefined {
    const saves = this.#styles.get(repo)?.length ?? 0;
    return saves === 0 ? undefined : textOf(repo, saves - 1);
  }

  /** What is wrong with a text that is said to be the repo's; undefined where its state file really held it at some moment. */
  wrongWith(repo: string, text: string): string | undefined {
    const [, digits, name] = FIRST_LINE.exec(text) ?? [];
    const torn = this.#styles.get(repo)?.[Number(digits)];
    if (name !== repo || torn === undefined) return `not a save of ${repo}: ${text.slice(0, 80)}`;
    const whole = textOf(repo, Number(digits));
    if (text === whole || (torn && whole.startsWith(text))) return undefined;
    let same = 0;
    while (same < text.length && text[same] === whole[same]) same += 1;
    const place = `the first ${same} of ${text.length} characters are of save ${digits}, which has ${whole.length}`;
    return `${place} (${torn ? "in place" : "renamed"}): ${text.slice(same, same + 80)}`;
  }

  /** Somebody writes a note into a cache, where there is one. */
  async edit(cache: string): Promise<void> {
    const text = `a note by hand, number ${this.#edits}, for ${cache}`;
    const style = EDIT_STYLES[this.#edits % EDIT_STYLES.length] ?? EDIT_STYLES[0];
    this.#edits += 1;
    try {
      await style?.(this.#workspace.cacheFile(cache), `\n${text}\n`);
      this.notes.push({ cache, text });
    } catch (error) {
      if (systemCode(error) !== "ENOENT") throw error;
    }
  }

  async #goOnSaving(repo: string): Promise<void> {
    while (this.#blowing) {
      await this.#save(repo);
      await delay(this.#draw(repo) * 60);
    }
  }

  #draw(repo: string): number {
    return this.#random.get(repo)?.() ?? 0;
  }

  async #save(repo: string): Promise<void> {
    const styles = this.#styles.get(repo) ?? [];
    const style = SAVE_STYLES[Math.floor(this.#draw(repo) * SAVE_STYLES.length)];
    if (style === undefined) return;
    // Known before it is written: the daemon may be faster than our return from here.
    styles.push(style.torn);
    await style.save(this.#workspace.stateFile(repo), textOf(repo, styles.length - 1));
  }
}
