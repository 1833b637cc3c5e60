import ms from "ms";
import { ask, ASK_TIMEOUT_MS } from "../control/client.ts";
import type { Registry } from "../core/registry.ts";
import type { Pauses } from "../daemon/pauses.ts";
import type { Paused, Resumed } from "../daemon/pausing.ts";
import { pausedUntil } from "../core/span.ts";
import { EXIT, type ExitCode, FaultError } from "../errors.ts";
import { type CommandContext, complain, print, printFacts } from "./context.ts";
import { elsewhereOrHere } from "./hand-over.ts";
import { withWriterLock } from "./writer-lock.ts";

/** `pause`: keeps one repo, or all of them, out of it. */
export async function pause(
  options: { readonly repo: string | undefined; readonly duration: string | undefined },
  context: CommandContext,
): Promise<ExitCode> {
  const { repo, duration } = options;
  const forMs = duration === undefined ? undefined : milliseconds(duration);
  const { answer, here } = await change(context, {
    path: "/pause",
    body: { repo, forMs },
    isAnswer: isPaused,
    local: async (pauses, name) => (await import("../daemon/pausing.ts")).pauseRepo(pauses, name, forMs),
  });
  const end =
    answer.until === null ? "until `state-syncd resume`" : pausedUntil(Date.parse(answer.until), Date.now());
  if (context.json) printFacts(context, answer);
  else print(context, `Paused ${repo ?? "all repos"} ${end}.`);
  if (here) complain(context, "No daemon runs: this counts from its next start on.");
  return EXIT.ok;
}

/** `resume`: ends a pause. */
export async function resume(
  options: { readonly repo: string | undefined },
  context: CommandContext,
): Promise<ExitCode> {
  const { repo } = options;
  const { answer } = await change(context, {
    path: "/resume",
    body: { repo },
    isAnswer: isResumed,
    local: async (pauses, name) => (await import("../daemon/pausing.ts")).resumeRepo(pauses, name),
  });
  if (context.json) printFacts(context, answer);
  else if (answer.resumed) print(context, `Resumed ${repo ?? "all repos"}.`);
  else if (repo === undefined) print(context, "Nothing to resume: no repo was paused.");
  else if (!answer.paused) print(context, `Nothing to resume: ${repo} was not paused.`);
  if (!answer.paused) return EXIT.ok;
  complain(
    context,
    `${repo ?? "every repo"} stays paused, for all repos are. End that with \`state-syncd resume\`.`,
  );
  return EXIT.failed;
}

interface Change<T> {
  readonly path: "/pause" | "/resume";
  readonly body: { readonly repo: string | undefined; readonly forMs?: number | undefined };
  readonly isAnswer: (value: unknown) => value is T;
  /** The same, done here: for when no daemon runs. */
  readonly local: (pauses: Pauses, name: string) => Promise<T>;
}

interface Done<T> {
  readonly answer: T;
  /** By this process, since no daemon runs. */
  readonly here: boolean;
}

async function change<T>(
  context: CommandContext,
  { path, body, isAnswer, local }: Change<T>,
): Promise<Done<T>> {
  const { paths } = context;
  return await elsewhereOrHere<Done<T>>(paths, {
    ask: async () => {
      const answer = await ask(paths, { method: "POST", path, body, timeoutMs: ASK_TIMEOUT_MS });
      if (answer === undefined) return undefined;
      if (isAnswer(answer)) return { answer, here: false };
      throw new FaultError("DAEMON_OTHER_VERSION", "the daemon's answer is not understood");
    },
    here: async () => {
      const { loadConfig } = await import("../config/load.ts");
      const config = await loadConfig(paths.config);
      return await withWriterLock(context, config, async () => ({
        answer: await changeFile(context, config.registry, body.repo, local),
        here: true,
      }));
    },
  });
}

/** The pauses outlive the daemon in a file, and may be changed there by who holds its lock. */
async function changeFile<T>(
  { paths }: CommandContext,
  registry: Registry,
  repo: string | undefined,
  local: Change<T>["local"],
): Promise<T> {
  const [{ Pauses: PausesFile }, { pauseTarget }, { writable }] = await Promise.all([
    import("../daemon/pauses.ts"),
    import("../daemon/pausing.ts"),
    import("../store/write-scope.ts"),
  ]);
  const name = pauseTarget(repo, registry);
  const pauses = new PausesFile(writable(paths.pauseFile, { registry, paths }), () => undefined);
  try {
    await pauses.load(Date.now());
    return await local(pauses, name);
  } finally {
    pauses.close();
  }
}

function isPaused(value: unknown): value is Paused {
  return (
    typeof value === "object" &&
    value !== null &&
    "until" in value &&
    (value.until === null || typeof value.until === "string")
  );
}

function isResumed(value: unknown): value is Resumed {
  return (
    typeof value === "object" &&
    value !== null &&
    "resumed" in value &&
    typeof value.resumed === "boolean" &&
    "paused" in value &&
    typeof value.paused === "boolean"
  );
}

function milliseconds(text: string): number {
  // For a unit it does not know it returns undefined, whatever its type says.
  const length: number | undefined = /^\d/.test(text) ? ms(text as ms.StringValue) : undefined;
  if (length !== undefined && Number.isFinite(length) && length > 0 && /[a-z]/i.test(text))
    return Math.round(length);
  throw new FaultError("USAGE", `--for ${text}: must be a duration such as 30m, 2h or 1d`);
}
