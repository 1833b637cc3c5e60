import type { Directory, Entry } from "./cast.ts";
import type { Text } from "./texts.ts";

/** How a program puts a text into a file. */
export type SaveStyle = "in place" | "by rename" | "in chunks" | "appended";

export type ConfigChange =
  | {
      readonly kind:
        | "remove"
        | "add"
        | "publish"
        | "subscribe"
        | "fence"
        | "role"
        | "stateFile"
        | "directory";
      readonly repo: string;
    }
  | { readonly kind: "groups"; readonly repo: string; readonly groups: readonly string[] }
  | { readonly kind: "maxBytes" | "order" | "comment" };

/** What people and other tools do to a cache. `at` says where, as a share of what there is, in [0, 1). */
export type Edit =
  | {
      readonly kind: "note";
      readonly note: number;
      readonly where: "end" | "top" | "between";
      readonly how: "in place" | "by rename" | "appended";
      readonly at: number;
    }
  | { readonly kind: "inside" | "cut" | "drop a section"; readonly at: number }
  | { readonly kind: "delete" | "double" | "check out an old one" }
  | { readonly kind: "original utility"; readonly peer: string }
  | { readonly kind: "mode"; readonly mode: number };

/** What takes the place of a state file, or nothing. */
export type Obstacle = "nothing" | "directory" | "FIFO" | "link out";

/** What takes the place of a cache or of its directory. */
export type CacheFault = "file for .aibrain" | "directory" | "FIFO" | "link out" | "read-only .aibrain";

export type Command =
  | { readonly kind: "sync" | "pull" | "explain" | "sync around"; readonly repo: string }
  | { readonly kind: "sync all" | "status" };

/** One thing that happens. Plain data: any selection of steps, in their order, is a run of its own. */
export type Step =
  | { readonly do: "save"; readonly repo: string; readonly text: Text; readonly how: SaveStyle }
  | { readonly do: "replace"; readonly repo: string; readonly by: Obstacle }
  | { readonly do: "hide" | "unhide"; readonly repo: string }
  | { readonly do: "move"; readonly repo: string; readonly how: "away" | "exchanged" | "back" }
  | {
      readonly do: "config";
      readonly change: ConfigChange;
      readonly how: "in place" | "by rename";
      readonly hup: boolean;
    }
  | { readonly do: "bad config" }
  | { readonly do: "pause" | "resume"; readonly repo: string | undefined }
  | { readonly do: "edit"; readonly repo: string; readonly edit: Edit }
  | { readonly do: "command"; readonly command: Command; readonly wait: boolean }
  | { readonly do: "break cache"; readonly repo: string; readonly fault: CacheFault }
  | { readonly do: "mend cache"; readonly repo: string }
  | { readonly do: "remove .aibrain"; readonly repo: string }
  | { readonly do: "start" | "second daemon" | "kill" | "terminate" | "freeze" | "thaw" | "check" }
  | { readonly do: "rest"; readonly ms: number };

/** A step in words, for the list of a failing run. */
export function inWords(step: Step): string {
  switch (step.do) {
    case "save":
      return `save ${step.repo} ${step.how}: ${step.text.shape} [${step.repo}#${step.text.serial}]`;
    case "replace":
      return step.by === "nothing"
        ? `delete ${step.repo}'s state file`
        : `put a ${step.by} in the place of ${step.repo}'s state file`;
    case "hide":
      return `rename ${step.repo}'s state file away`;
    case "unhide":
      return `rename ${step.repo}'s state file back`;
    case "move":
      return `${step.repo}'s directory: ${step.how}`;
    case "config":
      return `config: ${changeInWords(step.change)} (${step.how}${step.hup ? ", SIGHUP" : ""})`;
    case "bad config":
      return "config: made invalid";
    case "pause":
    case "resume":
      return `${step.do} ${step.repo ?? "all"}`;
    case "edit":
      return `${step.repo}'s cache by hand: ${editInWords(step.edit)}`;
    case "command":
      return `command: ${commandLine(step.command).join(" ")}${step.wait ? "" : " (not waited for)"}`;
    case "break cache":
      return `${step.repo}'s cache: ${step.fault}`;
    case "mend cache":
      return `${step.repo}'s cache: mended`;
    case "remove .aibrain":
      return `${step.repo}: .aibrain removed`;
    case "rest":
      return `rest ${step.ms} ms`;
    case "check":
      return "CHECK";
    case "start":
    case "second daemon":
    case "kill":
    case "terminate":
    case "freeze":
    case "thaw":
      return `daemon: ${step.do}`;
  }
}

function changeInWords(change: ConfigChange): string {
  if (!("repo" in change)) return change.kind;
  return `${change.kind} ${change.repo}${change.kind === "groups" ? ` = ${change.groups.join(", ")}` : ""}`;
}

function editInWords(edit: Edit): string {
  switch (edit.kind) {
    case "note":
      return `note ${edit.note} at ${edit.where}, ${edit.how} (${edit.at.toFixed(2)})`;
    case "inside":
    case "cut":
    case "drop a section":
      return `${edit.kind} (${edit.at.toFixed(2)})`;
    case "original utility":
      return `the original utility writes ${edit.peer}`;
    case "mode":
      return `mode 0${edit.mode.toString(8)}`;
    case "delete":
    case "double":
    case "check out an old one":
      return edit.kind;
  }
}

/** The command's arguments; `sync around` is run in the repo's directory. */
export function commandLine(command: Command): string[] {
  switch (command.kind) {
    case "sync":
    case "pull":
    case "explain":
      return [command.kind, command.repo];
    case "sync around":
      return ["sync"];
    case "sync all":
      return ["sync", "--all"];
    case "status":
      return ["status", "--json"];
  }
}

export function toggled(
  entry: Entry,
  kind: "publish" | "subscribe" | "fence" | "role" | "stateFile" | "directory",
): Entry {
  const other: Directory = entry.directory === "home" ? "alt" : "home";
  switch (kind) {
    case "publish":
      return { ...entry, publish: !entry.publish };
    case "subscribe":
      return { ...entry, subscribe: !entry.subscribe };
    case "fence":
      return { ...entry, fence: !entry.fence };
    case "role":
      return { ...entry, role: entry.role === "passive" ? "execution" : "passive" };
    case "stateFile":
      return { ...entry, stateFile: entry.stateFile === "STATE.md" ? "docs/STATE.md" : "STATE.md" };
    case "directory":
      return { ...entry, directory: other };
  }
}
