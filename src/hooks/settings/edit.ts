import {
  append,
  hasComments,
  lineEnd,
  type Node,
  parseJsonc,
  propertiesOf,
  remove,
  replaceValue,
  SettingsError,
  valueOf,
} from "./jsonc.ts";
import { type OldCall, oldCall } from "./old-calls.ts";
import {
  type HookProgram,
  type HookVerb,
  type OwnCall,
  ownCall,
  renderCall,
  renewCall,
} from "./own-calls.ts";

/** An agent's settings file: its text in, its text out. Everything that is not ours keeps its every byte. */

/** The events at which we are called, and what a new hook of ours is like there. */
const WIRING: Readonly<Record<string, { readonly verb: HookVerb; readonly matcher?: string }>> = {
  SessionStart: { verb: "session-start" },
  UserPromptSubmit: { verb: "prompt" },
  PostToolUse: { verb: "checkpoint", matcher: "*" },
};

const TIMEOUT_S = 10;

/** A hook that stands in the settings. */
export interface HookAt {
  readonly event: string;
  readonly matcher: string | undefined;
  readonly command: string;
  /** From 1. */
  readonly line: number;
}

export interface OwnHook extends HookAt {
  readonly call: OwnCall;
}

export interface OldHook extends HookAt {
  readonly call: OldCall;
}

/** What was done with one hook. */
export interface HookChange {
  /** `replaced`: with another program in it. `removed old`: of the utility that this replaces. */
  readonly kind: "added" | "replaced" | "removed" | "removed old";
  readonly event: string;
  /** As it is now, or as it was where it is gone. */
  readonly command: string;
}

export interface SettingsEdit {
  /** Equal to what went in where there was nothing to do. */
  readonly text: string;
  readonly changes: readonly HookChange[];
}

export interface InstallWish {
  readonly program: HookProgram;
  /** What a new checkpoint gets: after how many uses of a tool. */
  readonly every?: number | undefined;
  /** Take out what only calls the old utility. */
  readonly replaceOld: boolean;
}

/**
 * The settings with our hooks in them, once each: put in, or renewed where they call another program.
 *
 * @param text the file's; empty where there is none.
 * @throws SettingsError for what is not understood.
 */
export function installHooks(text: string, { program, every, replaceOld }: InstallWish): SettingsEdit {
  const cleared = replaceOld ? withoutOldHooks(text) : { text, changes: [] };
  const changes: HookChange[] = [...cleared.changes];
  let now = /\S/.test(cleared.text.replace(/^\uFEFF/, "")) ? cleared.text : `{}${lineEnd(cleared.text)}`;
  for (let twin = findTwin(now); twin !== undefined; twin = findTwin(now)) {
    now = takeOut(now, twin);
    changes.push({ kind: "removed", event: twin.event, command: twin.command });
  }
  for (;;) {
    const stale = entriesOf(now).find((entry) => renewed(entry, program) !== entry.command);
    if (stale === undefined) break;
    const command = renewed(stale, program);
    now = replaceValue(now, stale.commandNode, command);
    changes.push({ kind: "replaced", event: stale.event, command });
  }
  for (const [event, { verb, matcher }] of Object.entries(WIRING)) {
    if (entriesOf(now).some((entry) => entry.event === event && ownCall(entry.command)?.verb === verb))
      continue;
    const options = verb === "checkpoint" && every !== undefined ? ` --every ${every}` : "";
    const command = renderCall(program, verb, options);
    const hooks = [{ type: "command", command, timeout: TIMEOUT_S }];
    now = putIn(now, event, matcher === undefined ? { hooks } : { matcher, hooks });
    changes.push({ kind: "added", event, command });
  }
  return { text: changes.length === 0 ? text : now, changes };
}

/**
 * The settings without our hooks, and without what is empty by that.
 *
 * @throws SettingsError for what is not understood.
 */
export function uninstallHooks(text: string): SettingsEdit {
  return takeOutAll(text, "removed", ({ command }) => ownCall(command)?.whole === true);
}

/**
 * The settings without the hooks that do nothing but call the old utility.
 *
 * @throws SettingsError for what is not understood.
 */
export function withoutOldHooks(text: string): SettingsEdit {
  return takeOutAll(text, "removed old", ({ command }) => oldCall(command)?.whole === true);
}

/** @throws SettingsError for what is not understood. */
export function findHooks(text: string): {
  readonly own: readonly OwnHook[];
  readonly old: readonly OldHook[];
  /** The line that has no hook called at all, whatever stands there. */
  readonly off: number | undefined;
} {
  const own: OwnHook[] = [];
  const old: OldHook[] = [];
  const off = isEmpty(text) ? undefined : valueOf(hooksOf(text).root, "disableAllHooks");
  for (const { event, matcher, command, commandNode } of isEmpty(text) ? [] : entriesOf(text)) {
    const line = lineOf(text, commandNode);
    const at = { event, matcher, command, line };
    const ours = ownCall(command);
    const theirs = oldCall(command);
    if (ours !== undefined) own.push({ ...at, call: ours });
    if (theirs !== undefined) old.push({ ...at, call: theirs });
  }
  return { own, old, off: off?.value === true ? lineOf(text, off) : undefined };
}

function lineOf(text: string, { offset }: Node): number {
  return text.slice(0, offset).split("\n").length;
}

function isEmpty(text: string): boolean {
  return !/\S/.test(text.replace(/^\uFEFF/, ""));
}

/** One command in the settings, and all that it stands in. */
interface Entry {
  readonly event: string;
  readonly matcher: string | undefined;
  readonly command: string;
  readonly commandNode: Node;
  readonly node: Node;
  readonly group: Node;
}

/** @throws SettingsError where the hooks are not of the shape that is known. */
function hooksOf(text: string): { readonly root: Node; readonly hooks: Node | undefined } {
  const root = parseJsonc(text);
  expectType(text, root, "object", "the settings");
  const hooks = onlyValue(text, root, "hooks");
  if (hooks !== undefined) expectType(text, hooks, "object", "`hooks`");
  for (const event of hooks === undefined ? [] : Object.keys(WIRING)) {
    const groups = onlyValue(text, hooks as Node, event);
    if (groups === undefined) continue;
    expectType(text, groups, "array", `\`hooks.${event}\``);
    for (const group of groups.children ?? []) {
      expectType(text, group, "object", `what stands in \`hooks.${event}\``);
      const list = onlyValue(text, group, "hooks");
      const where = `the \`hooks\` of a group in \`hooks.${event}\``;
      if (list === undefined) throw new SettingsError(text, group.offset, `${where} are missing`);
      expectType(text, list, "array", where);
      for (const entry of list.children ?? []) expectType(text, entry, "object", `each of ${where}`);
    }
  }
  return { root, hooks };
}

function expectType(text: string, node: Node, type: "object" | "array", what: string): void {
  if (node.type === type) return;
  const wanted = type === "object" ? "an object" : "a list";
  throw new SettingsError(text, node.offset, `${what} must be ${wanted}, and is of type ${node.type}`);
}

/** Which of two counts, agents do not agree upon. */
function onlyValue(text: string, object: Node, key: string): Node | undefined {
  const [, second] = propertiesOf(object, key);
  if (second !== undefined) throw new SettingsError(text, second.offset, `\`${key}\` stands there twice`);
  return valueOf(object, key);
}

/** Of every event: what a user has moved is found, too. */
function entriesOf(text: string): Entry[] {
  const { hooks } = hooksOf(text);
  return (hooks?.children ?? []).flatMap((property): Entry[] => {
    const [key, groups] = property.children ?? [];
    const event: unknown = key?.value;
    if (typeof event !== "string" || groups?.type !== "array") return [];
    return (groups.children ?? []).flatMap((group) => entriesOfGroup(event, group));
  });
}

function entriesOfGroup(event: string, group: Node): Entry[] {
  if (group.type !== "object") return [];
  const list = valueOf(group, "hooks");
  const matcher: unknown = valueOf(group, "matcher")?.value;
  if (list?.type !== "array") return [];
  return (list.children ?? []).flatMap((node): Entry[] => {
    if (node.type !== "object") return [];
    const commandNode = valueOf(node, "command");
    const command: unknown = commandNode?.value;
    if (commandNode === undefined || typeof command !== "string") return [];
    return [
      {
        event,
        matcher: typeof matcher === "string" ? matcher : undefined,
        command,
        commandNode,
        node,
        group,
      },
    ];
  });
}

function renewed({ command }: Entry, program: HookProgram): string {
  return ownCall(command)?.whole === true ? renewCall(command, program) : command;
}

/** The second of two that do the same at the same time. */
function findTwin(text: string): Entry | undefined {
  const seen = new Set<string>();
  return entriesOf(text).find(({ event, matcher, command }) => {
    const call = ownCall(command);
    if (call === undefined) return false;
    const key = JSON.stringify([event, matcher === undefined || matcher === "" ? "*" : matcher, call.verb]);
    const isTwin = seen.has(key) && call.whole;
    seen.add(key);
    return isTwin;
  });
}

function takeOutAll(
  text: string,
  kind: HookChange["kind"],
  isMeant: (entry: Entry) => boolean,
): SettingsEdit {
  const changes: HookChange[] = [];
  let now = text;
  for (;;) {
    const entry = isEmpty(now) ? undefined : entriesOf(now).find(isMeant);
    if (entry === undefined) return { text: now, changes };
    now = takeOut(now, entry);
    changes.push({ kind, event: entry.event, command: entry.command });
  }
}

/** Takes out a hook, its group where it was the only one in there, and so on upwards. A comment keeps a list or an object. */
function takeOut(text: string, { node, group }: Entry): string {
  let child = node;
  let container = node.parent;
  for (;;) {
    const property = container?.parent?.type === "property" ? container.parent : undefined;
    const outer = property === undefined ? container?.parent : property.parent;
    const isAlone = container?.children?.length === 1 || container === group;
    const isKept = container === undefined || outer === undefined || !isAlone;
    if (isKept || (container !== group && hasComments(text, container as Node))) break;
    child = property ?? (container as Node);
    container = outer;
  }
  return container === undefined ? text : remove(text, container, child);
}

/** Adds a group, and what it stands in where that is missing. */
function putIn(text: string, event: string, group: unknown): string {
  const { root, hooks } = hooksOf(text);
  if (hooks === undefined) return append(text, root, { [event]: [group] }, "hooks");
  const groups = valueOf(hooks, event);
  return groups === undefined ? append(text, hooks, [group], event) : append(text, groups, group);
}
