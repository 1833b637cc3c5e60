import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { within } from "../concurrently.ts";
import { systemCode } from "../errors.ts";
import type { Level } from "./events.ts";
import type { LogLine } from "./format.ts";
import { type JournalEntry, OUTPUT_FIELDS, parseEntry } from "./journal-entry.ts";
import { UNIT } from "./journal-stream.ts";
import { type LogFilter, matches } from "./read.ts";

export interface JournalLines {
  /** The newest that pass the filter, oldest first. */
  readonly lines: readonly LogLine[];
  /** Whether anything was found there, of our unit and as important as the filter wants it. */
  readonly isThere: boolean;
  /** Where to go on after it. */
  readonly cursor: string | undefined;
  /** Why it could not be read, or not to its end, in a few words. */
  readonly trouble: string | undefined;
}

/** A journalctl that prints nothing for so long hangs. */
const QUIET_MS = 5_000;

/** An entry is 48 KiB at most, and bytes that are no text take four characters each. */
const LONGEST_ENTRY = 1 << 20;

/**
 * The newest lines of our unit's journal that pass the filter. Waits for no journalctl
 * that hangs: what could be read is there, with what went wrong. On a machine without
 * journalctl there is nothing to read, and nothing wrong.
 */
export async function readJournal(
  filter: LogFilter,
  options: { readonly lines: number },
  signal?: AbortSignal,
): Promise<JournalLines> {
  const found: LogLine[] = [];
  let cursor: string | undefined;
  const journal = new Journalctl([...matchesOf(filter), "--reverse"], QUIET_MS);
  for await (const entries of journal.entries(signal)) {
    for (const entry of entries) {
      cursor ??= entry.cursor;
      if (found.length < options.lines && matches(entry.line, filter)) found.push(entry.line);
    }
    if (found.length >= options.lines) break;
  }
  return { lines: found.reverse(), isThere: cursor !== undefined, cursor, trouble: journal.trouble };
}

/**
 * First the newest lines, as {@link readJournal} gives them, then those that are added, until the
 * signal is aborted. Ends by itself where the journal cannot be followed.
 *
 * @param tell is told what went wrong.
 */
export async function* followJournal(
  filter: LogFilter,
  signal: AbortSignal,
  options: { readonly lines: number; readonly tell: (trouble: string) => void },
): AsyncGenerator<readonly LogLine[], void, undefined> {
  const startSeconds = Math.floor(Date.now() / 1_000);
  const { lines, cursor, trouble } = await readJournal(filter, options, signal);
  if (trouble !== undefined) options.tell(trouble);
  yield lines;
  if (trouble !== undefined || signal.aborted) return;
  const from = cursor === undefined ? `--since=@${startSeconds}` : `--after-cursor=${cursor}`;
  const journal = new Journalctl([...matchesOf({ level: filter.level }), "--follow", "--no-tail", from]);
  for await (const entries of journal.entries(signal)) {
    yield entries.map(({ line }) => line).filter((line) => matches(line, filter));
  }
  if (signal.aborted || journal.isMissing) return;
  options.tell(journal.trouble ?? "journalctl has ended");
}

/** What is passed on, so that journalctl need not print it. It is looked at again here. */
function matchesOf({ level, since }: LogFilter): string[] {
  const priority = level === undefined ? [] : [`--priority=${PRIORITIES[level]}`];
  // A line's own time is a little earlier than the journal's, so there is nothing to be missed.
  return since === undefined ? priority : [...priority, `--since=@${Math.floor(since.getTime() / 1_000)}`];
}

const PRIORITIES = { trace: 7, debug: 7, info: 6, warn: 4, error: 3 } as const satisfies Readonly<
  Record<Level, number>
>;

/** A journalctl at work on our unit. It ends with the reading, whatever becomes of it. */
class Journalctl {
  readonly #quietMs: number | undefined;
  readonly #child: ChildProcess;
  /** Of the process: that it could not be started, or how it ended. */
  readonly #ended: Promise<Error | undefined>;
  #stderr = "";
  #wanted = true;
  trouble: string | undefined;
  isMissing = false;

  /** @param quietMs when it counts as hanging; without, it may wait as long as it likes. */
  constructor(args: readonly string[], quietMs?: number) {
    this.#quietMs = quietMs;
    const common = ["--quiet", "--no-pager", "--all", "--output=json", `--output-fields=${OUTPUT_FIELDS}`];
    this.#child = spawn("journalctl", [...common, `--user-unit=${UNIT}`, ...args], {
      stdio: ["ignore", "pipe", "pipe"],
      // While it follows, a ^C is for us, and we end it then. If we are killed, it notices that nobody reads.
      detached: quietMs === undefined,
    });
    this.#ended = once(this.#child, "exit").then(
      () => undefined,
      (error: unknown) => (error instanceof Error ? error : new Error(String(error))),
    );
    this.#child.stderr?.on("data", (data: Buffer) => {
      if (this.#stderr.length < 1_000) this.#stderr += data.toString();
    });
    process.on("exit", this.#kill);
  }

  /** Its entries, as they come. Ends where it ends or hangs; `trouble` says then what was wrong. */
  async *entries(signal?: AbortSignal): AsyncGenerator<readonly JournalEntry[], void, undefined> {
    let rest = "";
    let timer: NodeJS.Timeout | undefined;
    const { stdout } = this.#child;
    const stop = (): void => this.end();
    signal?.addEventListener("abort", stop);
    const hang = (): void => {
      this.trouble = `journalctl has not answered for ${(this.#quietMs ?? 0) / 1_000} s`;
      this.end();
    };
    try {
      if (stdout === null || signal?.aborted === true) return;
      stdout.setEncoding("utf8");
      if (this.#quietMs !== undefined) timer = setTimeout(hang, this.#quietMs);
      for await (const chunk of stdout) {
        timer?.refresh();
        const parts = (rest + String(chunk)).split("\n");
        rest = parts.pop() ?? "";
        const entries = parts.map(parseEntry).filter((entry) => entry !== undefined);
        if (rest.length > LONGEST_ENTRY || entries.length < parts.length) {
          this.trouble = "journalctl prints what is no journal";
          return;
        }
        if (entries.length > 0) yield entries;
      }
      if (this.#wanted) await this.#judgeEnd();
    } catch (error) {
      if (this.#wanted) await this.#judgeEnd();
      if (this.#wanted && !this.isMissing) this.trouble ??= `journalctl: ${String(error)}`;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", stop);
      this.end();
      process.off("exit", this.#kill);
    }
  }

  /** Nothing more is wanted of it. */
  end(): void {
    this.#wanted = false;
    this.#kill();
    this.#child.stdout?.destroy();
    this.#child.stderr?.destroy();
    // A dead disk may hold even what was killed. It holds up nobody else.
    this.#child.unref();
  }

  async #judgeEnd(): Promise<void> {
    const error = await within(this.#quietMs ?? QUIET_MS, this.#ended);
    const { exitCode, signalCode } = this.#child;
    this.isMissing = systemCode(error) === "ENOENT";
    if (this.isMissing || exitCode === 0) return;
    const said = this.#stderr.trim().split("\n")[0];
    const how = error?.message ?? (signalCode === null ? `exit code ${exitCode}` : signalCode);
    this.trouble = `journalctl: ${said === undefined || said === "" ? how : said}`;
  }

  readonly #kill = (): void => {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill("SIGKILL");
  };
}
