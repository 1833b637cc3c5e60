import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, readdir, realpath, rm, symlink } from "node:fs/promises";
import { join, resolve } from "node:path";
import { build } from "esbuild";
import { afterEach, beforeEach } from "vitest";
import type { Paths } from "../../src/paths.ts";
import { locate } from "../../src/paths.ts";
import type { Repo } from "../../src/core/registry.ts";

/** A directory of a test's own, made before it and removed with everything in it after it. */
export class TempDirectory {
  #path = "";

  get path(): string {
    return this.#path;
  }

  /** A path in it. */
  at(...names: readonly string[]): string {
    return join(this.#path, ...names);
  }

  /** A directory in it, made with its parents. */
  async make(...names: readonly string[]): Promise<string> {
    await mkdir(this.at(...names), { recursive: true });
    return this.at(...names);
  }

  async begin(): Promise<void> {
    this.#path = await realpath(await mkdtemp("/tmp/ss-"));
  }

  async end(): Promise<void> {
    await rm(this.#path, { recursive: true, force: true });
  }
}

/** Gives each test of a file a directory of its own. */
export function useTempDirectory(): TempDirectory {
  const directory = new TempDirectory();
  beforeEach(() => directory.begin());
  afterEach(() => directory.end());
  return directory;
}

/** A registered repo in a directory. */
export function repoIn(directory: string, name: string, options: Partial<Repo> = {}): Repo {
  const path = join(directory, name);
  return {
    name,
    path,
    writtenPath: path,
    role: "execution",
    stateFile: "STATE.md",
    groups: ["default"],
    publish: true,
    subscribe: true,
    onSecret: "redact",
    fence: false,
    ...options,
  };
}

/** The program's own paths, in a directory. */
export function pathsIn(directory: string): Paths {
  return locate(undefined, {
    HOME: join(directory, "home"),
    XDG_STATE_HOME: join(directory, "own-state"),
    XDG_RUNTIME_DIR: join(directory, "own-run"),
  });
}

/** Temporaries of ours that lie anywhere under a directory. */
export async function litterUnder(directory: string): Promise<string[]> {
  const names = await readdir(directory, { recursive: true });
  return names.filter((name) => name.endsWith(".state-syncd-tmp"));
}

/** The text of every file under a directory, in one piece. */
export function textsUnder(directory: string): string {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return files.map((entry) => readFileSync(join(entry.parentPath, entry.name), "latin1")).join("\n");
}

/** @throws Error where a temporary of ours was left. */
export async function noLitterUnder(directory: string): Promise<void> {
  const litter = await litterUnder(directory);
  if (litter.length > 0) throw new Error(`left behind: ${litter.join(", ")}`);
}

/** A TypeScript program, whose imports are relative to the root of the project, as one script that node runs. */
export async function bundleProgram(directory: string, name: string, source: string): Promise<string> {
  const outfile = join(directory, `${name}.mjs`);
  await build({
    stdin: { contents: source, resolveDir: resolve("."), loader: "ts", sourcefile: `${name}.ts` },
    outfile,
    bundle: true,
    format: "esm",
    platform: "node",
    external: ["fs-native-extensions"],
    // As in the bundle: packages in the older module format call require.
    banner: {
      js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
    },
    define: {
      __GUARD_THREAD__: JSON.stringify(
        resolve(process.env["STATE_SYNCD_TEST_BUNDLE"] ?? "dist", "guard-thread.js"),
      ),
    },
    logLevel: "error",
  });
  await symlink(resolve("node_modules"), join(directory, "node_modules")).catch(() => undefined);
  return outfile;
}

const programs = new Set<ChildProcess>();

/** A process of a test. What it prints is kept, by line. */
export class Program {
  readonly lines: string[] = [];
  stderr = "";
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;

  constructor(command: string, args: readonly string[]) {
    const child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"] });
    this.#child = child;
    this.#closed = once(child, "close");
    programs.add(child);
    let rest = "";
    child.stdout.on("data", (chunk: Buffer) => {
      const parts = `${rest}${chunk.toString()}`.split("\n");
      rest = parts.pop() ?? "";
      this.lines.push(...parts);
    });
    child.stderr.on("data", (chunk: Buffer) => (this.stderr += chunk.toString()));
    // A program that was killed reads no more.
    child.stdin.on("error", () => undefined);
    void this.#closed.then(() => programs.delete(child));
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  /** Writes to its stdin. */
  write(text: string): void {
    this.#child.stdin?.write(text);
  }

  /** Closes its stdin, which asks a program that waits for it to end. */
  finish(): void {
    this.#child.stdin?.end();
  }

  /** Waits for the end, and gives the exit code. */
  async end(): Promise<number | null> {
    await this.#closed;
    return this.#child.exitCode;
  }

  /** SIGKILL. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#closed;
  }
}

/** Ends whatever programs a test left. */
export async function endPrograms(): Promise<void> {
  await Promise.all(
    [...programs].map(async (child) => {
      const closed = once(child, "close");
      child.kill("SIGKILL");
      await closed;
    }),
  );
}
