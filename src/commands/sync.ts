import { EXIT, type ExitCode, type Fault, FaultError } from "../errors.ts";
import type { EdgeResult } from "../sync/reconciler.ts";
import { type CommandContext, complainProse, print, printFacts } from "./context.ts";
import { handOver } from "./hand-over.ts";

export interface SyncOptions {
  readonly repos: readonly string[];
  readonly all: boolean;
  readonly dryRun: boolean;
}

/** `sync`: pushes repos' states to their peers now. */
export async function sync(options: SyncOptions, context: CommandContext): Promise<ExitCode> {
  if (options.all && options.repos.length > 0) throw new FaultError("USAGE", "--all takes no names");
  const selection = { repos: options.repos, all: options.all, around: context.cwd };
  if (options.dryRun) {
    const { dryRun } = await import("./dry-run.ts");
    return await dryRun(selection, context);
  }
  const { edges } = await handOver(context, {
    path: "/sync",
    body: selection,
    local: async (reconciler, select) => ({
      edges: await reconciler.sync(await select(reconciler.registry, selection, "sync"), !options.all),
    }),
  });
  if (context.json) printFacts(context, { edges });
  else for (const edge of edges) if (isWritten(edge)) print(context, successLine(edge));
  complainOnce(
    context,
    edges.map(({ fault }) => fault),
  );
  if (edges.length === 0) complainProse(context, "Nothing to do: no peer receives the state of these repos.");
  return edges.some((edge) => edge.fault !== undefined) ? EXIT.failed : EXIT.ok;
}

/** Scripts look for this line: it is part of the contract, to the letter. */
export function successLine(edge: EdgeResult): string {
  return `[state_sync] Synced ${edge.from} STATE.md -> ${edge.writtenCache}`;
}

function isWritten(edge: EdgeResult): boolean {
  return edge.outcome === "written" || edge.outcome === "refreshed";
}

/** Tells each fault once: one unreadable file is one fault, however many peers wait for it. */
export function complainOnce(context: CommandContext, found: readonly (Fault | undefined)[]): void {
  const faults = new Map<string, Fault>();
  for (const fault of found) if (fault !== undefined) faults.set(fault.message, fault);
  for (const { message, remedy } of faults.values()) {
    complainProse(context, `[state_sync] ${message}`, "  ", "");
    complainProse(context, remedy, "  ");
  }
}
