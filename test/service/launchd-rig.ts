import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { FaultError } from "../../src/errors.ts";
import { applyChange, type Change, describeChange } from "../../src/service/change.ts";
import { Launchd } from "../../src/service/launchd.ts";
import type { ServiceState } from "../../src/service/manager.ts";
import { LABEL } from "../../src/service/plist.ts";
import type { Program } from "../../src/service/program.ts";
import { eventually } from "../support/eventually.ts";
import { FakeLaunchd, UID } from "../support/fake-launchd.ts";
import { SCRIPT, Workspace } from "../support/workspace.ts";

export const TARGET = `gui/${UID}/${LABEL}`;

export const FILE = `ROOT/home/Library/LaunchAgents/${LABEL}.plist`;
export const OUTPUT = "ROOT/home/Library/Logs/state-syncd.log";
export const STARTS = "ROOT/state/state-syncd/starts.json";
export const BOOTSTRAP = `run launchctl bootstrap gui/${UID} ${FILE}`;
export const BOOTOUT = `run launchctl bootout ${TARGET}`;

type FakeOptions = Omit<Parameters<typeof FakeLaunchd.start>[0], "directory" | "environment">;

/** Two repos, a launchd, and what manages the service on it. */
export class LaunchdRig {
  readonly workspace: Workspace;
  readonly launchd: FakeLaunchd;
  readonly manager: Launchd;
  readonly #path = process.env["PATH"];

  private constructor(workspace: Workspace, launchd: FakeLaunchd, drainMs: number) {
    this.workspace = workspace;
    this.launchd = launchd;
    this.manager = new Launchd({ home: this.home, uid: UID, drainMs });
    // Where the manager finds its `launchctl`.
    process.env["PATH"] = launchd.path;
  }

  static async create(options: FakeOptions & { readonly patienceMs?: number } = {}): Promise<LaunchdRig> {
    const { patienceMs = 15_000, ...behaviour } = options;
    const workspace = await Workspace.create({ repos: { x: {}, y: {} }, rescan: "1s" });
    for (const name of ["x", "y"]) await workspace.save(name, `state of ${name}\n`);
    const launchd = await FakeLaunchd.start({
      directory: workspace.root,
      environment: { HOME: join(workspace.root, "home"), PATH: "/usr/bin:/bin" },
      ...behaviour,
    });
    return new LaunchdRig(workspace, launchd, patienceMs);
  }

  get home(): string {
    return join(this.workspace.root, "home");
  }

  get file(): string {
    return join(this.home, "Library", "LaunchAgents", `${LABEL}.plist`);
  }

  get output(): string {
    return join(this.home, "Library", "Logs", "state-syncd.log");
  }

  program(...more: readonly string[]): Program {
    const { env } = this.workspace;
    const names = ["XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"];
    const environment = Object.fromEntries(names.map((name) => [name, env[name] ?? ""]));
    return { node: process.execPath, script: SCRIPT, args: ["run", ...more], environment, warnings: [] };
  }

  /** Does what is to be done, and gives it in words. */
  async do(changes: Promise<readonly Change[]>): Promise<string[]> {
    const all = await changes;
    for (const change of all) await applyChange(change, (step) => this.manager.run(step));
    return all.map((change) => this.plain(describeChange(change)));
  }

  async install(program = this.program(), start = true): Promise<string[]> {
    return await this.do(this.manager.install({ program, hardened: undefined, start }));
  }

  /** Installs, and waits until the daemon is ready. */
  async running(): Promise<number> {
    await this.install();
    return await this.ready();
  }

  /** Waits for a daemon that is not the one given. */
  async ready(after = 0): Promise<number> {
    return await eventually("the daemon to answer", async () => {
      const { pid } = (await this.workspace.status()).daemon;
      return pid !== after && pid;
    });
  }

  /** Waits for a state. */
  async becomes(wanted: Partial<ServiceState>): Promise<ServiceState> {
    let state: ServiceState | undefined;
    return await eventually(`the service to be ${JSON.stringify(wanted)}`, async () => {
      state = await this.manager.state();
      const seen = JSON.stringify({ ...state, ...wanted });
      if (seen === JSON.stringify(state)) return state;
      throw new Error(JSON.stringify(state));
    });
  }

  /** How often the job's program was started. */
  async runs(): Promise<number> {
    const { stdout } = await this.launchd.ctl("print", TARGET);
    return Number(/\truns = (\d+)/.exec(stdout)?.[1]);
  }

  async said(): Promise<string> {
    return await readFile(this.output, "utf8");
  }

  /** A text without the test's own directory. */
  plain(text: string): string {
    return text.replaceAll(this.workspace.root, "ROOT");
  }

  async end(): Promise<void> {
    if (this.#path === undefined) delete process.env["PATH"];
    else process.env["PATH"] = this.#path;
    try {
      await this.launchd.end();
    } finally {
      await this.workspace.dispose();
    }
  }
}

/** What ended that. @throws Error where no fault did. */
export async function faultOf(what: Promise<unknown>): Promise<FaultError["fault"]> {
  const error = await what.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof FaultError)) throw new Error(`no fault: ${String(error)}`);
  return error.fault;
}
