import { styleText } from "node:util";
import { type Config, ConfigError, loadConfig } from "../config/load.ts";
import { examine } from "../doctor/checks.ts";
import { type Finding, problem, type World } from "../doctor/finding.ts";
import { EXIT, type ExitCode, FaultError } from "../errors.ts";
import { wantsColour } from "../log/format.ts";
import { homeOf } from "../paths.ts";
import { chooseManager } from "../service/choose.ts";
import { type CommandContext, print, printFacts, printProse } from "./context.ts";
import { currentStatus } from "./current-status.ts";
import { asInstalled, installThisProgram, planRefresh, refreshInstalled } from "./service-plan.ts";
import { answering } from "../store/disks.ts";
import { visible } from "../visible.ts";

export interface DoctorOptions {
  /** Mend what can be mended without asking. */
  readonly fix: boolean;
}

/** `doctor`: looks for what goes wrong in practice. Exit code 0 where nothing has to be done, 1 otherwise. */
export async function doctor(options: DoctorOptions, given: CommandContext): Promise<ExitCode> {
  const first: Finding[] = [];
  const here = await serviceHere();
  const { service } = here;
  const context = service === undefined ? given : asInstalled(service.state, given);
  const world = await lookAround(first, here, context);
  const findings = [...first, ...(await examine(world))];
  const mended = options.fix ? await mend(findings) : new Map<Finding, string>();
  if (context.json)
    printFacts(
      context,
      findings.map((finding) => asFact(finding, mended)),
    );
  else tell(findings, mended, options, context);
  return findings.some((finding) => isIll(finding) && mended.get(finding) !== MENDED) ? EXIT.failed : EXIT.ok;
}

/** @param found gets what keeps a part of the world from being looked at. */
async function lookAround(
  found: Finding[],
  { service, noService }: Pick<World, "service" | "noService">,
  context: CommandContext,
): Promise<World> {
  const { env, platform } = process;
  const config = await attempt(found, "config", () => loadConfig(context.paths.config));
  const report =
    config === undefined ? undefined : await attempt(found, "daemon", () => currentStatus(context));
  return {
    paths: context.paths,
    env,
    home: homeOf(env),
    platform,
    now: Date.now(),
    config: config === undefined ? undefined : await attempt(found, "disk", () => withoutSilent(config)),
    report,
    service,
    noService,
    drift: async () =>
      service === undefined ? [] : await planRefresh(service.manager, service.state, context),
    reinstall: () => installThisProgram(context),
    refresh: () => refreshInstalled(context),
  };
}

/** Without the repos whose disks do not answer, of which the report tells: no check waits for them. */
async function withoutSilent(config: Config): Promise<Config> {
  const { registry } = config;
  return { ...config, registry: { ...registry, repos: await answering(registry.repos) } };
}

async function attempt<T>(found: Finding[], about: string, look: () => Promise<T>): Promise<T | undefined> {
  try {
    return await look();
  } catch (error) {
    if (!(error instanceof FaultError)) throw error;
    const { remedy } = error.fault;
    if (error instanceof ConfigError) found.push(...error.lines.map((line) => problem(about, line, remedy)));
    else found.push(problem(about, error.message, remedy));
    return undefined;
  }
}

/** Where no manager answers there is no service. */
async function serviceHere(): Promise<Pick<World, "service" | "noService">> {
  try {
    const manager = await chooseManager(process.env);
    return { service: { manager, state: await manager.state() }, noService: undefined };
  } catch (error) {
    if (!(error instanceof FaultError)) throw error;
    return { service: undefined, noService: error };
  }
}

const MENDED = "mended";

/** What each attempt came to: {@link MENDED}, or why not. One deed mends all that ask for it. */
async function mend(findings: readonly Finding[]): Promise<Map<Finding, string>> {
  const outcomes = new Map<Finding, string>();
  const done = new Map<string, string>();
  for (const finding of findings) {
    const { fix } = finding;
    if (fix === undefined || !isIll(finding)) continue;
    const outcome = done.get(fix.describe) ?? (await outcomeOf(fix.apply));
    done.set(fix.describe, outcome);
    outcomes.set(finding, outcome);
  }
  return outcomes;
}

async function outcomeOf(apply: () => Promise<void>): Promise<string> {
  try {
    await apply();
    return MENDED;
  } catch (error) {
    if (!(error instanceof FaultError)) throw error;
    return `not mended: ${error.message}`;
  }
}

function isIll({ level }: Finding): boolean {
  return level === "warning" || level === "error";
}

function asFact(finding: Finding, mended: ReadonlyMap<Finding, string>): unknown {
  const { about, level, message, remedy, fix } = finding;
  return { about, level, message, remedy, fix: fix?.describe ?? null, outcome: mended.get(finding) ?? null };
}

const LOOKS = {
  fine: { word: "ok", colour: "green" },
  note: { word: "note", colour: "cyan" },
  warning: { word: "warn", colour: "yellow" },
  error: { word: "wrong", colour: "red" },
} as const;

/** What is wrong comes last: that is what is read first in a terminal. */
function tell(
  findings: readonly Finding[],
  mended: ReadonlyMap<Finding, string>,
  options: DoctorOptions,
  context: CommandContext,
): void {
  const colour = wantsColour(context.stdout, process.env);
  const order = ["fine", "note", "warning", "error"];
  const sorted = findings.toSorted((one, other) => order.indexOf(one.level) - order.indexOf(other.level));
  const width = Math.max(...findings.map(({ about }) => about.length));
  for (const [at, finding] of sorted.entries()) {
    const { word, colour: paint } = LOOKS[finding.level];
    const mark = colour ? styleText(paint, word.padEnd(5), { validateStream: false }) : word.padEnd(5);
    const indent = " ".repeat(7 + width + 2);
    const say = (text: string, first = indent): void => printProse(context, text, indent, first);
    say(finding.message, `${mark}  ${visible(finding.about).padEnd(width)}  `);
    const next = sorted[at + 1];
    const isSaidBelow = next?.about === finding.about && next.remedy === finding.remedy;
    if (finding.remedy !== "" && !isSaidBelow) say(finding.remedy);
    const outcome = mended.get(finding);
    if (outcome !== undefined) say(outcome === MENDED ? `${finding.fix?.describe ?? ""}: done` : outcome);
    else if (finding.fix !== undefined && isIll(finding)) say("`state-syncd doctor --fix` does that.");
  }
  print(context, "");
  printProse(context, summary(findings, mended, options));
}

function summary(
  findings: readonly Finding[],
  mended: ReadonlyMap<Finding, string>,
  { fix }: DoctorOptions,
): string {
  const ill = findings.filter((finding) => isIll(finding) && mended.get(finding) !== MENDED);
  if (ill.length === 0) return mended.size > 0 ? "All that was wrong is mended." : "Nothing is wrong.";
  const mendable = fix ? 0 : ill.filter((finding) => finding.fix !== undefined).length;
  const hint = mendable === 0 ? "" : `; \`state-syncd doctor --fix\` mends ${mendable} of them`;
  return `${ill.length} ${ill.length === 1 ? "thing wants" : "things want"} to be looked at${hint}.`;
}
