import { join } from "node:path";
import { sectionHeading } from "../../core/cache/render.ts";
import { untracking } from "../../doctor/git.ts";
import { type CommandContext, print, printProse } from "../context.ts";
import { settingsDiff } from "../settings-diff.ts";
import type { Adoption } from "./caches.ts";
import type { SettingsPlan } from "./hooks.ts";
import type { Migration, MigrationWish } from "./plan.ts";
import type { Addition } from "./repos.ts";

/** How much a list shows. */
const MOST_LINES = 30;

/** The plan in words, for somebody who has never seen this. */
export async function tellPlan(
  migration: Migration,
  wish: MigrationWish,
  context: CommandContext,
): Promise<void> {
  const { found, repos } = migration;
  const { script, copies, map } = found;
  const same =
    copies.length === 0 ? "" : `, and ${count(copies.length, "more copy", "more copies")} with the same map`;
  printProse(context, `${script}${same}: ${count(map.entries.length, "repo")}.`);
  tellRepos(migration, context);
  tellUnread(migration, context);
  tellCaches(migration, context);
  if (wish.hooks !== undefined) await tellHooks(migration, context);
  tellGit(migration, wish, context);
  if (repos.additions.some(({ missing }) => missing)) {
    print(context, "");
    printProse(
      context,
      "A repo that is not there now is told by `status` until it is; the others do not wait for it.",
    );
  }
}

function heading(context: CommandContext, text: string): void {
  print(context, "");
  printProse(context, text);
}

function say(context: CommandContext, text: string): void {
  printProse(context, text, "      ", "  ");
}

function tellRepos({ repos }: Migration, context: CommandContext): void {
  const { additions, left, present } = repos;
  const file = context.paths.config;
  if (additions.length > 0)
    heading(
      context,
      present === undefined ? `The config, a new file: ${file}` : `Added to the config, ${file}:`,
    );
  const width = Math.max(0, ...additions.map(({ name }) => name.length));
  for (const addition of additions)
    say(context, `${addition.name.padEnd(width)}  ${addition.path}: ${aboutAddition(addition)}`);
  const told = left.filter(({ why }) => why !== "");
  const same = left.length - told.length;
  if (told.length > 0) heading(context, "Left as they are:");
  for (const { oldName, why } of told) say(context, `${oldName}: ${why}`);
  if (same > 0) {
    print(context, "");
    printProse(context, `Registered already, by the same name: ${count(same, "repo")}.`);
  }
}

function aboutAddition({ oldName, name, part, stateFile, missing, hasCache }: Addition): string {
  const words = [
    missing
      ? "is not there now, a drive that is not mounted for instance; registered all the same"
      : part === "passive"
        ? "passive, which is never read and never written"
        : `shares its ${stateFile ?? "STATE.md, as soon as it has one"}`,
  ];
  if (!missing && part === "passive" && stateFile === undefined) words.push("it has no state file");
  if (part === "passive" && hasCache) words.push("the cache in it stays as it is, and gets nothing new");
  if (name !== oldName) words.push(`${JSON.stringify(oldName)} in the script`);
  if (sectionHeading(name) !== sectionHeading(oldName))
    words.push("its old sections in the caches have another heading, and stay there as text of yours");
  return words.join("; ");
}

function tellUnread({ repos, found }: Migration, context: CommandContext): void {
  if (repos.unread.length === 0) return;
  heading(context, "Not understood, and nothing is guessed. Complete these by hand:");
  for (const { name, line, why } of repos.unread) {
    const who = name === undefined ? "" : ` ${name}`;
    const how = name === undefined ? "" : `: \`state-syncd repos add <path> --name ${name}\``;
    say(context, `${found.script}:${line}${who}: ${why}${how}`);
  }
}

function tellCaches({ caches }: Migration, context: CommandContext): void {
  const { adoptions, faults } = caches;
  if (adoptions.length > 0) heading(context, "The caches, brought into the new form by one sync:");
  for (const adoption of adoptions) say(context, `${adoption.repo.name}: ${aboutAdoption(adoption)}`);
  if (adoptions.some(({ copied }) => copied))
    say(
      context,
      `Copies of the files as they are go to ${join(context.paths.copiesDirectory, "<repo>")} first.`,
    );
  if (faults.length > 0) heading(context, "What does not travel yet:");
  for (const { message, remedy } of faults) {
    say(context, message);
    printProse(context, remedy, "    ", "    ");
  }
}

function aboutAdoption({ bytesBefore, bytesAfter, oldSections, sections, ownBytes }: Adoption): string {
  const named = sections.length === 0 ? "" : ` (${sections.join(", ")})`;
  const then = `${count(sections.length, "section")}${named}`;
  if (bytesBefore === undefined) return `has none yet, and gets one of ${bytes(bytesAfter)} with ${then}`;
  const old =
    oldSections.length === 0
      ? "no old section stands there; it gets"
      : `${count(oldSections.length, "old section")} (${[...new Set(oldSections)].join(", ")}) with what piled up in ${oldSections.length === 1 ? "it becomes" : "them become"}`;
  const own = ownBytes === 0 ? "" : `; ${bytes(ownBytes)} of other text stay`;
  return `${bytes(bytesBefore)} become ${bytes(bytesAfter)}: ${old} ${then}${own}`;
}

async function tellHooks({ hooks, config }: Migration, context: CommandContext): Promise<void> {
  const { files, byHand, unread, warnings } = hooks;
  if (files.length > 0)
    heading(
      context,
      "The coding agents' hooks: ours take the place of the old ones. Of each file a copy is kept first.",
    );
  // The same file lies in every repo, often.
  const shown = new Set<string>();
  const sameness = ({ file, after }: SettingsPlan): string => `${file.text}\0${after}`;
  for (const plan of files) {
    if (shown.has(sameness(plan))) continue;
    shown.add(sameness(plan));
    for (const line of await settingsDiff(plan.file, plan.after, config.guard))
      print(context, `  ${line.replaceAll("\t", "  ")}`);
    for (const other of files)
      if (other !== plan && sameness(other) === sameness(plan))
        say(context, `The same in ${other.file.path}`);
  }
  for (const warning of warnings) say(context, warning);
  if (unread.length > 0) heading(context, "Settings that cannot be read, and are left as they are:");
  for (const { message, fault } of unread) {
    say(context, message);
    printProse(context, fault.remedy, "    ", "    ");
  }
  if (byHand.length > 0)
    heading(context, "Hooks that do other things too, so take the old call out by hand:");
  for (const line of byHand) say(context, line);
}

function tellGit({ visible: seen }: Migration, wish: MigrationWish, context: CommandContext): void {
  if (wish.exclude !== true || seen.length === 0) return;
  heading(context, "A line in .git/info/exclude hides the cache from git:");
  for (const { path } of seen) say(context, path);
}

/** What is the user's to do, now or when the plan is carried out. */
export function tellLeftovers(
  { leftovers, tracked, imports, hooks, visible: seen, done }: Migration,
  context: CommandContext,
): void {
  const { removable, mentions, incomplete } = leftovers;
  if (tracked.length > 0)
    heading(
      context,
      "git tracks these caches already, whatever .git/info/exclude says, so that peers' states end up in its history. These commands end that, and leave the files:",
    );
  // Whole, to be copied.
  for (const { path } of tracked) print(context, `  ${untracking(path)}`);
  if (tracked.some((repo) => seen.includes(repo)))
    say(context, "`state-syncd migrate --exclude` keeps git from seeing them as new files then.");
  if (imports.length > 0) heading(context, "These lines put a peer's text among the agents' instructions:");
  for (const { message, remedy } of imports) {
    say(context, message);
    printProse(context, remedy, "    ", "    ");
  }
  if (mentions.length > 0) heading(context, "These lines speak of the old script, and stay as they are:");
  for (const { file, line } of mentions.slice(0, MOST_LINES)) say(context, `${file}:${line}`);
  if (mentions.length > MOST_LINES) say(context, `and ${mentions.length - MOST_LINES} lines more`);
  for (const path of incomplete)
    say(context, `${path} is too large to be looked through; search it for state_sync.`);
  const isCalled = mentions.length > 0 || hooks.byHand.length > 0;
  const when = isCalled ? "When none of the lines above calls them" : done ? "Now" : "Then";
  if (removable.length > 0)
    heading(context, `${when}, nothing needs these any more; they stay until you remove them:`);
  for (const file of removable) say(context, file);
}

/** @param daemonRuns whether one has to be started. */
export function tellNext({ repos }: Migration, daemonRuns: boolean, context: CommandContext): void {
  print(context, "");
  if (repos.unread.length > 0)
    printProse(
      context,
      `Left to you: ${count(repos.unread.length, "entry", "entries")} of the map, named above.`,
    );
  if (!daemonRuns)
    printProse(context, "Next: `state-syncd service install` has the daemon run, from each login on.");
  const then = daemonRuns ? "Next:" : "Then";
  printProse(context, `${then} \`state-syncd status\` tells of each repo whether its peers have its state.`);
}

export function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}

function bytes(number: number): string {
  return `${number.toLocaleString("en-US")} B`;
}
