import { lstat } from "node:fs/promises";
import { join } from "node:path";
import { FaultError } from "../errors.ts";
import { UNIT } from "../log/journal-stream.ts";
import { type Change, contentOf, type RunTool } from "./change.ts";
import { hardenedFiles, probeNamespaces } from "./hardening.ts";
import type { ControlVerb, InstallRequest, ServiceManager, ServiceState } from "./manager.ts";
import { CARRIED, type Program } from "./program.ts";
import { readTemplate } from "./template.ts";
import { type Answer, ask } from "./tool.ts";
import { commandOf, environmentOf, fillUnit, MARK } from "./unit.ts";
import { activityOf, ownDirectory, parseShown, SHOWN, timeOf } from "./unit-state.ts";

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
      // A mask is an empty file.
      files: unit === undefined || unit === "" ? [] : files,
      enabled: (shown["UnitFileState"] ?? "").startsWith("enabled"),
      activity,
      pid: pid > 0 ? pid : null,
      since: timeOf(shown[activity === "running" ? "ActiveEnterTimestamp" : "StateChangeTimestamp"] ?? ""),
      says: shown["StatusText"] ?? "",
      failure: activity === "failed" ? (shown["Result"] ?? "") : "",
      hardened: isOurs((await contentOf(dropIn(directory))) ?? ""),
      lingers: await this.#lingers(),
      command: commandOf(unit ?? ""),
      environment: environmentOf(unit ?? ""),
    };
  }

  async install(request: InstallRequest): Promise<readonly Change[]> {
    await requireNotify();
    await this.#refuseMasked();
    const directory = await this.#directory();
    const { hardened } = request;
    const program = await withoutManagers(request.program);
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
      ...(retired.length > 0 ? [systemctl("disable", "--now", FOLLOWER, FOLLOWER_JOB)] : []),
      ...retired,
      ...changes,
      ...(needsReload ? [systemctl("daemon-reload")] : []),
      ...(enabled ? [] : [systemctl("enable", UNIT)]),
      ...(hardened !== undefined && (changed || !(await this.#isActive(FOLLOWER)))
        ? [systemctl("enable", "--now", FOLLOWER), systemctl("enable", FOLLOWER_JOB)]
        : []),
      ...(request.start
        ? starting(isUp ? (changed || request.anew === true ? "restart" : undefined) : "start")
        : []),
    ];
  }

  async uninstall(): Promise<readonly Change[]> {
    await this.#refuseMasked();
    const directory = await this.#directory();
    await ownContent(join(directory, UNIT));
    const removal = await this.#removal(directory, true);
    if (removal.length === 0) return [];
    return [
      ...(await this.#ending(FOLLOWER, directory)),
      ...(await this.#ending(FOLLOWER_JOB, directory)),
      ...(await this.#ending(UNIT, directory)),
      ...removal,
      systemctl("daemon-reload"),
      // A failure that is remembered would still be listed, and the user's manager be called degraded.
      forget(UNIT, FOLLOWER, FOLLOWER_JOB),
      ...this.#runDirectory(),
    ];
  }

  async control(verb: ControlVerb): Promise<readonly Change[]> {
    await this.#refuseMasked();
    const { files, activity } = await this.state();
    if (files.length === 0) throw new FaultError("SERVICE_MISSING", "the service is not installed");
    const isDown = activity === "stopped" || activity === "failed";
    if (verb === "stop") return isDown ? [] : [systemctl("stop", UNIT)];
    if (verb === "start" && !isDown) return [];
    return starting(verb);
  }

  async run(step: RunTool): Promise<void> {
    const answer = await ask(step.tool, step.args);
    if (answer.code !== 0) throw failed(step, answer);
  }

  /** Ends a unit for good. Where somebody has removed its file, `disable` does not know it. */
  async #ending(unit: string, directory: string): Promise<Change[]> {
    if ((await contentOf(join(directory, unit))) !== undefined) return [systemctl("disable", "--now", unit)];
    const link = join(directory, "default.target.wants", unit);
    return [
      ...((await this.#isActive(unit)) ? [systemctl("stop", unit)] : []),
      ...((await isLink(link)) ? [{ kind: "remove", path: link } as const] : []),
    ];
  }

  /** The unit keeps it, for a daemon that somebody runs by hand may use it. */
  #runDirectory(): Change[] {
    const runtime = this.#options.env["XDG_RUNTIME_DIR"];
    if (runtime?.startsWith("/") !== true) return [];
    return [{ kind: "removeDirectory", path: join(runtime, "state-syncd") }];
  }

  /** @throws FaultError SERVICE_FOREIGN. */
  async #refuseMasked(): Promise<void> {
    if (!(await this.#shown())["UnitFileState"]?.startsWith("masked")) return;
    throw new FaultError("SERVICE_FOREIGN", `${UNIT} is masked: somebody does not want it`, {
      remedy: `\`systemctl --user unmask ${UNIT}\` has it back.`,
    });
  }

  /** The user's own directory of units, where the running manager looks for them. */
  async #directory(): Promise<string> {
    const { stdout } = await systemctlAsk("show", "-p", "UnitPath", "--value");
    return ownDirectory(stdout.trim()) ?? join(this.#options.home, ".config", "systemd", "user");
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

/** Without it a daemon could not say that it is ready, and would be killed for that over and over. */
async function requireNotify(): Promise<void> {
  const { code } = await ask("systemd-notify", ["--version"], 20_000);
  if (code !== 127) return;
  throw new FaultError(
    "SERVICE_UNSUPPORTED",
    "there is no systemd-notify here, by which the daemon speaks to systemd",
  );
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

/** What has used up its starts is not started again before that is forgotten. Starts that somebody means count as well. */
function starting(verb: "start" | "restart" | undefined): Change[] {
  return verb === undefined ? [] : [forget(UNIT), systemctl(verb, UNIT)];
}

/** As patterns: a name of which systemd knows nothing would be an error. */
function forget(...units: readonly string[]): RunTool {
  return systemctl("reset-failed", ...units.map((unit) => unit.replaceAll(".", "[.]")));
}

/** Where its user's shell has no variable, the daemon is not to have the one of the manager's. */
async function withoutManagers(program: Program): Promise<Program> {
  const { stdout } = await systemctlAsk("show-environment");
  const names = CARRIED.filter((name) => stdout.split("\n").some((line) => line.startsWith(`${name}=`)));
  const empty = Object.fromEntries(names.map((name) => [name, ""]));
  return { ...program, environment: { ...empty, ...program.environment } };
}

async function isLink(path: string): Promise<boolean> {
  const stats = await lstat(path).catch(() => undefined);
  return stats?.isSymbolicLink() === true;
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
  if (/connect to (?:\w+ scope )?bus|No medium found|Host is down/i.test(stderr)) {
    return new FaultError("SERVICE_UNREACHABLE", `the user's systemd does not answer: ${said}`);
  }
  return new FaultError("SERVICE_FAILED", `\`${what}\` failed: ${said}`);
}
