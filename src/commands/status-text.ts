import { EXIT, type ExitCode } from "../errors.ts";
import { widthOf } from "../status/layout.ts";
import type { TextOptions } from "../status/look.ts";
import type { StatusReport } from "../status/report.ts";
import type { CommandContext } from "./context.ts";

/** A report as it is printed: as wide as the terminal, or as it is where there is none. */
export async function reportText(report: StatusReport, context: CommandContext): Promise<string> {
  const { statusText } = await import("../status/text.ts");
  return statusText(report, await options(report, context, widthOf(context.stdout)));
}

/** A report for a screen of this size. */
export async function reportLines(
  report: StatusReport,
  context: CommandContext,
  size: { readonly columns: number; readonly rows: number },
): Promise<string[]> {
  const { statusLines } = await import("../status/text.ts");
  return statusLines(report, await options(report, context, size.columns), size.rows);
}

export function exitCodeFor(report: StatusReport): ExitCode {
  if (report.status === "down") return EXIT.notRunning;
  return report.status === "healthy" ? EXIT.ok : EXIT.failed;
}

async function options(
  report: StatusReport,
  context: CommandContext,
  columns: number | undefined,
): Promise<TextOptions> {
  const now = Date.now();
  const { isTTY } = context.stdout;
  const colour = isTTY && (process.env["NO_COLOR"] ?? "") === "";
  return { now, colour, columns, pausedUntil: await pauseEnds(report, context, now) };
}

/** The report says whether a repo is paused. How long that lasts stands in the file that outlives the daemon. */
async function pauseEnds(
  { repos }: StatusReport,
  { paths }: CommandContext,
  now: number,
): Promise<TextOptions["pausedUntil"]> {
  if (!repos.some(({ paused }) => paused)) return undefined;
  const { pausesIn, pauseOf } = await import("../daemon/pauses.ts");
  const pauses = await pausesIn(paths.pauseFile);
  return (repo) => pauseOf(pauses, repo, now)?.until;
}
