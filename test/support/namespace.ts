import { execFileSync } from "node:child_process";

/** A limit that a user namespace has of its own, under /proc/sys/user. */
export type Limit = "max_inotify_watches" | "max_inotify_instances";

/** What to run a program with, so that it and what it starts have this limit and nobody else does. */
export function limited(limit: Limit, to: number): readonly string[] {
  return ["unshare", "-U", "-r", "sh", "-c", `echo ${to} >/proc/sys/user/${limit} && exec "$0" "$@"`];
}

/** Sets the limit of a program that was run so. */
export function setLimit(pid: number, limit: Limit, to: number): void {
  const script = `echo ${to} >/proc/sys/user/${limit}`;
  execFileSync("nsenter", ["-U", "--preserve-credentials", "-t", String(pid), "sh", "-c", script]);
}

/** Whether this machine lets us have user namespaces with limits of their own. */
export function canLimit(): boolean {
  try {
    const [command = "", ...args] = limited("max_inotify_watches", 40);
    execFileSync(command, [...args, "true"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
