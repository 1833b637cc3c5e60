import { Worker } from "node:worker_threads";
import { systemCode } from "../errors.ts";
import type { Guarded, GuardOptions } from "./guarded.ts";
import { RuleError, ThreadError } from "./rule-error.ts";

/** Set by the bundler, and for the tests: where `thread.ts` is, seen from this module. */
declare const __GUARD_THREAD__: string;

export interface ThreadsOptions {
  /** What takes longer is given up, in milliseconds. Default 15 s, ten times what an honest text of 16 MiB takes. */
  readonly deadlineMs?: number;
  /** A text that has waited this long for another one gets a thread of its own, in milliseconds. */
  readonly patienceMs?: number;
  /** A thread without work ends after this, in milliseconds: it holds some 20 MB. */
  readonly idleMs?: number;
}

const DEADLINE_MS = 15_000;
const PATIENCE_MS = 250;
const IDLE_MS = 60_000;
/** So many texts that take for ever, and the next one waits for the deadline of the first. */
const MOST_THREADS = 8;
/** Time is counted in steps that this process has seen go by: one that was stopped, or slept, has not. */
const TICK_MS = 100;

/** What goes to a thread ... */
export interface Task {
  readonly options: GuardOptions;
  /** It goes over to the thread. */
  readonly body: Uint8Array<ArrayBuffer>;
}

/** ... and what comes back. */
export type Outcome =
  | {
      readonly ok: true;
      /** Undefined where nothing was changed. */
      readonly body: Uint8Array | undefined;
      readonly found: Omit<Guarded, "body">;
    }
  | { readonly ok: false; readonly message: string };

interface Job {
  readonly task: Task;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: RuleError) => void;
}

/**
 * Threads that look through texts: one as a rule, more where that one is held up. Nothing but
 * ending its thread can stop a pattern, so each text has a deadline. None is started before it is needed.
 */
export class Threads {
  readonly #options: Required<ThreadsOptions>;
  readonly #threads = new Set<Thread>();
  readonly #waiting: Job[] = [];
  #growing: NodeJS.Timeout | undefined;

  constructor({ deadlineMs = DEADLINE_MS, patienceMs = PATIENCE_MS, idleMs = IDLE_MS }: ThreadsOptions = {}) {
    this.#options = { deadlineMs, patienceMs, idleMs };
  }

  /** See {@link Guard.inspect}. */
  async inspect(options: GuardOptions, body: Buffer): Promise<Guarded> {
    // Its own bytes: a message takes along the whole memory that a piece of it lies in.
    const copy = new Uint8Array(body);
    const outcome = await new Promise<Outcome>((resolve, reject) => {
      this.#waiting.push({ task: { options, body: copy }, resolve, reject });
      this.#pump();
    });
    if (!outcome.ok) throw new RuleError(outcome.message);
    const { body: changed, found } = outcome;
    if (changed === undefined) return { ...found, body };
    return { ...found, body: Buffer.from(changed.buffer, changed.byteOffset, changed.byteLength) };
  }

  #pump(): void {
    while (this.#waiting.length > 0) {
      const free = [...this.#threads].find(({ isFree }) => isFree);
      if (free === undefined && this.#threads.size > 0) {
        this.#growSoon();
        return;
      }
      const job = this.#waiting.shift();
      if (job === undefined) break;
      try {
        (free ?? this.#grow()).run(job);
      } catch (error) {
        job.reject(unavailable(error));
      }
    }
    clearTimeout(this.#growing);
    this.#growing = undefined;
  }

  #growSoon(): void {
    if (this.#threads.size >= MOST_THREADS) return;
    this.#growing ??= setTimeout(() => {
      this.#growing = undefined;
      try {
        const thread = this.#grow();
        const job = this.#waiting.shift();
        if (job !== undefined) thread.run(job);
      } catch {
        // Those that there are come to it in the end.
      }
      if (this.#waiting.length > 0) this.#growSoon();
    }, this.#options.patienceMs);
  }

  #grow(): Thread {
    const thread = new Thread(this.#options, {
      onFree: () => this.#pump(),
      onEnd: () => {
        this.#threads.delete(thread);
        this.#pump();
      },
    });
    this.#threads.add(thread);
    return thread;
  }
}

/** A thread that the system does not give now, it may give the next time. */
function unavailable(error: unknown): ThreadError {
  return new ThreadError(`no thread is to be had for the guard (${systemCode(error) ?? "unknown"})`);
}

interface ThreadEvents {
  readonly onFree: () => void;
  /** It is gone, and its work with it. */
  readonly onEnd: () => void;
}

class Thread {
  readonly #worker: Worker;
  readonly #options: Required<ThreadsOptions>;
  readonly #events: ThreadEvents;
  /** The name of the rule that is at work: its length in bytes, and these. A thread that is held up cannot answer. */
  readonly #atRule = Buffer.from(new SharedArrayBuffer(256));
  #job: Job | undefined;
  #timer: NodeJS.Timeout | undefined;
  #ended = false;

  constructor(options: Required<ThreadsOptions>, events: ThreadEvents) {
    this.#options = options;
    this.#events = events;
    this.#worker = new Worker(new URL(__GUARD_THREAD__, import.meta.url), {
      workerData: this.#atRule.buffer,
      // What node itself was started with may be of no use to a thread.
      execArgv: [],
      // Nothing of what it may say goes to our output.
      stdout: true,
      stderr: true,
    });
    this.#worker.on("message", (outcome: Outcome) => this.#done(outcome));
    this.#worker.on("error", (error) =>
      this.#fail(new ThreadError(`the guard's thread failed (${systemCode(error) ?? error.name})`)),
    );
    this.#worker.on("exit", () => this.#fail(new ThreadError("the guard's thread ended")));
  }

  get isFree(): boolean {
    return this.#job === undefined && !this.#ended;
  }

  run(job: Job): void {
    this.#job = job;
    clearTimeout(this.#timer);
    let left = Math.ceil(this.#options.deadlineMs / TICK_MS);
    this.#timer = setInterval(() => {
      left -= 1;
      if (left <= 0) this.#fail(new RuleError(this.#overdue()));
    }, TICK_MS);
    // A process with work in hand does not end; one whose threads only wait does.
    this.#worker.ref();
    this.#worker.postMessage(job.task, [job.task.body.buffer]);
  }

  #overdue(): string {
    const name = this.#atRule.toString("utf8", 1, 1 + this.#atRule.readUInt8());
    const rule = name === "" ? "the guard" : name.startsWith("guard.") ? name : `the rule ${name}`;
    const advice = name.startsWith("guard.") ? "; let it match less far" : "";
    return `${rule} took more than ${this.#options.deadlineMs / 1_000} s${advice}`;
  }

  #done(outcome: Outcome): void {
    const job = this.#job;
    this.#job = undefined;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#fail(new ThreadError("idle")), this.#options.idleMs).unref();
    this.#worker.unref();
    job?.resolve(outcome);
    this.#events.onFree();
  }

  /** Ends the thread, whatever it is doing. */
  #fail(why: RuleError): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#timer);
    void this.#worker.terminate();
    this.#job?.reject(why);
    this.#job = undefined;
    this.#events.onEnd();
  }
}
