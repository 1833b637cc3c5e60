import { setTimeout as delay } from "node:timers/promises";
import { EXIT, type ExitCode } from "../errors.ts";
import type { StatusReport } from "../status/report.ts";
import { type CommandContext, printText } from "./context.ts";
import { currentStatus } from "./current-status.ts";

const REFRESH_MS = 1_000;
const CLEAR_BELOW = "\u001b[J";
const CLEAR_LINE_END = "\u001b[K";
const HOME = "\u001b[H";

/** `status`: the truth about every edge, and the exit code that goes with it. */
export async function status(
  options: { readonly watch: boolean },
  context: CommandContext,
): Promise<ExitCode> {
  if (options.watch) return await watch(context);
  const report = await currentStatus(context);
  printText(context, await text(report, context));
  return exitCode(report);
}

function exitCode(report: StatusReport): ExitCode {
  if (report.status === "down") return EXIT.notRunning;
  return report.status === "healthy" ? EXIT.ok : EXIT.failed;
}

async function text(report: StatusReport, context: CommandContext): Promise<string> {
  if (context.json) return JSON.stringify(report);
  const { statusText } = await import("../status/text.ts");
  return statusText(report, { now: Date.now(), colour: wantsColour(context.stdout) });
}

function wantsColour(stream: NodeJS.WriteStream): boolean {
  return stream.isTTY && (process.env["NO_COLOR"] ?? "") === "";
}

/** Draws over the last picture instead of clearing it first, so that nothing flickers. */
async function watch(context: CommandContext): Promise<ExitCode> {
  const { stdout } = context;
  const stop = new AbortController();
  process.once("SIGINT", () => stop.abort());
  let report = await currentStatus(context);
  while (!stop.signal.aborted) {
    const picture = await text(report, context);
    if (stdout.isTTY && !context.json) {
      stdout.write(
        `${HOME}${picture.replaceAll("\n", `${CLEAR_LINE_END}\n`)}${CLEAR_LINE_END}\n${CLEAR_BELOW}`,
      );
    } else {
      printText(context, picture);
    }
    await delay(REFRESH_MS, undefined, { signal: stop.signal }).catch(() => undefined);
    if (!stop.signal.aborted) report = await currentStatus(context);
  }
  return exitCode(report);
}
