import { EXIT, type ExitCode, FaultError } from "../errors.ts";
import { findRepo } from "../core/registry.ts";
import { unknownRepo } from "../sync/select.ts";
import { chain, type Step } from "../status/chain.ts";
import { pausedUntil } from "../core/span.ts";
import { type CommandContext, printFacts, printProse } from "./context.ts";
import { currentStatus } from "./current-status.ts";

/** `explain`: the way of one repo's state, step by step, and where it stopped. */
export async function explain(name: string, context: CommandContext): Promise<ExitCode> {
  const report = await currentStatus(context);
  const repo = report.repos.find((candidate) => candidate.name === name);
  if (repo === undefined)
    throw unknownRepo(
      name,
      report.repos.map((candidate) => candidate.name),
    );
  if (repo.role === "passive")
    throw new FaultError("REPO_PASSIVE", `${name} is a passive repo`, { repo: name });
  const now = Date.now();
  const edges = report.edges.filter((edge) => edge.from === name);
  const alone = edges.length === 0 ? await whyAlone(name, report.daemon.config) : undefined;
  const paused = repo.paused ? await whenItEnds(name, context, now) : undefined;
  const steps = chain(repo, report, { now, alone, paused });
  if (context.json) printFacts(context, { repo: name, steps, edges });
  else for (const step of steps) printStep(step, context);
  return steps.every((step) => step.ok) ? EXIT.ok : EXIT.failed;
}

/** The report has no groups: the config has, by which whoever made it went. */
async function whyAlone(name: string, config: string): Promise<string | undefined> {
  const [{ loadConfig }, { whyNoTargets }] = await Promise.all([
    import("../config/load.ts"),
    import("../core/apart.ts"),
  ]);
  try {
    const { registry } = await loadConfig(config);
    const repo = findRepo(registry, name);
    return repo === undefined ? undefined : whyNoTargets(registry, repo);
  } catch (error) {
    // While the daemon goes on by its last good one.
    if (!(error instanceof FaultError)) throw error;
    return undefined;
  }
}

async function whenItEnds(name: string, { paths }: CommandContext, now: number): Promise<string> {
  const { pausesIn, pauseOf } = await import("../daemon/pauses.ts");
  return pausedUntil(pauseOf(await pausesIn(paths.pauseFile), name, now)?.until, now);
}

function printStep(step: Step, context: CommandContext): void {
  const indent = " ".repeat(6);
  printProse(context, step.what, indent, step.ok ? "ok    " : "STOP  ");
  for (const line of [step.why, step.remedy])
    if (line !== undefined) printProse(context, line, indent, indent);
}
