import { EXIT, type ExitCode, FaultError } from "../errors.ts";
import type { HookChange, SettingsEdit } from "../hooks/settings/edit.ts";
import {
  edited,
  readSettings,
  refuseReadOnly,
  type SettingsFile,
  writeSettings,
} from "../hooks/settings/file.ts";
import { ask, canAsk } from "./ask.ts";
import { type CommandContext, complain, printFacts } from "./context.ts";
import type { HookPlace } from "./hook-place.ts";
import { settingsDiff } from "./settings-diff.ts";

export interface EditOptions {
  /** Show what would be written; write nothing. */
  readonly dryRun: boolean;
  /** Write without asking. */
  readonly yes: boolean;
}

/** Somebody's save comes in between once; more often than this means a program in a loop. */
const MOST_TRIES = 5;

export interface EditOutcome {
  readonly code: ExitCode;
  readonly written: boolean;
  readonly changes: readonly HookChange[];
  /** What stands in the file now. */
  readonly text: string;
}

/**
 * Shows a change of a settings file, asks, and writes it.
 *
 * @param file as it was read for what is shown.
 * @param facts what `--json` prints beside what was done.
 * @throws FaultError a SETTINGS_ code; the file is as it was then.
 */
export async function editSettings(
  file: SettingsFile,
  change: (text: string) => SettingsEdit,
  place: HookPlace,
  options: EditOptions,
  facts: Readonly<Record<string, unknown>>,
  context: CommandContext,
): Promise<EditOutcome> {
  const first = edited(file, change);
  const tell = (written: boolean, { changes }: SettingsEdit): void => {
    if (context.json)
      printFacts(context, { written, file: file.path, scope: place.scope, changes, ...facts });
  };
  if (first.changes.length === 0) {
    tell(false, first);
    return { code: EXIT.ok, written: false, changes: [], text: file.text };
  }
  await showDiff(file, first.text, place, options, context);
  if (options.dryRun) {
    tell(false, first);
    return { code: EXIT.ok, written: false, changes: first.changes, text: file.text };
  }
  await refuseReadOnly(file);
  const consent = options.yes ? "yes" : await ask(`Write this to ${file.path}?`, context);
  if (consent !== "yes") {
    tell(false, first);
    const nobody = "Nothing was written: there is no terminal to ask on. Add `--yes` to write it.";
    complain(context, consent === "nobody" ? nobody : "Nothing was written.");
    const code = consent === "nobody" ? EXIT.usage : EXIT.failed;
    return { code, written: false, changes: [], text: file.text };
  }
  const done = await write(file, first, change);
  tell(true, done);
  return { code: EXIT.ok, written: true, changes: done.changes, text: done.text };
}

async function write(
  file: SettingsFile,
  first: SettingsEdit,
  change: (text: string) => SettingsEdit,
): Promise<SettingsEdit> {
  if (await writeSettings(file, first.text)) return first;
  // An editor was faster, or an agent that remembers a permission: once more, on top of what it wrote.
  for (let tries = 1; tries < MOST_TRIES; tries += 1) {
    const present = await readSettings(file.path);
    const next = edited(present, change);
    if (next.changes.length === 0 || (await writeSettings(present, next.text))) return next;
  }
  const message = `${file.path} is changed by another program again and again`;
  throw new FaultError("SETTINGS_UNWRITABLE", message, { path: file.path });
}

/** On stdout, but for `--json`, where whoever is asked wants to see it all the same. */
async function showDiff(
  file: SettingsFile,
  after: string,
  place: HookPlace,
  { dryRun, yes }: EditOptions,
  context: CommandContext,
): Promise<void> {
  const isAsked = !yes && !dryRun && canAsk(context);
  if (context.json && !isAsked) return;
  const stream = context.json ? context.stderr : context.stdout;
  const rules = place.config?.guard ?? { patterns: {}, allow: [] };
  for (const line of await settingsDiff(file, after, rules)) stream.write(`${line}\n`);
}
