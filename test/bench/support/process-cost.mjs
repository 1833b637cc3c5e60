import { readdirSync, readFileSync } from "node:fs";

/** The kernel counts CPU time for us in hundredths of a second, on every Linux. */
const TICKS = 100;

/** CPU seconds of a process and of the children that it has waited for: utime, stime, cutime, cstime of /proc/<pid>/stat. */
export function cpuSeconds(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / TICKS;
}

/**
 * CPU seconds of the threads that a process has now, to the nanosecond: /proc/<pid>/task/<tid>/schedstat.
 * For what is too little to show in hundredths.
 */
export function fineCpuSeconds(pid) {
  return sumOfThreads(pid, "schedstat", (text) => Number(text.split(" ")[0]) / 1e9);
}

/** How often its threads have gone to sleep, and so been woken. */
export function wakeUps(pid) {
  return sumOfThreads(pid, "status", (text) => Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(text)?.[1]));
}

/** Bytes that it, and the children that it has waited for, gave to write calls: files, logs and sockets alike. */
export function bytesWritten(pid) {
  return Number(/^wchar: (\d+)/m.exec(readFileSync(`/proc/${pid}/io`, "utf8"))?.[1]);
}

/** Resident memory, in MB. */
export function residentMegabytes(pid) {
  return memory(pid, "VmRSS");
}

/** The most resident memory since its start, in MB. */
export function peakMegabytes(pid) {
  return memory(pid, "VmHWM");
}

function memory(pid, which) {
  const text = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(new RegExp(`^${which}:\\s+(\\d+) kB`, "m").exec(text)?.[1]) / 1024;
}

function sumOfThreads(pid, file, read) {
  let sum = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    try {
      sum += read(readFileSync(`/proc/${pid}/task/${thread}/${file}`, "utf8"));
    } catch {
      // The thread has ended since.
    }
  }
  return sum;
}
