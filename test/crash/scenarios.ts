import { appendFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { CopyReason } from "../../src/store/copies.ts";
import { originalWrite } from "../core/original-utility.ts";
import { eventually } from "../support/eventually.ts";
import { type Daemon, Workspace } from "../support/workspace.ts";
import { spawnVictim } from "./victim.ts";

/** The program that can be told to die, see `src/store/crash-point.ts`. */
const CRASHING_SCRIPT = resolve(process.env["STATE_SYNCD_CRASHING_BUNDLE"] ?? "", "state-syncd.cjs");

/** One change that the program makes to files, to be killed in the middle of it. */
export interface Scenario {
  readonly what: string;
  /** Belongs to those which between them write each kind of file. */
  readonly typical?: true;
  /** Makes everything as it is before the change. */
  readonly prepare: (workspace: Workspace) => Promise<void>;
  /** Has the program make the change and end. It may die at any moment of it. */
  readonly act: (workspace: Workspace, env: NodeJS.ProcessEnv) => Promise<Daemon>;
  /** What somebody does before the next start; there where a start needs it. */
  readonly beforeRestart?: (workspace: Workspace) => Promise<void>;
  /** What somebody does once the daemon runs again: the same once more, as the first time was cut short. */
  readonly afterRestart?: (workspace: Workspace) => Promise<void>;
  /** The copy of `reader`'s old cache that has to be there in the end. */
  readonly copy?: CopyReason;
}

/** What somebody wrote by hand into `reader`'s cache. */
export const NOTE = "A note by hand: ask Sam about the index.";

const OLD_STATE = "# Writer\n\n## Next\n\n- the old plan, step one\n\n## Done\n\n- nothing yet\n";
export const NEW_STATE = `# Writer\n\n## Next\n\n- the new plan\n\n${"- one of its steps\n".repeat(80)}`;

/** One repo that writes and one that reads, so that only one cache has turns and they have an order. */
export async function newWorkspace(): Promise<Workspace> {
  const workspace = await Workspace.create({
    repos: { writer: { subscribe: false }, reader: { publish: false } },
    debounce: { wait: "20ms", maxWait: "100ms" },
  });
  await workspace.save("writer", OLD_STATE);
  await workspace.save("reader", "# Reader\n");
  return workspace;
}

export const adoption: Scenario = {
  what: "the adoption of a cache of the original utility",
  typical: true,
  prepare: async (workspace) => {
    const first = originalWrite(undefined, "writer", OLD_STATE, "2026-11-01T10:00:00.000000");
    const second = originalWrite(first, "writer", "# Writer\n\nshort\n", "2026-11-02T10:00:00.000000");
    await mkdir(join(workspace.repo("reader"), ".aibrain"));
    await writeFile(workspace.cacheFile("reader"), `${NOTE}\n\n${second.toString()}`);
    await workspace.save("writer", NEW_STATE);
  },
  act: startAndStop,
  copy: "adopted",
};

export const scenarios: readonly Scenario[] = [
  {
    what: "a new cache",
    prepare: (workspace) => workspace.save("writer", NEW_STATE),
    act: startAndStop,
  },
  {
    what: "a replaced section",
    prepare: async (workspace) => {
      await synced(workspace);
      await workspace.save("writer", NEW_STATE);
    },
    act: (workspace, env) => runCrashing(workspace, env, ["sync", "writer"]),
  },
  {
    what: "a save under a running daemon",
    prepare: synced,
    act: async (workspace, env) => {
      const daemon = spawnCrashing(workspace, env, ["run"]);
      await readyOrDead(workspace, daemon);
      await workspace.save("writer", NEW_STATE);
      await eventually(
        "the save to arrive, or the daemon to die",
        async () => daemon.ended || (await workspace.received("reader", "writer")) === NEW_STATE,
      );
      return await stopped(daemon);
    },
  },
  adoption,
  {
    what: "a damaged section, with the oldest of ten copies to make room",
    prepare: async (workspace) => {
      await synced(workspace);
      const cache = await workspace.cache("reader");
      await writeFile(workspace.cacheFile("reader"), cache.replace("the old plan", "another plan"));
      const copies = join(workspace.paths.copiesDirectory, "reader");
      await mkdir(copies, { recursive: true, mode: 0o700 });
      for (let index = 0; index < 10; index += 1) {
        await writeFile(join(copies, `20260101T00000000${index}Z-damaged-0000000${index}.md`), `${index}`);
      }
    },
    act: startAndStop,
    copy: "damaged",
  },
  {
    what: "the purge of a repo that has left",
    prepare: async (workspace) => {
      await mkdir(workspace.repo("leaver"));
      await writeFile(join(workspace.repo("leaver"), "STATE.md"), "# Leaver\n");
      const repos = { writer: { subscribe: false }, reader: { publish: false } };
      await workspace.configure({ repos: { ...repos, leaver: { subscribe: false } } });
      await synced(workspace);
      await workspace.configure({ repos });
    },
    act: startAndStop,
  },
  {
    what: "a pause",
    typical: true,
    prepare: synced,
    act: async (workspace, env) => {
      const daemon = spawnCrashing(workspace, env, ["run"]);
      await readyOrDead(workspace, daemon);
      if (!daemon.ended) await workspace.run(["pause", "reader"]);
      return await stopped(daemon);
    },
    // In force or not, it can be ended, and a new one made.
    afterRestart: async (workspace) => {
      await workspace.run(["pause", "reader"]);
      await workspace.run(["resume"]);
    },
  },
  {
    what: "an edit of the config",
    typical: true,
    prepare: async (workspace) => {
      await synced(workspace);
      await joiner(workspace);
    },
    act: (workspace, env) => runCrashing(workspace, env, ["repos", "add", workspace.repo("joiner")]),
    afterRestart: async (workspace) => {
      await workspace.run(["repos", "add", workspace.repo("joiner")]);
    },
  },
  {
    what: "the first config",
    prepare: async (workspace) => {
      await rm(dirname(workspace.paths.config), { recursive: true });
    },
    act: (workspace, env) => runCrashing(workspace, env, firstConfig(workspace)),
    beforeRestart: async (workspace) => {
      await workspace.run(firstConfig(workspace));
    },
  },
];

function firstConfig(workspace: Workspace): string[] {
  return ["init", "--yes", "--scan", join(workspace.root, "repos")];
}

async function joiner(workspace: Workspace): Promise<void> {
  await mkdir(workspace.repo("joiner"));
  await writeFile(join(workspace.repo("joiner"), "STATE.md"), "# Joiner\n");
}

/** Everything as after a first sync, and a note in the reader's cache. */
async function synced(workspace: Workspace): Promise<void> {
  const { code, stderr } = await workspace.run(["sync", "--all"]);
  if (code !== 0) throw new Error(stderr);
  await appendFile(workspace.cacheFile("reader"), `\n${NOTE}\n`);
}

/** For changes that a start finds. */
async function startAndStop(workspace: Workspace, env: NodeJS.ProcessEnv): Promise<Daemon> {
  const daemon = spawnCrashing(workspace, env, ["run"]);
  await readyOrDead(workspace, daemon);
  return await stopped(daemon);
}

/** Runs a command to its end, or to its death. */
export async function runCrashing(
  workspace: Workspace,
  env: NodeJS.ProcessEnv,
  args: readonly string[],
): Promise<Daemon> {
  const process = spawnCrashing(workspace, env, args);
  await process.end();
  return process;
}

function spawnCrashing(workspace: Workspace, env: NodeJS.ProcessEnv, args: readonly string[]): Daemon {
  return spawnVictim(workspace, CRASHING_SCRIPT, args, env);
}

async function readyOrDead(workspace: Workspace, daemon: Daemon): Promise<void> {
  await eventually("the daemon to be ready, or dead", async () => {
    if (daemon.ended) return true;
    const text = await readFile(workspace.paths.logFile, "utf8").catch(() => "");
    return text.includes('"event":"daemon.ready"');
  });
}

async function stopped(daemon: Daemon): Promise<Daemon> {
  if (!daemon.ended) daemon.send("SIGTERM");
  await daemon.end();
  return daemon;
}
