import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { locate, type Paths } from "../../src/paths.ts";
import { ask } from "../../src/control/client.ts";
import type { Section } from "../../src/core/cache/document.ts";
import { parse } from "../../src/core/cache/parse.ts";
import type { StatusReport } from "../../src/status/report.ts";
import { eventually } from "./eventually.ts";

/** The program under test, as it is installed. */
export const SCRIPT = resolve(process.env["STATE_SYNCD_TEST_BUNDLE"] ?? "dist", "state-syncd.cjs");

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What a repo's entry in the config may hold beside its path. */
export interface RepoOptions {
  readonly role?: "execution" | "passive";
  readonly stateFile?: string;
  readonly groups?: readonly string[];
  readonly publish?: boolean;
  readonly subscribe?: boolean;
  readonly onSecret?: "redact" | "block";
  readonly fence?: boolean;
}

export interface WorkspaceOptions {
  readonly repos: Readonly<Record<string, RepoOptions>>;
  readonly debounce?: { readonly wait: string; readonly maxWait: string };
  readonly rescan?: string;
  readonly guard?: {
    readonly patterns?: Readonly<Record<string, string>>;
    readonly allow?: readonly string[];
  };
}

/** How a daemon is started. */
export interface DaemonOptions {
  readonly args?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** A program that becomes the one it is given, with its arguments. */
  readonly under?: readonly string[];
}

/**
 * Real directories under /tmp, a config, and the bundled program as real processes in an
 * environment of its own. Everything that it started it ends, and what it made it removes.
 */
export class Workspace {
  readonly root: string;
  readonly env: NodeJS.ProcessEnv;
  readonly paths: Paths;
  readonly #daemons = new Set<Daemon>();
  #options: WorkspaceOptions;

  private constructor(root: string, options: WorkspaceOptions) {
    this.root = root;
    this.#options = options;
    this.env = {
      ...process.env,
      HOME: join(root, "home"),
      XDG_CONFIG_HOME: join(root, "config"),
      XDG_STATE_HOME: join(root, "state"),
      XDG_RUNTIME_DIR: join(root, "run"),
      STATE_SYNCD_CONFIG: "",
      NO_COLOR: "1",
    };
    this.paths = locate(undefined, this.env);
  }

  /** Makes the repos' directories, without state files, and the config. */
  static async create(options: WorkspaceOptions): Promise<Workspace> {
    const workspace = new Workspace(await mkdtemp("/tmp/ss-"), options);
    for (const name of Object.keys(options.repos)) {
      await mkdir(workspace.repo(name), { recursive: true });
      await writeFile(join(workspace.repo(name), "README.md"), `${name}\n`);
    }
    await mkdir(join(workspace.root, "run"), { mode: 0o700 });
    await workspace.configure(options);
    return workspace;
  }

  /** Writes the config anew. Repos that it names are not made. */
  async configure(options: Partial<WorkspaceOptions>): Promise<void> {
    this.#options = { ...this.#options, ...options };
    const { repos, debounce, rescan, guard } = this.#options;
    const entries = Object.entries(repos).map(([name, entry]) => [name, { path: this.repo(name), ...entry }]);
    const config = { version: 1, repos: Object.fromEntries(entries), debounce, rescan, guard };
    await mkdir(dirname(this.paths.config), { recursive: true });
    // JSON is YAML.
    await writeFile(this.paths.config, JSON.stringify(config, undefined, 2));
  }

  repo(name: string): string {
    return join(this.root, "repos", name);
  }

  stateFile(name: string): string {
    return join(this.repo(name), this.#options.repos[name]?.stateFile ?? "STATE.md");
  }

  cacheFile(name: string): string {
    return join(this.repo(name), ".aibrain", "global-state-cache.md");
  }

  async save(name: string, text: string | Buffer): Promise<void> {
    await writeFile(this.stateFile(name), text);
  }

  /** A cache's text; empty where there is none. */
  async cache(name: string): Promise<string> {
    return (await this.cacheBytes(name)).toString("utf8");
  }

  async cacheBytes(name: string): Promise<Buffer> {
    try {
      return await readFile(this.cacheFile(name));
    } catch {
      return Buffer.alloc(0);
    }
  }

  /** The certified sections of a cache, in order. */
  async sections(name: string): Promise<Section[]> {
    const { parts } = parse(await this.cacheBytes(name), { registered: Object.keys(this.#options.repos) });
    return parts.flatMap((part) => (part.kind === "section" ? [part.section] : []));
  }

  /** The body that `to`'s cache holds of `from`, once and certified. */
  async received(to: string, from: string): Promise<string | undefined> {
    const found = (await this.sections(to)).filter((section) => section.repo === from);
    if (found.length > 1) throw new Error(`${to} holds ${found.length} sections of ${from}`);
    return found[0]?.body.toString("utf8");
  }

  /** Waits until all of `to` hold exactly that text of `from`. */
  async arrives(from: string, to: readonly string[], text: string, withinMs?: number): Promise<void> {
    for (const name of to) {
      await eventually(
        `${name} to hold ${from}'s ${JSON.stringify(text.slice(0, 60))}`,
        async () => (await this.received(name, from)) === text,
        withinMs,
      );
    }
  }

  /** Runs a command to its end. */
  async run(
    args: readonly string[],
    options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
  ): Promise<Ran> {
    const child = spawn(process.execPath, [SCRIPT, ...args], {
      cwd: options.cwd ?? this.root,
      env: { ...this.env, ...options.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const output = { stdout: "", stderr: "" };
    child.stdout.on("data", (chunk: Buffer) => (output.stdout += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (output.stderr += chunk.toString()));
    await once(child, "close");
    return { code: child.exitCode, ...output };
  }

  /** Starts the daemon without waiting for anything. */
  spawnDaemon(options: DaemonOptions = {}): Daemon {
    const program = [process.execPath, SCRIPT, "run", ...(options.args ?? [])];
    const [command = "", ...args] = [...(options.under ?? []), ...program];
    const daemon = new Daemon(
      spawn(command, args, {
        cwd: this.root,
        env: { ...this.env, ...options.env },
        stdio: ["ignore", "pipe", "pipe"],
      }),
    );
    this.#daemons.add(daemon);
    return daemon;
  }

  /** Has a process end with this workspace. */
  adopt(daemon: Daemon): Daemon {
    this.#daemons.add(daemon);
    return daemon;
  }

  /** Starts the daemon and waits until everything was reconciled once. */
  async startDaemon(options: DaemonOptions = {}): Promise<Daemon> {
    const daemon = this.spawnDaemon(options);
    await eventually("the daemon to be ready", async () => {
      if (daemon.ended) throw new Error(`it ended: ${daemon.stderr}`);
      const log = await this.log();
      const started = log.findIndex(
        (line) => line["event"] === "daemon.started" && line["pid"] === daemon.pid,
      );
      return started !== -1 && log.slice(started).some((line) => line["event"] === "daemon.ready");
    });
    return daemon;
  }

  /** The daemon's own answer to `GET /status`. */
  async status(): Promise<StatusReport> {
    const ran = await ask(this.paths, { method: "GET", path: "/status", timeoutMs: 30_000 });
    if (ran === undefined) throw new Error("no daemon answers");
    return ran as StatusReport;
  }

  /** Waits until every edge is fresh and nothing is wrong. */
  async healthy(withinMs?: number): Promise<void> {
    await eventually(
      "everything to be healthy",
      async () => {
        const report = await this.status();
        if (report.status === "healthy") return true;
        throw new Error(
          JSON.stringify({ ...report, edges: report.edges.filter((edge) => edge.status !== "fresh") }),
        );
      },
      withinMs,
    );
  }

  /** The daemon's log, oldest first. */
  async log(): Promise<Record<string, unknown>[]> {
    const text = await readFile(this.paths.logFile, "utf8").catch(() => "");
    return text.split("\n").flatMap((line) => parsedLine(line));
  }

  /** Temporaries that lie beside caches. */
  async litter(): Promise<string[]> {
    const found: string[] = [];
    for (const name of Object.keys(this.#options.repos)) {
      const names = await readdir(join(this.repo(name), ".aibrain")).catch(() => []);
      found.push(...names.filter((file) => file.includes("state-syncd")).map((file) => join(name, file)));
    }
    return found;
  }

  async dispose(): Promise<void> {
    await Promise.all([...this.#daemons].map((daemon) => daemon.kill()));
    await rm(this.root, { recursive: true, force: true });
  }
}

/** A line of the log; none where a full disk, or a kill, cut it short. */
function parsedLine(line: string): Record<string, unknown>[] {
  try {
    const record: Record<string, unknown> = JSON.parse(line);
    return [record];
  } catch {
    return [];
  }
}

/** A daemon's process. */
export class Daemon {
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;
  stdout = "";
  stderr = "";

  constructor(child: ChildProcess) {
    this.#child = child;
    this.#closed = once(child, "close");
    child.stdout?.on("data", (chunk: Buffer) => (this.stdout += chunk.toString()));
    child.stderr?.on("data", (chunk: Buffer) => (this.stderr += chunk.toString()));
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  get ended(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  get code(): number | null {
    return this.#child.exitCode;
  }

  send(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** SIGSTOP: it does nothing any more when this resolves, until it gets SIGCONT. */
  async freeze(): Promise<void> {
    this.send("SIGSTOP");
    const state = (): string =>
      execFileSync("ps", ["-o", "state=", "-p", `${this.pid}`], { encoding: "utf8" });
    await eventually("the daemon to have stopped", () => state().startsWith("T"));
  }

  /** Waits for the end. */
  async end(): Promise<number | null> {
    await this.#closed;
    return this.code;
  }

  /** SIGTERM, and the exit code. */
  async stop(): Promise<number | null> {
    this.send("SIGTERM");
    return await this.end();
  }

  /** SIGKILL. */
  async kill(): Promise<void> {
    if (this.ended) return;
    this.send("SIGKILL");
    await this.end();
  }
}
