import type { ExitCode } from "../errors.ts";
import { type CommandContext, printFacts, printText } from "./context.ts";
import { currentStatus } from "./current-status.ts";
import { exitCodeFor, reportText } from "./status-text.ts";

/** `status`: the truth about every edge, and the exit code that goes with it. */
export async function status(
  options: { readonly watch: boolean },
  context: CommandContext,
): Promise<ExitCode> {
  if (options.watch) return await (await import("./watch.ts")).watch(context);
  const report = await currentStatus(context);
  if (context.json) printFacts(context, report);
  else printText(context, await reportText(report, context));
  return exitCodeFor(report);
}
