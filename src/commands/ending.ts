import { unanswered } from "../concurrently.ts";
import type { ExitCode } from "../errors.ts";

/**
 * Ends the process. Node waits for its file threads at its end, and one that a dead disk holds
 * never comes. Where one may hang, this process becomes a shell that has no threads and ends with
 * the code. An older Node cannot do that: there a shell that outlives us by two seconds ends us,
 * with a signal then, so that the lock is free.
 *
 * To load a module from a file takes a thread, and there may be none.
 *
 * @param supervised somebody waits for the end who kills what does not come to it: no shell for that.
 */
export function endForSure(code: ExitCode, supervised = false): never {
  if (unanswered() > 0) process.execve?.("/bin/sh", ["sh", "-c", `exit ${code}`], {});
  if (supervised) process.exit(code);
  const { pid } = process;
  const script = `sleep 2; [ "$(ps -o ppid= -p $$ | tr -d ' ')" = ${pid} ] && kill -9 ${pid}`;
  const { spawn } = process.getBuiltinModule("node:child_process");
  spawn("sh", ["-c", script], { detached: true, stdio: "ignore" }).unref();
  process.exit(code);
}
