import { appendFile, open, readFile, rename, writeFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { seeded } from "../support/random.ts";
import { Workspace } from "../support/workspace.ts";

let workspace: Workspace;
afterEach(() => workspace.dispose());

const REPOS = 20;
const SAVES = 50;
const EDITS = 10;
const SPREAD_MS = 5_000;

const SAVE_STYLES = [
  (file: string, text: string) => writeFile(file, text),
  async (file: string, text: string) => {
    await writeFile(`${file}.new`, text);
    await rename(`${file}.new`, file);
  },
  async (file: string, text: string) => {
    const handle = await open(file, "w");
    for (let at = 0; at < text.length; at += 1_000) await handle.write(text.slice(at, at + 1_000));
    await handle.close();
  },
];

/** How people and tools put a line into a file. */
const EDIT_STYLES = [
  (file: string, note: string) => appendFile(file, note),
  async (file: string, note: string) => writeFile(file, (await readFile(file, "utf8")) + note),
  async (file: string, note: string) => {
    await writeFile(`${file}.edit`, (await readFile(file, "utf8")) + note);
    await rename(`${file}.edit`, file);
  },
];

describe("a storm of saves", () => {
  it("loses nothing while commands run and people edit caches: every edge fresh, every edit kept, no litter", async () => {
    const seed = Date.now() % 1_000_000;
    const random = seeded(seed);
    const names = Array.from({ length: REPOS }, (_, index) => `repo-${index}`);
    const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
    workspace = await Workspace.create({ repos: Object.fromEntries(names.map((name) => [name, {}])) });
    for (const name of names) await workspace.save(name, `# ${name}\n`);
    await workspace.startDaemon();

    const moments: { readonly at: number; readonly act: () => Promise<unknown> }[] = [];
    const last = new Map<string, string>();
    const notes: { readonly cache: string; readonly note: string }[] = [];
    for (const name of names) {
      const file = workspace.stateFile(name);
      const times = Array.from({ length: SAVES }, () => random() * SPREAD_MS).sort((a, b) => a - b);
      for (const [index, at] of times.entries()) {
        const text = `# ${name}\n\nsave ${index}\n${"filling ".repeat(Math.floor(random() * 400))}\n`;
        const save = pick(SAVE_STYLES);
        moments.push({ at, act: () => save(file, text) });
        last.set(name, text);
      }
    }
    for (let index = 0; index < EDITS; index += 1) {
      const cache = pick(names);
      const note = `\nnote ${index} by hand, seed ${seed}\n`;
      const edit = EDIT_STYLES[index % EDIT_STYLES.length] ?? pick(EDIT_STYLES);
      notes.push({ cache, note });
      moments.push({ at: random() * SPREAD_MS, act: () => edit(workspace.cacheFile(cache), note) });
    }
    const commands: Promise<{ code: number | null; stderr: string }>[] = [];
    for (let index = 0; index < 8; index += 1) {
      const args = pick([["sync", pick(names)], ["pull", pick(names)], ["sync", "--all"], ["status"]]);
      const act = async (): Promise<void> => void commands.push(workspace.run(args));
      moments.push({ at: random() * SPREAD_MS, act });
    }

    // One after the other: what a repo saves last is what must arrive.
    const began = Date.now();
    moments.sort((a, b) => a.at - b.at);
    for (const { at, act } of moments) {
      await delay(Math.max(0, at - (Date.now() - began)));
      await act();
    }
    for (const { code, stderr } of await Promise.all(commands)) {
      // `status` may truly find edges stale in the middle of it.
      expect([0, 1], `seed ${seed}: ${stderr}`).toContain(code);
    }

    await workspace.healthy();
    for (const to of names) {
      for (const from of names) {
        if (from !== to)
          expect(await workspace.received(to, from), `seed ${seed}: ${from} at ${to}`).toBe(last.get(from));
      }
    }
    for (const { cache, note } of notes)
      expect(await workspace.cache(cache), `seed ${seed}: ${cache}`).toContain(note.trim());
    expect(await workspace.litter(), `seed ${seed}`).toEqual([]);
  });
});
