import ms from "ms";
import type { ServiceState } from "../service/manager.ts";

/** Before what does not fit into the line of its head. */
export const STATE_INDENT = " ".repeat(12);

/** How the service is after something was done to it. */
export function outcomeLine({ files, activity, pid, says }: ServiceState): string {
  if (files.length === 0) return "The service is not installed.";
  if (activity === "stopped") return "The service is stopped.";
  const who = pid === null ? "" : ` (pid ${pid})`;
  return `The service is ${activity}${who}${says === "" ? "" : `: ${says}`}.`;
}

/** How the service is, for people. */
export function stateLines(state: ServiceState, now: number): string[] {
  if (state.files.length === 0) {
    return ["The service is not installed. Install it with `state-syncd service install`."];
  }
  const { activity, pid, since, says, failure, enabled, hardened } = state;
  const how = [
    activity,
    pid === null ? "" : `(pid ${pid})`,
    since === null ? "" : `for ${ms(Math.max(0, now - Date.parse(since)))}`,
    activity === "stopped" ? "(`state-syncd service start` starts it)" : "",
  ];
  const rows = [
    ["service", how.filter((word) => word !== "").join(" ")],
    ["says", activity === "stopped" || activity === "failed" ? "" : says],
    ["failure", failure === "" ? "" : `${failure}; \`state-syncd logs\` tells why`],
    [
      "at login",
      enabled ? "starts by itself" : "does not start by itself; `state-syncd service install` has it start",
    ],
    ["hardened", hardenedText(state.manager, hardened)],
    ["without you", lingering(state)],
    ["runs", state.command.join(" ")],
    ...state.files.map((file, at) => [at === 0 ? "files" : "", file]),
  ];
  return rows
    .filter(([, text]) => text !== "")
    .map(([head = "", text = ""]) => `${head.padEnd(STATE_INDENT.length)}${text}`.trimEnd());
}

function hardenedText(manager: ServiceState["manager"], hardened: boolean): string {
  if (manager === "launchd") return "";
  return hardened
    ? "yes: it may write the registered caches and its own directory, and nothing else"
    : "base set; `--hardened` for the strict one";
}

function lingering({ lingers }: ServiceState): string {
  if (lingers === null) return "";
  return lingers
    ? "goes on when your last session ends (lingering)"
    : "ends with your last session; to have it go on: `loginctl enable-linger`";
}
