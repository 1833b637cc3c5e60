import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, mkdirSync } from "node:fs";
import { afterEach, beforeEach } from "vitest";
import { locate } from "../../src/paths.ts";
import { FakeJournalctl, journalEntry } from "./fake-journalctl.ts";
import { TempDirectory } from "./temp-dir.ts";
import { SCRIPT } from "./workspace.ts";

/** `state-syncd logs` in a home where nobody has chosen a state directory, with the fake journalctl. */
export class Logs {
  out = "";
  err = "";
  readonly #child;
  readonly #closed: Promise<unknown>;

  constructor(args: readonly string[], env: NodeJS.ProcessEnv, pipe?: string) {
    const command = pipe === undefined ? 'exec "$0" "$@"' : `"$0" "$@" | ${pipe}`;
    this.#child = spawn("/bin/sh", ["-c", command, process.execPath, SCRIPT, "logs", ...args], {
      env,
      stdio: ["ignore", "pipe", "pipe"],
      // A group of its own: in a pipeline there are several.
      detached: true,
    });
    this.#closed = once(this.#child, "close");
    this.#child.stdout.on("data", (data: Buffer) => (this.out += data.toString()));
    this.#child.stderr.on("data", (data: Buffer) => (this.err += data.toString()));
  }

  async end(): Promise<number | null> {
    await this.#closed;
    return this.#child.exitCode;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  async kill(): Promise<void> {
    if (!this.hasEnded) process.kill(-(this.#child.pid ?? Number.NaN), "SIGKILL");
    await this.#closed;
  }
}

const NOW = Date.now();

export function minutesAgo(minutes: number): Date {
  return new Date(NOW - minutes * 60_000);
}

function record(ago: number, repo: string, level = "info"): string {
  return JSON.stringify({ level, time: minutesAgo(ago).toISOString(), event: "state.released", repo });
}

/** An entry of the journal with a line of ours, so many minutes old. */
export function inJournal(ago: number, repo: string, level?: string): string {
  return journalEntry(minutesAgo(ago), record(ago, repo, level));
}

/** Of each line that was printed as JSON what tells it from the others. */
export function namesOf(out: string): string[] {
  const lines = out.trimEnd().split("\n");
  return lines.map((line) => /"(?:repo|message)":"([^"]*)"/.exec(line)?.[1] ?? line);
}

/** A home where nobody has chosen a state directory, a log in it, and a journalctl. */
export class LogsScene {
  readonly directory = new TempDirectory();
  readonly #running: Logs[] = [];
  #journalctl: FakeJournalctl | undefined;

  get journalctl(): FakeJournalctl {
    if (this.#journalctl === undefined) throw new Error("the scene has not begun");
    return this.#journalctl;
  }

  get logFile(): string {
    return locate(undefined, { HOME: this.directory.path }).logFile;
  }

  /** Adds a line to the log file, so many minutes old. */
  inFile(ago: number, repo: string): void {
    appendFileSync(this.logFile, `${record(ago, repo)}\n`);
  }

  start(
    args: readonly string[],
    options: { readonly pipe?: string; readonly env?: NodeJS.ProcessEnv } = {},
  ): Logs {
    const env = { HOME: this.directory.path, ...this.journalctl.env, ...options.env };
    const logs = new Logs(args, env, options.pipe);
    this.#running.push(logs);
    return logs;
  }

  async begin(): Promise<void> {
    await this.directory.begin();
    this.#journalctl = new FakeJournalctl(this.directory.path);
    mkdirSync(locate(undefined, { HOME: this.directory.path }).stateDirectory, { recursive: true });
  }

  async end(): Promise<void> {
    for (const logs of this.#running.splice(0)) await logs.kill();
    for (const pid of this.journalctl.running()) process.kill(pid, "SIGKILL");
    await this.directory.end();
  }
}

export function useLogsScene(): LogsScene {
  const scene = new LogsScene();
  beforeEach(() => scene.begin());
  afterEach(() => scene.end());
  return scene;
}
