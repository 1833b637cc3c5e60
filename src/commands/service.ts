import { loadConfig } from "../config/load.ts";
import { ask as askDaemon, ASK_TIMEOUT_MS } from "../control/client.ts";
import { EXIT, type ExitCode, FaultError } from "../errors.ts";
import { applyChange, type Change, describeChange } from "../service/change.ts";
import { chooseManager } from "../service/choose.ts";
import { confinementOf, missingDirectories } from "../service/confinement.ts";
import type { ControlVerb, ServiceManager, ServiceState } from "../service/manager.ts";
import { findProgram, type Program } from "../service/program.ts";
import { ask } from "../service/tool.ts";
import { homeOf, locate, type Paths } from "../paths.ts";
import type { Registry } from "../core/registry.ts";
import { answering } from "../store/disks.ts";
import { lockHolder } from "../store/lock-holder.ts";
import { VERSION } from "../version.ts";
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
