import { parseArgs } from "node:util";
import { HOOK_EVENTS, hookEvent, type HookName } from "./commands/hook-event.ts";
import { endForSure } from "./commands/ending.ts";
import { unanswered } from "./concurrently.ts";
import { here } from "./hooks/here.ts";
import { complain, isTerminalOrNothing } from "./hooks/standard-io.ts";
import { locate } from "./paths.ts";

/**
 * The way to a hook for who waits at each prompt and each tool call: without the command line's
 * parser, and in a file of its own. `cli.ts` does the same for a line that says more.
 */
async function main(argv: readonly string[]): Promise<void> {
  const [name = "", ...rest] = argv;
  const { values } = parseArgs({ args: rest, options: OPTIONS, strict: false, allowPositionals: true });
  const isForPeople = values.help !== undefined || (!isHookName(name) && isTerminalOrNothing());
  if (isForPeople) {
    await import("./cli.ts");
    return;
  }
  if (!isHookName(name)) throw new Error(`there is no hook ${name}`);
  const unknown = Object.keys(values).filter((key) => !Object.hasOwn(OPTIONS, key));
  const options = { budget: numberIn(values.budget), every: numberIn(values.every), unknown };
  const paths = locate(textIn(values.config));
  await hookEvent(name, options, paths, async () => {
    const { aloneWith } = await import("./commands/hook-alone.ts");
    const { stdin, stdout, stderr } = process;
    return aloneWith({ paths, json: false, cwd: here(), stdin, stdout, stderr });
  });
}

const OPTIONS = {
  config: { type: "string" },
  budget: { type: "string" },
  every: { type: "string" },
  json: { type: "boolean" },
  verbose: { type: "boolean" },
  help: { type: "boolean", short: "h" },
} as const;

function isHookName(name: string): name is HookName {
  return Object.hasOwn(HOOK_EVENTS, name);
}

function textIn(value: string | boolean | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** NaN for what is no number: that is told, and the usual one counts. */
function numberIn(value: string | boolean | undefined): number | undefined {
  return value === undefined ? undefined : Number(textIn(value));
}

// A harness takes other codes for a failed turn; one of them erases the user's prompt.
main(process.argv.slice(3))
  .catch((error: unknown) =>
    complain(`state-syncd hook: ${error instanceof Error ? error.message : String(error)}`),
  )
  .finally(() => {
    if (unanswered() > 0) endForSure(0);
  });
