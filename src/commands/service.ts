import { homedir } from "node:os";
import { loadConfig } from "../config/load.ts";
import { EXIT, type ExitCode, FaultError } from "../errors.ts";
import { applyChange, type Change, describeChange } from "../service/change.ts";
import { chooseManager } from "../service/choose.ts";
import { confinementOf, missingDirectories } from "../service/confinement.ts";
import type { ControlVerb, ServiceManager, ServiceState } from "../service/manager.ts";
import { findProgram } from "../service/program.ts";
import type { Registry } from "../core/registry.ts";
import { locate } from "../paths.ts";
import { answering } from "../store/disks.ts";
import { lockHolder } from "../store/lock-holder.ts";
import { type CommandContext, complain, complainProse, print, printFacts, printProse } from "./context.ts";
import { tellWhyNotRunning } from "./why-not-running.ts";
import { outcomeLine, STATE_INDENT, stateLines } from "./service-state.ts";

export interface ServiceOptions {
  /** Print what would be done, and do nothing. */
  readonly dryRun: boolean;
}

export interface InstallOptions extends ServiceOptions {
  /** Undefined keeps what is installed. */
  readonly hardened: boolean | undefined;
  readonly start: boolean;
}

/**
 * `service install`: the daemon runs now, and from each login on.
 *
 * @throws FaultError a CONFIG_ code: a service whose config is wrong would not start; or a SERVICE_ code.
 */
export async function serviceInstall(options: InstallOptions, context: CommandContext): Promise<ExitCode> {
  const manager = await chooseManager(process.env);
  const { todo, warnings } = await planInstall(manager, options, context);
  await carryOut(todo, manager, options, context);
  for (const warning of warnings) complainProse(context, warning);
  if (options.dryRun) return EXIT.ok;
  const code = await tellOutcome(manager, options.start, context);
  if (code === EXIT.ok && (await manager.state()).lingers === false) {
    complain(context, "It ends with your last session. To have it go on: `loginctl enable-linger`");
  }
  return code;
}

async function planInstall(
  manager: ServiceManager,
  options: Pick<InstallOptions, "hardened" | "start">,
  context: CommandContext,
): Promise<{ readonly todo: readonly Change[]; readonly warnings: readonly string[] }> {
  const { registry } = await loadConfig(context.paths.config);
  const before = await manager.state();
  const program = await findProgram({
    node: process.execPath,
    script: process.argv[1] ?? "",
    paths: context.paths,
    home: process.env["HOME"] || homedir(),
    env: process.env,
  });
  const isHardened = options.hardened ?? before.hardened;
  const changes = await manager.install({
    program,
    hardened: isHardened ? await confinementOf(registry, context.paths) : undefined,
    start: options.start,
  });
  const directories = isHardened ? await missing(registry, context) : [];
  return { todo: [...directories, ...changes], warnings: program.warnings };
}

/** What does not answer is left as it is. */
async function missing(registry: Registry, context: CommandContext): Promise<Change[]> {
  return await missingDirectories({ ...registry, repos: await answering(registry.repos) }, context.paths);
}

/** Installs the service as it is, hardened or not, started or not, with the program that runs now. */
export async function installAsItIs(context: CommandContext): Promise<void> {
  const manager = await chooseManager(process.env);
  const { hardened, activity } = await manager.state();
  const changes = await planInstall(manager, { hardened, start: activity !== "stopped" }, context);
  for (const change of changes.todo) await applyChange(change, (step) => manager.run(step));
}

/**
 * `service refresh`: a hardened service may write where the config says now. Run by the service
 * manager when the config has changed.
 */
export async function serviceRefresh(options: ServiceOptions, context: CommandContext): Promise<ExitCode> {
  const manager = await chooseManager(process.env);
  const state = await manager.state();
  if (state.files.length === 0) throw new FaultError("SERVICE_MISSING", "the service is not installed");
  if (!state.hardened) {
    complain(context, "The service is not hardened: there is nothing to refresh.");
    return EXIT.ok;
  }
  await carryOut(await planRefresh(manager, state, context), manager, options, context);
  return EXIT.ok;
}

/** What it takes to have the installed service as this version, and the config, would have it; what it runs stays. */
export async function planRefresh(
  manager: ServiceManager,
  { command, environment, hardened, activity }: ServiceState,
  context: CommandContext,
): Promise<readonly Change[]> {
  const { registry } = await loadConfig(context.paths.config);
  const [node = "", script = "", ...args] = command;
  const changes = await manager.install({
    program: { node, script, args, environment, warnings: [] },
    hardened: hardened ? await confinementOf(registry, context.paths) : undefined,
    // Who has stopped it does not want it started by an edit.
    start: activity !== "stopped" && activity !== "failed",
  });
  return [...(hardened ? await missing(registry, context) : []), ...changes];
}

/** `service uninstall`: nothing is left of the service. What the daemon keeps (log, copies of caches) stays. */
export async function serviceUninstall(options: ServiceOptions, context: CommandContext): Promise<ExitCode> {
  const manager = await chooseManager(process.env);
  const changes = await manager.uninstall();
  if (changes.length === 0 && !context.json) {
    complain(context, "The service is not installed: there is nothing to remove.");
    return EXIT.ok;
  }
  await carryOut(changes, manager, options, context);
  if (changes.length === 0 || options.dryRun) return EXIT.ok;
  complainProse(
    context,
    `Left in place: your config, the caches, and ${context.paths.stateDirectory} (log, copies of caches).`,
  );
  return EXIT.ok;
}

/** `service start`, `stop`, `restart`. */
export async function serviceControl(
  verb: ControlVerb,
  options: ServiceOptions,
  context: CommandContext,
): Promise<ExitCode> {
  const manager = await chooseManager(process.env);
  const changes = await manager.control(verb);
  if (verb === "restart" && !options.dryRun) await requireConfigOf(await manager.state(), context);
  await carryOut(changes, manager, options, context);
  if (options.dryRun) return EXIT.ok;
  return await tellOutcome(manager, verb !== "stop", context);
}

/** A daemon that runs goes on by its last good config. One that starts has none, and would end at once. */
async function requireConfigOf(state: ServiceState, context: CommandContext): Promise<void> {
  if (!isUp(state)) return;
  const { command, environment } = state;
  const at = command.indexOf("--config");
  const option = at < 0 ? undefined : command[at + 1];
  try {
    await loadConfig(locate(option, { HOME: process.env["HOME"], ...environment }).config);
  } catch (error) {
    if (error instanceof FaultError)
      complainProse(context, "The service was not restarted: with this config it would not start again.");
    throw error;
  }
}

/** `service status`: exit code 0 where it runs, 3 where it does not. */
export async function serviceStatus(context: CommandContext): Promise<ExitCode> {
  const state = await (await chooseManager(process.env)).state();
  if (context.json) printFacts(context, state);
  else for (const line of stateLines(state, Date.now())) printProse(context, line, STATE_INDENT);
  return isUp(state) ? EXIT.ok : EXIT.notRunning;
}

async function carryOut(
  changes: readonly Change[],
  manager: ServiceManager,
  options: ServiceOptions,
  context: CommandContext,
): Promise<void> {
  if (options.dryRun) {
    tellPlan(changes, context);
    return;
  }
  const began = new Date();
  for (const change of changes) {
    if (!context.json) complain(context, describeChange(change));
    try {
      await applyChange(change, (step) => manager.run(step));
    } catch (error) {
      if (change.kind === "run") await tellWhyNotRunning(began, context);
      throw error;
    }
  }
  if (context.json) printFacts(context, { done: changes });
  else if (changes.length === 0) complain(context, "Nothing to do: it is so already.");
}

function tellPlan(changes: readonly Change[], context: CommandContext): void {
  if (context.json) {
    printFacts(context, { wouldDo: changes });
    return;
  }
  if (changes.length === 0) print(context, "Nothing to do: it is so already.");
  for (const change of changes) {
    print(context, describeChange(change));
    if (change.kind !== "write") continue;
    for (const line of change.content.trimEnd().split("\n")) print(context, `    ${line}`.trimEnd());
  }
}

async function tellOutcome(
  manager: ServiceManager,
  wanted: boolean,
  context: CommandContext,
): Promise<ExitCode> {
  const state = await manager.state();
  if (!context.json) print(context, outcomeLine(state));
  if (!wanted) return EXIT.ok;
  // One that finds another at work is up for a moment, and leaves.
  const holder = await lockHolder(context.paths);
  if (holder?.role === "daemon" && holder.pid !== state.pid) {
    complain(context, `Another daemon runs already, and not as a service: pid ${holder.pid}.`);
    complain(
      context,
      "  End it (^C where it runs, or `kill` with its pid), then `state-syncd service start`.",
    );
    return EXIT.failed;
  }
  if (isUp(state)) return EXIT.ok;
  complain(context, "  Why: `state-syncd logs -n 20`.");
  return EXIT.failed;
}

function isUp({ activity }: ServiceState): boolean {
  return activity === "running" || activity === "reloading" || activity === "starting";
}
