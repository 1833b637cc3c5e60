import { loadConfig } from "../config/load.ts";
import { EXIT, type ExitCode, FaultError } from "../errors.ts";
import { locate } from "../paths.ts";
import { applyChange, type Change, describeChange } from "../service/change.ts";
import { chooseManager } from "../service/choose.ts";
import type { ControlVerb, ServiceManager, ServiceState } from "../service/manager.ts";
import { lockHolder } from "../store/lock-holder.ts";
import { type CommandContext, complain, complainProse, print, printFacts, printProse } from "./context.ts";
import { asInstalled, type InstallWish, planInstall, planRefresh } from "./service-plan.ts";
import { outcomeLine, STATE_INDENT, stateLines } from "./service-state.ts";
import { tellWhyNotRunning } from "./why-not-running.ts";

export interface ServiceOptions {
  /** Print what would be done, and do nothing. */
  readonly dryRun: boolean;
}

export type InstallOptions = ServiceOptions & InstallWish;

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

/**
 * `service refresh`: a hardened service may write where the config says now. Run by the service
 * manager when the config has changed.
 */
export async function serviceRefresh(options: ServiceOptions, context: CommandContext): Promise<ExitCode> {
  const manager = await chooseManager(process.env);
  const { config } = asInstalled(await manager.state(), context).paths;
  const done: Change[] = [];
  // What is saved while the manager runs this does not start it once more.
  for (let last = ""; ;) {
    const state = await manager.state();
    if (state.files.length === 0) throw new FaultError("SERVICE_MISSING", "the service is not installed");
    if (!state.hardened) {
      complain(context, "The service is not hardened: there is nothing to refresh.");
      return EXIT.ok;
    }
    const { sha256 } = await loadConfig(config);
    if (sha256 === last) break;
    last = sha256;
    const changes = await planRefresh(manager, state, context);
    if (options.dryRun) {
      tellPlan(changes, context);
      return EXIT.ok;
    }
    await perform(changes, manager, context);
    done.push(...changes);
  }
  tellDone(done, context);
  return EXIT.ok;
}

/** `service uninstall`: nothing is left of the service. What the daemon keeps (log, copies of caches) stays. */
export async function serviceUninstall(options: ServiceOptions, context: CommandContext): Promise<ExitCode> {
  const manager = await chooseManager(process.env);
  const stateDirectory = await itsStateDirectory(manager, context);
  const changes = await manager.uninstall();
  if (changes.length === 0 && !context.json) {
    complain(context, "The service is not installed: there is nothing to remove.");
    return EXIT.ok;
  }
  await carryOut(changes, manager, options, context);
  if (changes.length === 0 || options.dryRun) return EXIT.ok;
  complainProse(
    context,
    `Left in place: your config, the caches, and ${stateDirectory} (log, copies of caches).`,
  );
  return EXIT.ok;
}

/** The daemon's, which need not be this command's. Where the manager does not answer, this command's. */
async function itsStateDirectory(manager: ServiceManager, { paths }: CommandContext): Promise<string> {
  try {
    const { environment } = await manager.state();
    return locate(undefined, { ...process.env, ...environment }).stateDirectory;
  } catch (error) {
    if (!(error instanceof FaultError)) throw error;
    return paths.stateDirectory;
  }
}

/** `service start`, `stop`, `restart`. */
export async function serviceControl(
  verb: ControlVerb,
  options: ServiceOptions,
  context: CommandContext,
): Promise<ExitCode> {
  const manager = await chooseManager(process.env);
  const changes = await manager.control(verb);
  const before = verb === "stop" || changes.length === 0 ? [] : await prepared(manager, context);
  await carryOut([...before, ...changes], manager, options, context);
  if (options.dryRun) return EXIT.ok;
  return await tellOutcome(manager, verb !== "stop", context);
}

/**
 * What a hardened service may write is settled when it starts, so it is brought up to date before.
 *
 * @throws FaultError a CONFIG_ code where one runs: it has a good config, and would not come up with this one.
 */
async function prepared(manager: ServiceManager, context: CommandContext): Promise<readonly Change[]> {
  const state = await manager.state();
  const { paths } = asInstalled(state, context);
  try {
    await loadConfig(paths.config);
    return state.hardened ? await planRefresh(manager, state, context, false) : [];
  } catch (error) {
    if (!(error instanceof FaultError)) throw error;
    if (isUp(state)) {
      complainProse(context, "The service was not restarted: with this config it would not start again.");
      throw error;
    }
    return [];
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
  await perform(changes, manager, context);
  tellDone(changes, context);
}

async function perform(
  changes: readonly Change[],
  manager: ServiceManager,
  context: CommandContext,
): Promise<void> {
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
}

function tellDone(changes: readonly Change[], context: CommandContext): void {
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
