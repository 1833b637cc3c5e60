import { EXIT, type ExitCode, FaultError } from "../errors.ts";
import { consult } from "../hooks/consult.ts";
import { type CommandContext, complainProse, printFacts, printText } from "./context.ts";
import { aloneWith } from "./hook-alone.ts";
import { BUDGET, LEAST_BUDGET } from "./hook-event.ts";

export interface HookPrintOptions {
  readonly format?: "text" | "json" | undefined;
  /** The longest that the text may become, or all digests together, in characters. */
  readonly budget?: number | undefined;
}

/** What `hook session-start` would tell, for a person, a script, or an agent whose harness has no hooks. */
export async function hookPrint(
  { format, budget = BUDGET }: HookPrintOptions,
  context: CommandContext,
): Promise<ExitCode> {
  if (!Number.isSafeInteger(budget) || budget < LEAST_BUDGET || budget > MOST) {
    const expected = `a whole number of characters from ${LEAST_BUDGET} to ${MOST}`;
    throw new FaultError("USAGE", `--budget${Number.isNaN(budget) ? "" : ` ${budget}`}: must be ${expected}`);
  }
  const { paths, cwd: directory } = context;
  const question = { kind: "print", directory, budgets: { news: budget, all: budget } } as const;
  const { text, facts } = await consult(question, {
    paths,
    now: Date.now(),
    alone: async () => aloneWith(context),
  });
  if (context.json || format === "json") printFacts(context, facts ?? null);
  else if (text !== null) printText(context, text);
  if (facts === null || facts === undefined)
    complainProse(
      context,
      `${directory} is in no repo that takes part: \`state-syncd repos list\` tells which do.`,
    );
  else if (facts.peers.length === 0) complainProse(context, `${facts.repo} reads no peer.`);
  return EXIT.ok;
}

/** A person may want more than a harness hands on. */
const MOST = 100_000;
