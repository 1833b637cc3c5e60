import { fstatSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import { systemCode } from "../errors.ts";
import type { Level } from "./events.ts";

/** The unit whose journal holds the log of a daemon that systemd runs. */
export const UNIT = "state-syncd.service";

const STDERR = 2;

type Environment = Readonly<Record<string, string | undefined>>;

/** Whether our stderr is the journal. Those whom we start inherit the variable, but maybe not the stream. */
export function isJournal(env: Environment = process.env): boolean {
  const { dev, ino } = fstatSync(STDERR);
  return env["JOURNAL_STREAM"] === `${dev}:${ino}`;
}

/**
 * Whether what goes to our stderr is found again as lines of {@link UNIT} among the user's units,
 * which is where `logs` looks. Under another unit the file is the better place.
 */
export function isOwnJournal(env: Environment = process.env): boolean {
  if (!isJournal(env)) return false;
  try {
    const groups = readFileSync("/proc/self/cgroup", "utf8").split("\n");
    return groups.some((group) => /\/user@\d+\.service\//.test(group) && group.endsWith(`/${UNIT}`));
  } catch {
    return false;
  }
}

/** The priorities of syslog, as the journal reads them at the beginning of a line. */
const PRIORITIES = {
  trace: 7,
  debug: 7,
  info: 6,
  warn: 4,
  error: 3,
} as const satisfies Readonly<Record<Level, number>>;

/** A journal that is busy is waited for this long ... */
const PATIENCE_MS = 100;
/** ... and, where it stays busy, for this part of the time. */
const PATIENT_PART = 0.05;

/**
 * The journal, which is the other end of our stderr. Its socket holds some two hundred lines, and a
 * journal that hangs takes no more: to block until it does would stop the daemon, to queue them
 * would fill the memory and lose the last ones at the end. So a line is in the socket when the
 * call returns, or was refused.
 */
export class JournalStream {
  #torn = false;
  #patienceMs = PATIENCE_MS;
  #refilledAt = performance.now();

  /** @param mark a file that is made, if it can be. */
  constructor(mark: string) {
    try {
      writeFileSync(mark, "", { flag: "a", mode: 0o600 });
    } catch {
      // The log is no worse for it.
    }
    // To ask for the stream makes Node set it to not blocking. Whoever else writes to it must not end
    // the daemon when it breaks.
    process.stderr.on("error", () => undefined);
  }

  /** @returns the system's code of what went wrong, or undefined. */
  append(line: string, level: Level): string | undefined {
    const bytes = Buffer.from(`${this.#torn ? "\n" : ""}<${PRIORITIES[level]}>${line}`);
    let offset = 0;
    while (offset < bytes.length) {
      try {
        offset += writeSync(STDERR, bytes, offset);
      } catch (error) {
        const code = systemCode(error) ?? "unknown";
        if (code === "EAGAIN" && this.#wait()) continue;
        this.#torn = this.#torn || offset > 0;
        return code;
      }
    }
    this.#torn = false;
    return undefined;
  }

  /** @returns false where we have waited enough of late. */
  #wait(): boolean {
    const now = performance.now();
    this.#patienceMs += (now - this.#refilledAt) * PATIENT_PART;
    this.#patienceMs = Math.min(this.#patienceMs, PATIENCE_MS);
    this.#refilledAt = now;
    if (this.#patienceMs < 1) return false;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    this.#patienceMs -= performance.now() - now;
    return true;
  }
}
