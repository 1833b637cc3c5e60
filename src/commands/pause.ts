import ms from "ms";
import { ask, ASK_TIMEOUT_MS } from "../control/client.ts";
import { EXIT, type ExitCode, FaultError } from "../errors.ts";
import { type CommandContext, print, printFacts } from "./context.ts";

/** `pause`: keeps one repo, or all of them, out of it. */
export async function pause(
  options: { readonly repo: string | undefined; readonly duration: string | undefined },
  context: CommandContext,
): Promise<ExitCode> {
  const forMs = options.duration === undefined ? undefined : milliseconds(options.duration);
  const answer = await tell("/pause", { repo: options.repo, forMs }, context);
  const until = typeof answer === "object" && answer !== null && "until" in answer ? answer.until : null;
  const end = typeof until === "string" ? `until ${until}` : "until `state-syncd resume`";
  if (context.json) printFacts(context, answer);
  else print(context, `Paused ${options.repo ?? "all repos"} ${end}.`);
  return EXIT.ok;
}

/** `resume`: ends a pause. */
export async function resume(
  options: { readonly repo: string | undefined },
  context: CommandContext,
): Promise<ExitCode> {
  const answer = await tell("/resume", { repo: options.repo }, context);
  if (context.json) printFacts(context, answer);
  else print(context, `Resumed ${options.repo ?? "all repos"}.`);
  return EXIT.ok;
}

async function tell(path: string, body: object, context: CommandContext): Promise<unknown> {
  const answer = await ask(context.paths, { method: "POST", path, body, timeoutMs: ASK_TIMEOUT_MS });
  if (answer === undefined)
    throw new FaultError("DAEMON_NOT_RUNNING", "no daemon runs, so there is nothing to pause or resume");
  return answer;
}

function milliseconds(text: string): number {
  // For a unit it does not know it returns undefined, whatever its type says.
  const length: number | undefined = /^\d/.test(text) ? ms(text as ms.StringValue) : undefined;
  if (length !== undefined && Number.isFinite(length) && length > 0 && /[a-z]/i.test(text))
    return Math.round(length);
  throw new FaultError("USAGE", `--for ${text}: must be a duration such as 30m, 2h or 1d`);
}
