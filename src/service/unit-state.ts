import type { ServiceState } from "./manager.ts";

/** What is asked of a unit, see org.freedesktop.systemd1(5). */
export const SHOWN = [
  "ActiveState",
  "UnitFileState",
  "MainPID",
  "StatusText",
  "Result",
  "ActiveEnterTimestamp",
  "StateChangeTimestamp",
  "NeedDaemonReload",
] as const;

/** The lines of `systemctl show`, by name. */
export function parseShown(text: string): Readonly<Record<string, string>> {
  const pairs = text.split("\n").flatMap((line) => {
    const at = line.indexOf("=");
    return at < 1 ? [] : [[line.slice(0, at), line.slice(at + 1)]];
  });
  return Object.fromEntries(pairs);
}

export function activityOf(activeState: string): ServiceState["activity"] {
  switch (activeState) {
    case "active":
      return "running";
    case "activating":
      return "starting";
    case "deactivating":
      return "stopping";
    case "reloading":
    case "failed":
      return activeState;
    default:
      return "stopped";
  }
}

/** A time as systemd shows it in UTC (`Thu 2026-11-26 17:32:52 UTC`), ISO 8601; null for none. */
export function timeOf(shown: string): string | null {
  const [, day, clock] = /(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2}) UTC/.exec(shown) ?? [];
  return day === undefined ? null : `${day}T${clock}Z`;
}

/**
 * The user's own directory among those where the manager looks for units: the one beside its
 * `user.control`. A shell's XDG_CONFIG_HOME, and its HOME, need not be the manager's.
 *
 * @param unitPath as systemd shows it; a path with spaces is not in it.
 */
export function ownDirectory(unitPath: string): string | undefined {
  const suffix = ".control";
  const control = unitPath.split(" ").find((directory) => directory.endsWith(`/systemd/user${suffix}`));
  return control?.startsWith("/run/") === false ? control.slice(0, -suffix.length) : undefined;
}
