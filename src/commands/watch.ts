import { setTimeout as delay } from "node:timers/promises";
import { type Fact, listen } from "../control/listen.ts";
import { EXIT, type ExitCode, FaultError } from "../errors.ts";
import { cut } from "../status/layout.ts";
import type { StatusReport } from "../status/report.ts";
import { visible } from "../visible.ts";
import { type CommandContext, complain, printText } from "./context.ts";
import { currentStatus } from "./current-status.ts";
import { endForSure } from "./ending.ts";
import { Screen } from "./screen.ts";
import { exitCodeFor, reportLines, reportText } from "./status-text.ts";
import { Travellers } from "./travel.ts";

/** However much happens, the daemon is asked no more often ... */
const SOONEST_MS = 1_000;
/** ... and no less often where nothing seems to happen. */
const LATEST_MS = 2_000;
/** Ages are drawn anew. */
const REDRAW_MS = 1_000;
const RECONNECT_MS = 1_000;
/** Of the screen's rows, one in so many is for what travels. */
const ROWS_A_LINE = 4;
const MOST_TRAVELLERS = 8;

/** `status --watch`: on a terminal a picture that changes, elsewhere a report for each change. */
export async function watch(context: CommandContext): Promise<ExitCode> {
  const stop = new AbortController();
  // Until the very end: a second one must not find the terminal as we use it.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => stop.abort());
  // What the user got wrong is told before anything is drawn.
  const first = await currentStatus(context);
  if (context.stdout.isTTY && !context.json) return await new Picture(context, stop, first).show();
  return await print(context, stop.signal, first);
}

/** Each second, or with reports for people each time that something is different. */
async function print(context: CommandContext, stop: AbortSignal, first: StatusReport): Promise<ExitCode> {
  let report = first;
  let told = "";
  const stopped = new Promise<undefined>((resolve) => {
    stop.addEventListener("abort", () => resolve(undefined), { once: true });
  });
  while (!stop.aborted) {
    const now = context.json ? "" : whatMatters(report);
    if (context.json) printText(context, JSON.stringify(report));
    else if (now !== told)
      printText(context, `${told === "" ? "" : "\n"}${await reportText(report, context)}`);
    told = now;
    await delay(SOONEST_MS, undefined, { signal: stop }).catch(() => undefined);
    if (stop.aborted) break;
    try {
      const next = await Promise.race([currentStatus(context), stopped]);
      // A look that waits for a frozen daemon, or a dead disk, holds up nobody who wants to leave.
      if (next === undefined) endForSure(exitCodeFor(report));
      report = next;
    } catch (error) {
      if (!(error instanceof FaultError)) throw error;
      if (told !== error.message) complain(context, `state-syncd: ${error.message}`);
      told = error.message;
    }
  }
  return exitCodeFor(report);
}

/** A report without its clocks: what is longer ago than before is no news. */
function whatMatters({ status, repos, edges, problems, daemon }: StatusReport): string {
  return JSON.stringify([
    status,
    daemon.pid,
    repos.map(({ name, stateFile, watch, paused }) => [name, stateFile.sha256, watch, paused]),
    edges.map(({ from, to, status, syncedAt }) => [from, to, status, syncedAt]),
    problems.map(({ code, repo }) => [code, repo]),
  ]);
}

class Picture {
  readonly #context: CommandContext;
  readonly #stop: AbortController;
  readonly #screen: Screen;
  #report: StatusReport;
  /** Why there is no newer report. */
  #fault: FaultError | undefined;
  #defect: { readonly error: unknown } | undefined;
  readonly #travellers = new Travellers();
  #connected = false;
  #wasThere = false;
  #lookedAt = performance.now();
  #news = false;
  #looking = false;
  #wake: () => void = () => undefined;

  constructor(context: CommandContext, stop: AbortController, first: StatusReport) {
    this.#context = context;
    this.#stop = stop;
    this.#report = first;
    this.#screen = new Screen(
      context,
      () => stop.abort(),
      () => this.#wake(),
    );
  }

  async show(): Promise<ExitCode> {
    const { signal } = this.#stop;
    signal.addEventListener("abort", () => this.#wake());
    this.#screen.open();
    try {
      void this.#listen();
      while (!signal.aborted) {
        this.#lookIfDue();
        this.#screen.draw(await this.#lines());
        await this.#awake();
      }
    } finally {
      this.#screen.close();
    }
    if (this.#defect !== undefined) throw this.#defect.error;
    const code = this.#fault === undefined ? exitCodeFor(this.#report) : EXIT.failed;
    // A look that waits for a frozen daemon, or a dead disk, holds up nobody who wants to leave.
    if (this.#looking) endForSure(code);
    return code;
  }

  /** Until there is something to draw, or to look at. */
  async #awake(): Promise<void> {
    const untilDue = this.#lookedAt + SOONEST_MS - performance.now();
    const wait = this.#news && !this.#looking ? Math.min(REDRAW_MS, Math.max(0, untilDue)) : REDRAW_MS;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, wait);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
      if (this.#stop.signal.aborted) this.#wake();
    });
  }

  #lookIfDue(): void {
    const age = performance.now() - this.#lookedAt;
    if (this.#looking || age < (this.#news ? SOONEST_MS : LATEST_MS)) return;
    this.#looking = true;
    this.#news = false;
    this.#lookedAt = performance.now();
    void this.#look();
  }

  async #look(): Promise<void> {
    try {
      this.#report = await currentStatus(this.#context);
      this.#fault = undefined;
    } catch (error) {
      if (error instanceof FaultError) this.#fault = error;
      else this.#end(error);
    } finally {
      this.#looking = false;
      this.#wake();
    }
  }

  async #listen(): Promise<void> {
    const { signal } = this.#stop;
    try {
      while (!signal.aborted) {
        await listen(this.#context.paths, { onOpen: this.#onOpen, onFact: this.#onFact }, signal);
        if (this.#connected) {
          this.#connected = false;
          this.#wasThere = true;
          this.#tell("the daemon went away");
        }
        await delay(RECONNECT_MS, undefined, { signal }).catch(() => undefined);
      }
    } catch (error) {
      this.#end(error);
    }
  }

  readonly #onOpen = (): void => {
    this.#connected = true;
    if (this.#wasThere) this.#tell("a daemon is there again");
    else this.#hasNews();
  };

  readonly #onFact = (fact: Fact): void => {
    if (this.#travellers.add(fact)) this.#hasNews();
  };

  #tell(what: string): void {
    this.#travellers.tell(what);
    this.#hasNews();
  }

  #hasNews(): void {
    this.#news = true;
    this.#wake();
  }

  #end(error: unknown): void {
    this.#defect ??= { error };
    this.#stop.abort();
  }

  async #lines(): Promise<string[]> {
    const { columns, rows } = this.#screen;
    const room = Math.min(MOST_TRAVELLERS, Math.floor(rows / ROWS_A_LINE));
    const foot = [...this.#footer(room, columns), "q or ^C ends"].map((line) => cut(line, columns));
    const above = Math.max(1, rows - foot.length - 1);
    const body = await this.#body(columns, above);
    return [...body, "", ...foot].slice(0, rows);
  }

  #footer(room: number, columns: number): string[] {
    const lines = this.#travellers.last(room, columns);
    if (lines.length > 0 || this.#connected) return lines;
    return ["No daemon runs: nothing travels. What one does is shown here when it comes."];
  }

  async #body(columns: number, rows: number): Promise<string[]> {
    if (this.#fault === undefined) return await reportLines(this.#report, this.#context, { columns, rows });
    const { lines, fault } = this.#fault;
    return [...lines, `  ${fault.remedy}`].slice(0, rows).map((line) => cut(visible(line), columns));
  }
}
