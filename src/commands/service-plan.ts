import { loadConfig } from "../config/load.ts";
import { ask as askDaemon, ASK_TIMEOUT_MS } from "../control/client.ts";
import type { Registry } from "../core/registry.ts";
import { FaultError } from "../errors.ts";
import { homeOf, type Paths } from "../paths.ts";
import { applyChange, type Change } from "../service/change.ts";
import { chooseManager } from "../service/choose.ts";
import { confinementOf, missingDirectories } from "../service/confinement.ts";
import type { ServiceManager, ServiceState } from "../service/manager.ts";
import { findProgram, type Program } from "../service/program.ts";
import { ask } from "../service/tool.ts";
import { answering } from "../store/disks.ts";
import { VERSION } from "../version.ts";
import type { CommandContext } from "./context.ts";

/** What an installation is to be like. */
export interface InstallWish {
  /** Undefined keeps what is installed. */
  readonly hardened: boolean | undefined;
  readonly start: boolean;
}

/** What it takes to have the program that runs now as the service. @throws FaultError a CONFIG_ or SERVICE_ code. */
export async function planInstall(
  manager: ServiceManager,
  options: InstallWish,
  context: CommandContext,
): Promise<{ readonly todo: readonly Change[]; readonly warnings: readonly string[] }> {
  const before = await manager.state();
  const { paths } = asInstalled(before, context);
  const { registry } = await loadConfig(paths.config);
  const program = await programHere(paths);
  const isHardened = options.hardened ?? before.hardened;
  const directories = isHardened ? await missing(registry, paths) : [];
  const changes = await manager.install({
    program,
    hardened: isHardened ? await confinementOf(registry, paths) : undefined,
    start: options.start,
    anew: directories.length > 0 || (await isOfAnotherVersion(before, paths)),
  });
  const kept =
    paths === context.paths ? [] : [`Its config stays ${paths.config}; \`--config\` names another.`];
  return { todo: [...directories, ...changes], warnings: [...program.warnings, ...kept] };
}

async function programHere(paths: Paths): Promise<Program> {
  return await findProgram({
    node: process.execPath,
    script: process.argv[1] ?? "",
    paths,
    home: homeOf(process.env),
    env: process.env,
    again: "state-syncd service install",
  });
}

/** An upgrade in place changes no file of the service, and what runs is the old one until it is started anew. */
async function isOfAnotherVersion({ pid }: ServiceState, paths: Paths): Promise<boolean> {
  if (pid === null) return false;
  try {
    const health = await askDaemon(paths, { method: "GET", path: "/healthz", timeoutMs: ASK_TIMEOUT_MS });
    if (typeof health !== "object" || health === null || !("version" in health) || !("pid" in health))
      return false;
    return health.pid === pid && health.version !== VERSION;
  } catch (error) {
    if (!(error instanceof FaultError)) throw error;
    return false;
  }
}

/** Who names no config means the one that the service was installed with. */
export function asInstalled(
  { command }: Pick<ServiceState, "command">,
  context: CommandContext,
): CommandContext {
  const at = command.indexOf("--config");
  const config = at < 0 ? undefined : command[at + 1];
  if (context.paths.configChosen || config === undefined) return context;
  return { ...context, paths: { ...context.paths, config, configChosen: true } };
}

/** What does not answer is left as it is. */
async function missing(registry: Registry, paths: Paths): Promise<Change[]> {
  return await missingDirectories({ ...registry, repos: await answering(registry.repos) }, paths);
}

/**
 * Has the installed service run the program that runs now, and else be as it is: hardened or not,
 * started or not, with its config and its environment.
 *
 * @throws FaultError SERVICE_FAILED where this program is one that will not be there for long, and the installed one is there.
 */
export async function installThisProgram(context: CommandContext): Promise<void> {
  const manager = await chooseManager(process.env);
  const state = await manager.state();
  const { node, script, warnings } = await programHere(context.paths);
  const [first] = warnings;
  if (first !== undefined && (await runs(state.command))) {
    throw new FaultError("SERVICE_FAILED", `the service keeps what it runs, for ${first}`);
  }
  const command = [node, script, ...state.command.slice(2)];
  const start = state.activity !== "stopped";
  await apply(await planRefresh(manager, { ...state, command }, context, start), manager);
}

/** Brings the files of the installed service up to date, and has it start at login; what it runs stays. */
export async function refreshInstalled(context: CommandContext): Promise<void> {
  const manager = await chooseManager(process.env);
  await apply(await planRefresh(manager, await manager.state(), context), manager);
}

async function runs([node = "", script = ""]: readonly string[]): Promise<boolean> {
  return (await ask(node, [script, "--version"])).code === 0;
}

async function apply(changes: readonly Change[], manager: ServiceManager): Promise<void> {
  for (const change of changes) await applyChange(change, (step) => manager.run(step));
}

/** What it takes to have the installed service as this version, and the config, would have it; what it runs stays. */
export async function planRefresh(
  manager: ServiceManager,
  { command, environment, hardened, activity }: ServiceState,
  context: CommandContext,
  // Who has stopped it does not want it started by an edit.
  start = activity !== "stopped" && activity !== "failed",
): Promise<readonly Change[]> {
  const { paths } = asInstalled({ command }, context);
  const { registry } = await loadConfig(paths.config);
  const directories = hardened ? await missing(registry, paths) : [];
  const [node = "", script = "", ...args] = command;
  const changes = await manager.install({
    program: { node, script, args, environment, warnings: [] },
    hardened: hardened ? await confinementOf(registry, paths) : undefined,
    start,
    anew: directories.length > 0,
  });
  return [...directories, ...changes];
}
