import { EXIT, type ExitCode, FaultError } from "../errors.ts";
import { chain, type Step } from "../status/chain.ts";
import { type CommandContext, print, printFacts } from "./context.ts";
import { currentStatus } from "./current-status.ts";

/** `explain`: the way of one repo's state, step by step, and where it stopped. */
export async function explain(name: string, context: CommandContext): Promise<ExitCode> {
  const report = await currentStatus(context);
  const repo = report.repos.find((candidate) => candidate.name === name);
  if (repo === undefined) {
    const known = report.repos.map((candidate) => candidate.name).join(", ") || "none";
    throw new FaultError("REPO_UNKNOWN", `Unknown repo: ${name}. Registered are: ${known}`, { repo: name });
  }
  if (repo.role === "passive")
    throw new FaultError("REPO_PASSIVE", `${name} is a passive repo`, { repo: name });
  const steps = chain(repo, report, Date.now());
  const edges = report.edges.filter((edge) => edge.from === name);
  if (context.json) printFacts(context, { repo: name, steps, edges });
  else for (const step of steps) printStep(step, context);
  return steps.every((step) => step.ok) ? EXIT.ok : EXIT.failed;
}

function printStep(step: Step, context: CommandContext): void {
  print(context, `${step.ok ? "ok  " : "STOP"}  ${step.what}`);
  for (const line of [step.why, step.remedy]) if (line !== undefined) print(context, `      ${line}`);
}
