import { opendir } from "node:fs/promises";
import { basename, join, relative } from "node:path";
import type { Repo } from "../../core/registry.ts";
import { systemCode } from "../../errors.ts";
import { homeOf } from "../../paths.ts";
import { MENTION } from "./hooks.ts";
import { OLD_SCRIPT } from "./scripts.ts";
import { kindAt, smallText } from "../../store/small-text.ts";

/** A line that still speaks of the old utility. */
export interface Mention {
  readonly file: string;
  /** From 1. */
  readonly line: number;
}

export interface Leftovers {
  /** Files of the old utility that nothing of ours needs. */
  readonly removable: readonly string[];
  readonly mentions: readonly Mention[];
  /** Repos that are too large to be looked through. */
  readonly incomplete: readonly string[];
}

const REMOVABLE = [
  OLD_SCRIPT,
  join(".claude", "hooks", "checkpoint_reminder.sh"),
  join(".claude", "hooks", ".checkpoint_counter"),
];
/** What else than `.claude` speaks of scripts. */
const SPEAKING = /^(?:CLAUDE(?:\.local)?|AGENTS)\.md$|\.(?:sh|py)$/;
/** Others' code, and what is made. */
const CLOSED = new Set(["node_modules", "venv", "__pycache__", "site-packages", "dist", "build", "target"]);
/** Below the repo; of a repo's own tree. */
const MOST_DEPTH = 6;
const MOST_ENTRIES = 20_000;
const MOST_FILES = 2_000;
const MOST_MENTIONS = 200;

/**
 * What is left of the old utility, in the repos and for the user, at a bounded cost.
 *
 * @param changed texts that files are going to have, by their paths.
 */
export async function findLeftovers(
  repos: readonly Repo[],
  changed: ReadonlyMap<string, string> = new Map(),
): Promise<Leftovers> {
  const home = homeOf(process.env);
  const removable: string[] = [];
  const mentions: Mention[] = [];
  const incomplete: string[] = [];
  const seen = new Set<string>();
  for (const root of [...repos.map(({ path }) => path), home]) {
    const there = REMOVABLE.map((name) => join(root, name));
    for (const file of there) if ((await kindAt(file)) === "file" && !seen.has(file)) removable.push(file);
    const walk = new Walk();
    // Of the home only what is the agent's.
    if (root === home)
      await walk.into(join(home, ".claude"), {
        depth: 4,
        all: true,
        only: /^(?:hooks|commands|agents|skills)$/,
      });
    else await walk.into(root, { depth: MOST_DEPTH, all: false });
    if (!walk.complete) incomplete.push(root);
    for (const file of walk.files) {
      if (seen.has(file) || there.includes(file)) continue;
      seen.add(file);
      mentions.push(...mentionsIn(file, changed.get(file) ?? (await smallText(file)) ?? ""));
    }
    for (const file of there) seen.add(file);
  }
  return { removable, mentions: mentions.slice(0, MOST_MENTIONS), incomplete };
}

function mentionsIn(file: string, text: string): Mention[] {
  if (!MENTION.test(text)) return [];
  return text.split("\n").flatMap((content, at) => (MENTION.test(content) ? [{ file, line: at + 1 }] : []));
}

interface Into {
  readonly depth: number;
  /** Every file counts, and not only those that speak. */
  readonly all: boolean;
  /** The directories that are looked into, at the top. */
  readonly only?: RegExp;
}

class Walk {
  readonly files: string[] = [];
  complete = true;
  #entries = 0;

  async into(directory: string, { depth, all, only }: Into): Promise<void> {
    const below: string[] = [];
    try {
      for await (const entry of await opendir(directory)) {
        this.#entries += 1;
        if (this.#entries > MOST_ENTRIES || this.files.length >= MOST_FILES) {
          this.complete = false;
          break;
        }
        const path = join(directory, entry.name);
        if (entry.isFile() && (all || SPEAKING.test(entry.name))) this.files.push(path);
        if (entry.isDirectory() && isOpen(entry.name) && only?.test(entry.name) !== false) below.push(path);
      }
    } catch (error) {
      if (systemCode(error) === undefined) throw error;
    }
    if (depth === 0) return;
    for (const path of below.sort()) {
      if (!this.complete) return;
      const isHooks = relative(directory, path) === ".git";
      if (isHooks) await this.into(join(path, "hooks"), { depth: 0, all: true });
      else await this.into(path, { depth: depth - 1, all: all || basename(path) === ".claude" });
    }
  }
}

/** Of what is hidden only the agents' and git's. */
function isOpen(name: string): boolean {
  return name.startsWith(".") ? /^\.(?:claude|git|github)$/.test(name) : !CLOSED.has(name);
}
