import type { ExitCode } from "../errors.ts";
import type { CommandContext } from "./context.ts";
import { aloneWith } from "./hook-alone.ts";
import { hookEvent, type HookName, type HookOptions } from "./hook-event.ts";

/** A hook whose line says more than `hook.ts` understands, as a `--config` before its name. */
export async function hookHere(
  name: HookName,
  options: HookOptions,
  context: CommandContext,
): Promise<ExitCode> {
  return await hookEvent(name, options, context.paths, async () => aloneWith(context));
}
