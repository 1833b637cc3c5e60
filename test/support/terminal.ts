import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { eventually } from "./eventually.ts";
import { isInstalled } from "./installed.ts";
import { SCRIPT, type Workspace } from "./workspace.ts";

/** Tests that need a terminal say in their titles that they are skipped without tmux. */
export const hasTerminals = isInstalled("tmux");

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** A real terminal in which a shell runs: tmux, on a socket of its own. */
export class Terminal {
  readonly #socket: string;
  readonly #env: NodeJS.ProcessEnv;

  private constructor(workspace: Workspace) {
    // A socket's path may have about a hundred bytes.
    this.#socket = join(workspace.root, "tmux");
    const { NO_COLOR: _, ...env } = workspace.env;
    this.#env = { ...env, TERM: "screen-256color", PS1: "$ ", LC_ALL: "C.UTF-8", ENV: "" };
  }

  static async open(workspace: Workspace, { columns, rows }: Size): Promise<Terminal> {
    const terminal = new Terminal(workspace);
    const size = ["-x", `${columns}`, "-y", `${rows}`];
    terminal.#tmux("new-session", "-d", ...size, "-c", workspace.root, "env", "PS1=$ ", "sh");
    // What is typed before the shell asks is shown twice.
    await terminal.shows(/^\$$/);
    return terminal;
  }

  /** Types a command of ours, and Enter. */
  run(...args: readonly string[]): void {
    this.type(`node ${SCRIPT} ${args.map((arg) => `'${arg}'`).join(" ")}\n`);
  }

  type(text: string): void {
    this.#tmux("send-keys", "-l", text);
  }

  /** A key by the name that tmux has for it: `C-c`, `Down`, `Space`. */
  press(...keys: readonly string[]): void {
    this.#tmux("send-keys", ...keys);
  }

  resize({ columns, rows }: Size): void {
    this.#tmux("resize-window", "-x", `${columns}`, "-y", `${rows}`);
  }

  /** What stands there now, line by line, without blanks at the ends. */
  lines(): string[] {
    return this.#tmux("capture-pane", "-p")
      .split("\n")
      .map((line) => line.trimEnd());
  }

  /** The lines as they were written: those that the terminal itself had to break are one. */
  writtenLines(): string[] {
    return this.#tmux("capture-pane", "-p", "-J")
      .split("\n")
      .map((line) => line.trimEnd());
  }

  /** How many lines were scrolled away. */
  get scrolledAway(): number {
    return Number(this.#tmux("display-message", "-p", "#{history_size}"));
  }

  get cursorIsShown(): boolean {
    return this.#tmux("display-message", "-p", "#{cursor_flag}").trim() === "1";
  }

  get isOnSecondScreen(): boolean {
    return this.#tmux("display-message", "-p", "#{alternate_on}").trim() === "1";
  }

  /** Waits until some line is like that, and gives all of them. */
  async shows(what: RegExp): Promise<string[]> {
    return await eventually(`the terminal to show ${what}`, () => {
      const lines = this.lines();
      if (lines.some((line) => what.test(line))) return lines;
      throw new Error(`\n${lines.join("\n")}`);
    });
  }

  /** The process that the shell waits for. */
  get foreground(): number {
    const shell = this.#tmux("display-message", "-p", "#{pane_pid}").trim();
    return Number(execFileSync("ps", ["-o", "pid=", "--ppid", shell], { encoding: "utf8" }).trim());
  }

  close(): void {
    this.#tmux("kill-server");
  }

  #tmux(...args: readonly string[]): string {
    return execFileSync("tmux", ["-S", this.#socket, "-f", "/dev/null", ...args], {
      env: this.#env,
      encoding: "utf8",
    });
  }
}
