import { EXIT, type ExitCode } from "../errors.ts";
import { findHooks, uninstallHooks } from "../hooks/settings/edit.ts";
import { edited, readSettings } from "../hooks/settings/file.ts";
import { type CommandContext, complainProse, print } from "./context.ts";
import { editSettings, type EditOptions } from "./hook-edit.ts";
import { findPlace, type ScopeOptions } from "./hook-place.ts";

export type HookUninstallOptions = ScopeOptions & EditOptions;

/**
 * `hook uninstall`: agents call state-syncd no more. Everybody else's hooks stay.
 *
 * @throws FaultError USAGE, REPO_PASSIVE or a SETTINGS_ code; nothing was written then.
 */
export async function hookUninstall(
  options: HookUninstallOptions,
  context: CommandContext,
): Promise<ExitCode> {
  const place = await findPlace(options, context);
  const file = await readSettings(place.file);
  const left = edited(file, findHooks).own.filter(({ call }) => !call.whole);
  const facts = { left: left.map(({ event, command, line }) => ({ event, command, line })) };
  const { code, written, changes } = await editSettings(file, uninstallHooks, place, options, facts, context);
  if (code !== EXIT.ok || context.json) return code;
  if (written) print(context, `Wrote ${file.path}.`);
  else if (changes.length === 0 && left.length === 0)
    complainProse(context, `Nothing to do: no hook in ${file.path} is ours.`);
  for (const { command, line } of left) {
    complainProse(context, `${file.path}:${line} calls state-syncd beside other things, and stays as it is.`);
    complainProse(context, `Take that part out by hand: ${command}`, "  ");
  }
  if (!written) return code;
  complainProse(context, "Claude Code calls state-syncd no more by this file.");
  complainProse(context, "A session that runs already goes on to, until it is restarted.");
  return code;
}
