import { FaultError } from "../errors.ts";
import type { ExcludePlan } from "../store/exclude.ts";
import { exclude, planExclude } from "../store/exclude.ts";
import { ask } from "./ask.ts";
import { type CommandContext, complainProse } from "./context.ts";

interface Candidate {
  readonly path: string;
  readonly role: "execution" | "passive";
}

/**
 * What is to be written so that git does not see the caches of these repos: nothing where somebody
 * says no, or where nobody is there to say yes.
 *
 * @param options `exclude`: what the command line says of it. `yes`: nothing is asked.
 * @returns undefined where somebody wants to stop.
 */
export async function excludePlans(
  repos: readonly Candidate[],
  options: { readonly exclude?: boolean | undefined; readonly yes?: boolean | undefined },
  context: CommandContext,
): Promise<readonly ExcludePlan[] | undefined> {
  if (options.exclude === false || (options.exclude === undefined && options.yes === true)) return [];
  const active = repos.filter(({ role }) => role === "execution");
  const plans = await Promise.all(active.map(({ path }) => planExclude(path)));
  const needed = plans.flatMap((plan) => (plan === undefined || plan.missing.length === 0 ? [] : [plan]));
  if (options.exclude === undefined && needed.length > 0) {
    const whose = needed.length === 1 ? "the cache" : `the caches of ${needed.length} repos`;
    const where = needed.length === 1 ? (needed[0]?.file ?? "") : ".git/info/exclude";
    const answer = await ask(`Hide ${whose} from git, by a line in ${where}?`, context);
    if (answer === "stopped") return undefined;
    if (answer !== "yes") return [];
  }
  return needed;
}

/** Writes them, and says where; false where one could not be written. */
export async function excludeAll(plans: readonly ExcludePlan[], context: CommandContext): Promise<boolean> {
  const done: string[] = [];
  // One after the other: worktrees of one repository have one file.
  for (const plan of plans) {
    try {
      await exclude(plan);
      done.push(plan.file);
    } catch (error) {
      if (!(error instanceof FaultError)) throw error;
      complainProse(context, error.message, "  ", "");
      complainProse(context, error.fault.remedy, "  ");
    }
  }
  const [file] = done;
  if (done.length > 1)
    complainProse(context, `git does not see the caches of ${done.length} repos any more.`);
  else if (file !== undefined) complainProse(context, `git does not see its cache any more: ${file}`);
  return done.length === plans.length;
}
