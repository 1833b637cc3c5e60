import { join } from "node:path";
import { FaultError } from "../errors.ts";
import { UNIT } from "../log/journal-stream.ts";
import { type Change, contentOf, type RunTool } from "./change.ts";
import { hardenedFiles, probeNamespaces } from "./hardening.ts";
import type { ControlVerb, InstallRequest, ServiceManager, ServiceState } from "./manager.ts";
import { readTemplate } from "./template.ts";
import { type Answer, ask } from "./tool.ts";
import { commandOf, environmentOf, fillUnit, MARK } from "./unit.ts";
import { activityOf, parseShown, SHOWN, timeOf } from "./unit-state.ts";

const FOLLOWER = "state-syncd-registry.path";
const FOLLOWER_JOB = "state-syncd-registry.service";

export interface SystemdOptions {
  readonly home: string;
  readonly user: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where logind keeps who lingers. Default /var/lib/systemd/linger. */
  readonly lingerDirectory?: string;
}

/** The user's own systemd. */
export class Systemd implements ServiceManager {
  readonly name = "systemd";
  readonly #options: SystemdOptions;

  constructor(options: SystemdOptions) {
    this.#options = options;
  }

  async state(): Promise<ServiceState> {
    const shown = await this.#shown();
    const directory = await this.#directory();
    const unit = await contentOf(join(directory, UNIT));
    const files = [];
    for (const path of this.#allFiles(directory)) if ((await contentOf(path)) !== undefined) files.push(path);
    const activity = activityOf(shown["ActiveState"] ?? "");
    const pid = Number(shown["MainPID"] ?? 0);
    return {
      manager: this.name,
      files: unit === undefined ? [] : files,
      enabled: (shown["UnitFileState"] ?? "").startsWith("enabled"),
      activity,
      pid: pid > 0 ? pid : null,
      since: timeOf(shown[activity === "running" ? "ActiveEnterTimestamp" : "StateChangeTimestamp"] ?? ""),
      says: shown["StatusText"] ?? "",
      failure: activity === "failed" ? (shown["Result"] ?? "") : "",
      hardened: files.includes(dropIn(directory)),
      lingers: await this.#lingers(),
      command: commandOf(unit ?? ""),
      environment: environmentOf(unit ?? ""),
    };
  }

  async install(request: InstallRequest): Promise<readonly Change[]> {
    const directory = await this.#directory();
    const { program, hardened } = request;
    const wanted = new Map([
      [
        join(directory, UNIT),
        fillUnit(await readTemplate("systemd/state-syncd.service"), program, program.args),
      ],
    ]);
    const changes: Change[] = [];
    if (hardened !== undefined) {
      await probeNamespaces();
      const files = await hardenedFiles(program, hardened);
      wanted.set(dropIn(directory), files.dropIn);
      wanted.set(join(directory, FOLLOWER), files.path);
      wanted.set(join(directory, FOLLOWER_JOB), files.job);
    }
    for (const [path, content] of wanted) {
      const present = await ownContent(path);
      if (present !== content) changes.push({ kind: "write", path, content });
    }
    const { enabled, activity, hardened: wasHardened } = await this.state();
    const retired: Change[] =
      hardened === undefined && wasHardened ? await this.#removal(directory, false) : [];
    const changed = changes.length + retired.length > 0;
    const needsReload = changed || (await this.#shown())["NeedDaemonReload"] === "yes";
    const isUp = activity === "running" || activity === "reloading" || activity === "starting";
    return [
      ...(retired.length > 0 ? [systemctl("disable", "--now", FOLLOWER)] : []),
      ...retired,
      ...changes,
      ...(needsReload ? [systemctl("daemon-reload")] : []),
      ...(enabled ? [] : [systemctl("enable", UNIT)]),
      ...(hardened !== undefined && (changed || !(await this.#isActive(FOLLOWER)))
        ? [systemctl("enable", "--now", FOLLOWER)]
        : []),
      ...(request.start ? this.#starting(isUp ? (changed ? "restart" : undefined) : "start", activity) : []),
    ];
  }

  async uninstall(): Promise<readonly Change[]> {
    const directory = await this.#directory();
    const { files, hardened, activity } = await this.state();
    if (files.length === 0) return [];
    const foreign = [];
    for (const path of files) if (!isOurs((await contentOf(path)) ?? "")) foreign.push(path);
    if (foreign.includes(join(directory, UNIT))) throw foreignFile(join(directory, UNIT));
    return [
      ...(hardened ? [systemctl("disable", "--now", FOLLOWER)] : []),
      systemctl("disable", "--now", UNIT),
      // A failure that is remembered would still be listed.
      ...(activity === "failed" ? [systemctl("reset-failed", UNIT)] : []),
      ...(await this.#removal(directory, true)),
      systemctl("daemon-reload"),
    ];
  }

  async control(verb: ControlVerb): Promise<readonly Change[]> {
    const { files, activity } = await this.state();
    if (files.length === 0) throw new FaultError("SERVICE_MISSING", "the service is not installed");
    const isDown = activity === "stopped" || activity === "failed";
    if (verb === "stop") return isDown ? [] : [systemctl("stop", UNIT)];
    if (verb === "start" && !isDown) return [];
    return this.#starting(verb, activity);
  }

  async run(step: RunTool): Promise<void> {
    const answer = await ask(step.tool, step.args);
    if (answer.code !== 0) throw failed(step, answer);
  }

  #starting(verb: "start" | "restart" | undefined, activity: ServiceState["activity"]): Change[] {
    if (verb === undefined) return [];
    // What has used up its starts is not started again before that is forgotten.
    const forget = activity === "failed" ? [systemctl("reset-failed", UNIT)] : [];
    return [...forget, systemctl(verb, UNIT)];
  }

  /** The user's own directory of units, where the running manager looks for them. */
  async #directory(): Promise<string> {
    const { home, env } = this.#options;
    const { stdout } = await systemctlAsk("show", "-p", "UnitPath", "--value");
    const looksIn = stdout.trim().split(" ");
    const own = [env["XDG_CONFIG_HOME"], join(home, ".config")]
      .filter((base) => base?.startsWith("/") === true)
      .map((base) => join(base ?? "", "systemd", "user"));
    // A shell's XDG_CONFIG_HOME need not be the manager's.
    return own.find((directory) => looksIn.includes(directory)) ?? join(home, ".config", "systemd", "user");
  }

  async #shown(): Promise<Readonly<Record<string, string>>> {
    const { stdout } = await systemctlAsk("show", UNIT, ...SHOWN.map((name) => `--property=${name}`));
    return parseShown(stdout);
  }

  async #isActive(unit: string): Promise<boolean> {
    return (await ask("systemctl", ["--user", "is-active", "--quiet", unit])).code === 0;
  }

  #allFiles(directory: string): string[] {
    return [
      join(directory, UNIT),
      dropIn(directory),
      join(directory, FOLLOWER),
      join(directory, FOLLOWER_JOB),
    ];
  }

  /** Of our files those that are there, with the directory that only they were in. */
  async #removal(directory: string, all: boolean): Promise<Change[]> {
    const changes: Change[] = [];
    for (const path of this.#allFiles(directory)) {
      const content = await contentOf(path);
      if (content === undefined || !isOurs(content) || (!all && path === join(directory, UNIT))) continue;
      changes.push({ kind: "remove", path });
      if (path === dropIn(directory))
        changes.push({ kind: "removeDirectory", path: join(directory, `${UNIT}.d`) });
    }
    return changes;
  }

  async #lingers(): Promise<boolean> {
    const directory = this.#options.lingerDirectory ?? "/var/lib/systemd/linger";
    return (await contentOf(join(directory, this.#options.user))) !== undefined;
  }
}

function dropIn(directory: string): string {
  return join(directory, `${UNIT}.d`, "hardened.conf");
}

/** @throws FaultError SERVICE_FOREIGN where the file is somebody else's. */
async function ownContent(path: string): Promise<string | undefined> {
  const content = await contentOf(path);
  if (content !== undefined && !isOurs(content)) throw foreignFile(path);
  return content;
}

function isOurs(content: string): boolean {
  return content.startsWith(MARK);
}

function foreignFile(path: string): FaultError {
  return new FaultError("SERVICE_FOREIGN", `${path} was not written by \`state-syncd service install\``, {
    path,
  });
}

function systemctl(...args: readonly string[]): RunTool {
  return { kind: "run", tool: "systemctl", args: ["--user", ...args] };
}

async function systemctlAsk(...args: readonly string[]): Promise<Answer> {
  const step = systemctl(...args);
  const answer = await ask(step.tool, step.args, 20_000);
  if (answer.code === 0) return answer;
  throw failed(step, answer);
}

function failed(step: RunTool, { code, stderr }: Answer): FaultError {
  const what = [step.tool, ...step.args].join(" ");
  const said = stderr.split("\n")[0] || (code === 124 ? "no answer" : `exit code ${code}`);
  if (code === 127) return new FaultError("SERVICE_UNSUPPORTED", `there is no ${step.tool} here`);
  if (/connect to (?:the )?bus|No medium found|Host is down/i.test(stderr)) {
    return new FaultError("SERVICE_UNREACHABLE", `the user's systemd does not answer: ${said}`);
  }
  return new FaultError("SERVICE_FAILED", `\`${what}\` failed: ${said}`);
}
