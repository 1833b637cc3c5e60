import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { appendFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { locate, type Paths } from "../paths.ts";
import { ask } from "../control/client.ts";
import { CACHE_DIRECTORY, CACHE_FILE } from "../core/registry.ts";
import { EXIT, type ExitCode } from "../errors.ts";
import { type CommandContext, print, printText } from "./context.ts";

const PATIENCE_MS = 20_000;

const STATES = {
  storefront: "# Storefront\n\n## Current Status\n\nCheckout page is being moved to the new design.\n",
  payments: "# Payments\n\n## Current Status\n\nRefunds API v2 is in review.\n\n## Blockers\n\nNone.\n",
  "mobile-app": "# Mobile app\n\n## Next Steps\n\n- Show refunds in the order history.\n",
};
const NEWS = "\n- 14:05 Refunds API v2 merged: the field `amount` is in cents now.\n";

/** `demo`: the whole thing on a scratch workspace, with a real daemon. Touches nothing else. */
export async function demo(options: { readonly keep: boolean }, context: CommandContext): Promise<ExitCode> {
  // Not os.tmpdir(): a socket's path may have about a hundred bytes, and macOS' takes half of them.
  const workspace = await mkdtemp("/tmp/state-syncd-demo-");
  const stage = new Stage(workspace, context);
  const interrupted = new Promise<ExitCode>((resolve) => process.once("SIGINT", () => resolve(EXIT.failed)));
  try {
    return await Promise.race([stage.play(), interrupted]);
  } finally {
    await stage.stopDaemon();
    if (options.keep) {
      print(context, "");
      print(context, `The workspace is kept: ${workspace}`);
    } else await rm(workspace, { recursive: true, force: true });
  }
}

class Stage {
  readonly #workspace: string;
  readonly #repos: string;
  readonly #context: CommandContext;
  readonly #env: NodeJS.ProcessEnv;
  readonly #paths: Paths;
  #daemon: ChildProcess | undefined;

  constructor(workspace: string, context: CommandContext) {
    this.#workspace = workspace;
    this.#repos = join(workspace, "repos");
    this.#context = context;
    this.#env = {
      ...process.env,
      XDG_CONFIG_HOME: join(workspace, "config"),
      XDG_STATE_HOME: join(workspace, "state"),
      XDG_RUNTIME_DIR: join(workspace, "run"),
      STATE_SYNCD_CONFIG: "",
    };
    this.#paths = locate(undefined, this.#env);
  }

  async play(): Promise<ExitCode> {
    this.#say(
      `A scratch workspace: three repos with a STATE.md, and a vault of notes without one, in ${this.#repos}`,
    );
    for (const [name, state] of Object.entries(STATES)) await this.#makeRepo(name, state);
    await mkdir(join(this.#repos, "docs-vault", ".git"), { recursive: true });
    await this.#command("init", "--scan", this.#repos, "--yes");

    this.#say("The daemon starts, and fills every repo's cache with the state of its peers");
    await this.#startDaemon();
    for (const name of Object.keys(STATES)) {
      print(this.#context, `  ${join(name, CACHE_DIRECTORY, CACHE_FILE)}: ${await this.#headings(name)}`);
    }

    this.#say("An agent in payments saves its STATE.md");
    print(this.#context, `  ${NEWS.trim()}`);
    const saved = performance.now();
    await appendFile(join(this.#repos, "payments", "STATE.md"), NEWS);
    for (const name of ["storefront", "mobile-app"]) {
      await this.#until(async () => (await this.#cache(name)).includes(NEWS.trim()));
      print(this.#context, `  ${name} knows after ${Math.round(performance.now() - saved)} ms`);
    }

    this.#say("What the agent in storefront reads now");
    printText(this.#context, (await this.#cache("storefront")).trimEnd().replaceAll(/^/gm, "  | "));

    this.#say("And the proof: every state file compared with every cache");
    const healthy = await this.#command("status");
    this.#say(
      healthy
        ? "That is all. Your own repos: state-syncd init --scan <where they are>, then state-syncd service install"
        : "Something is wrong here",
    );
    return healthy ? EXIT.ok : EXIT.failed;
  }

  async stopDaemon(): Promise<void> {
    const daemon = this.#daemon;
    if (daemon === undefined || daemon.exitCode !== null || daemon.signalCode !== null) return;
    const exit = once(daemon, "exit");
    daemon.kill("SIGTERM");
    await exit;
  }

  async #makeRepo(name: string, state: string): Promise<void> {
    const directory = join(this.#repos, name);
    await mkdir(join(directory, ".git"), { recursive: true });
    await writeFile(join(directory, "STATE.md"), state);
  }

  async #startDaemon(): Promise<void> {
    const [node, script] = [process.execPath, process.argv[1] ?? ""];
    const daemon = spawn(node, [script, "run"], { env: this.#env, stdio: ["ignore", "ignore", "inherit"] });
    this.#daemon = daemon;
    await this.#until(async () => {
      if (daemon.exitCode !== null) throw new Error(`the daemon ended with ${daemon.exitCode}`);
      const answer = await ask(this.#paths, { method: "GET", path: "/status", timeoutMs: PATIENCE_MS });
      return (
        typeof answer === "object" && answer !== null && "status" in answer && answer.status === "healthy"
      );
    });
  }

  async #command(...args: string[]): Promise<boolean> {
    print(this.#context, `$ state-syncd ${args.join(" ")}`);
    const child = spawn(process.execPath, [process.argv[1] ?? "", ...args], {
      env: this.#env,
      stdio: "inherit",
    });
    const [code] = await once(child, "exit");
    return code === 0;
  }

  async #cache(name: string): Promise<string> {
    return await readFile(join(this.#repos, name, CACHE_DIRECTORY, CACHE_FILE), "utf8");
  }

  async #headings(name: string): Promise<string> {
    const headings = (await this.#cache(name)).split("\n").filter((line) => /^## \S+ State$/.test(line));
    return headings.map((line) => line.slice(3)).join(", ");
  }

  async #until(condition: () => Promise<boolean>): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS;
    while (!(await condition())) {
      if (performance.now() > deadline)
        throw new Error(`this took longer than ${PATIENCE_MS / 1_000} s; see ${this.#workspace}`);
      await delay(5);
    }
  }

  #say(text: string): void {
    print(this.#context, "");
    print(this.#context, `--- ${text}`);
  }
}
