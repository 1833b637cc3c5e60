import { EXIT, type ExitCode } from "../errors.ts";
import { scriptPath } from "../hooks/settings/old-calls.ts";
import { type HookProgram, programAt, SHARED_PROGRAM } from "../hooks/settings/own-calls.ts";
import { findHooks, installHooks, type OldHook } from "../hooks/settings/edit.ts";
import { lookIntoSettings, offWords } from "../hooks/settings/look.ts";
import { edited, readSettings, repoSettings, userSettings } from "../hooks/settings/file.ts";
import { lookAtImports } from "../doctor/imports.ts";
import { findProgram } from "../service/program.ts";
import { ask, canAsk } from "./ask.ts";
import { type CommandContext, complain, complainProse, print } from "./context.ts";
import { editSettings, type EditOptions } from "./hook-edit.ts";
import { findPlace, type HookPlace, type ScopeOptions, tellWhatIsMissing } from "./hook-place.ts";
import { oldThreshold } from "./old-threshold.ts";

export interface HookInstallOptions extends ScopeOptions, EditOptions {
  /** Take out the old utility's hooks. Undefined: ask, where there is a terminal. */
  readonly replaceOld?: boolean | undefined;
}

/**
 * `hook install`: agents call state-syncd from their next session on.
 *
 * @throws FaultError USAGE, REPO_PASSIVE, SERVICE_FAILED or a SETTINGS_ code; nothing was written then.
 */
export async function hookInstall(options: HookInstallOptions, context: CommandContext): Promise<ExitCode> {
  const place = await findPlace(options, context);
  const file = await readSettings(place.file);
  const { old } = edited(file, findHooks);
  const { program, warnings } = await programFor(place, context);
  const replaceOld = await wantsReplacing(old, file.path, options, context);
  if (replaceOld === "stopped") {
    complain(context, "Nothing was written.");
    return EXIT.failed;
  }
  const every = await oldThreshold(old, { project: place.repo, home: place.home });
  const facts = { old: old.map(asFact), replaceOld, warnings };
  const change = (text: string): ReturnType<typeof installHooks> =>
    installHooks(text, { program, every: replaceOld ? every : undefined, replaceOld });
  const outcome = await editSettings(file, change, place, options, facts, context);
  const { code, written, changes, text } = outcome;
  if (code !== EXIT.ok || context.json) return code;
  if (written) print(context, `Wrote ${file.path}.`);
  else if (changes.length === 0)
    complainProse(context, `Nothing to do: the hooks are in ${file.path} already.`);
  if (written && replaceOld) tellOfReplaced(old, place, context);
  tellOfLeft(findHooks(text).old, { ...options, replaceOld }, place, context);
  for (const warning of warnings) complainProse(context, warning);
  if (written) await tellWhatHappens(place, context);
  if (written) await tellOfTwins(place, context);
  await tellOfImports(place, context);
  if (!options.dryRun) tellWhatIsMissing(place, context);
  return code;
}

/** A file that teammates share names nothing of this machine. */
async function programFor(
  { scope, home }: HookPlace,
  { paths }: CommandContext,
): Promise<{ readonly program: HookProgram; readonly warnings: readonly string[] }> {
  if (scope === "project") {
    const kept = `The file is shared, so it does not name ${paths.config}: everybody's own config counts.`;
    return { program: SHARED_PROGRAM, warnings: paths.configChosen ? [kept] : [] };
  }
  const { node, script, warnings } = await findProgram({
    node: process.execPath,
    script: process.argv[1] ?? "",
    paths,
    home,
    env: process.env,
    again: `state-syncd hook install${scope === "local" ? " --local" : ""}`,
  });
  return { program: programAt(node, script, paths.configChosen ? paths.config : undefined), warnings };
}

async function wantsReplacing(
  old: readonly OldHook[],
  file: string,
  { replaceOld, yes, dryRun }: HookInstallOptions,
  context: CommandContext,
): Promise<boolean | "stopped"> {
  const whole = old.filter(({ call }) => call.whole);
  const [first] = whole;
  if (replaceOld !== undefined || first === undefined) return replaceOld ?? false;
  if (yes || dryRun || !canAsk(context)) return false;
  for (const { command, line } of whole) complainProse(context, `${file}:${line}: ${command}`, "  ", "");
  const which = whole.length === 1 ? "This old hook calls" : "These old hooks call";
  const answer = await ask(
    `${which} what state-syncd replaces. Take ${whole.length === 1 ? "it" : "them"} out?`,
    context,
  );
  return answer === "stopped" ? "stopped" : answer === "yes";
}

function tellOfReplaced(old: readonly OldHook[], { repo, home }: HookPlace, context: CommandContext): void {
  for (const { call } of old.filter(({ call }) => call.whole)) {
    const script = scriptPath(call.script, { project: repo, home }) ?? call.script;
    const isReminder = call.kind === "checkpoint script";
    const more = isReminder ? " Whatever else it printed is not printed any more." : "";
    complainProse(context, `${script} is called no more by this file, and stays where it is.${more}`);
  }
}

function tellOfLeft(
  old: readonly OldHook[],
  { dryRun, replaceOld }: HookInstallOptions,
  { file, repo, home }: HookPlace,
  context: CommandContext,
): void {
  for (const { call, command, line } of old) {
    const named = scriptPath(call.script, { project: repo, home }) ?? call.script;
    const script = named === "" ? "the old utility" : named;
    if (!call.whole) {
      complainProse(context, `${file}:${line} calls ${script} beside other things, and stays as it is.`);
      complainProse(context, `Take that part out by hand: ${command}`, "  ");
    } else if (!(dryRun && replaceOld === true)) {
      complainProse(
        context,
        `${file}:${line} calls ${script}, which state-syncd replaces, and stays as it is.`,
      );
      complainProse(context, "`--replace-old` takes that hook out.", "  ");
    }
  }
}

async function tellWhatHappens({ scope, repo, home }: HookPlace, context: CommandContext): Promise<void> {
  const files = [userSettings(home, process.env)];
  if (scope !== "user" && repo !== undefined)
    files.push(repoSettings(repo, "project"), repoSettings(repo, "local"));
  for (const wired of await Promise.all(files.map(lookIntoSettings))) {
    if (wired.off === undefined) continue;
    complainProse(context, offWords(wired, wired.off));
    return;
  }
  const whose = { user: "in every repo of yours", project: `in ${repo ?? ""}`, local: `in ${repo ?? ""}` }[
    scope
  ];
  complainProse(
    context,
    `Claude Code calls state-syncd ${whose} now: when a session starts, at each prompt, and after each use of a tool.`,
  );
  complainProse(context, "A session that runs already has to be restarted to hear of it.");
  if (scope === "project")
    complainProse(
      context,
      "Teammates without state-syncd notice nothing of it: the hooks end at once there.",
    );
}

/** Whoever has the hooks needs no import, and what it may set off is little known. */
async function tellOfImports(
  { config, scope, repo, home }: HookPlace,
  context: CommandContext,
): Promise<void> {
  if (config === undefined) return;
  const { registry } = config;
  const within = scope === "user" ? undefined : registry.repos.filter(({ path }) => path === repo);
  for (const { message, remedy } of await lookAtImports(registry, { home, env: process.env }, within)) {
    complainProse(context, `${message}.`);
    complainProse(context, remedy, "  ");
  }
}

/** Agents run the hooks of all their files. */
async function tellOfTwins({ scope, repo, home }: HookPlace, context: CommandContext): Promise<void> {
  const others = [
    { scope: "user", file: userSettings(home, process.env) } as const,
    ...(repo === undefined ? [] : (["project", "local"] as const)).map((other) => ({
      scope: other,
      file: repoSettings(repo ?? "", other),
    })),
  ].filter((other) => other.scope !== scope);
  for (const other of others) {
    const { own } = await lookIntoSettings(other.file);
    if (own.length === 0) continue;
    const option = other.scope === "user" ? "" : ` --${other.scope}`;
    complainProse(context, `${other.file} has the hooks, too, and both are called: one of them is enough.`);
    complainProse(context, `\`state-syncd hook uninstall${option}\` takes them out of there.`, "  ");
  }
}

function asFact({ event, matcher, command, line, call }: OldHook): unknown {
  return { event, matcher: matcher ?? null, command, line, kind: call.kind, whole: call.whole };
}
