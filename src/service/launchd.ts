import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { FaultError } from "../errors.ts";
import { locate } from "../paths.ts";
import { statIfThere } from "../store/identity.ts";
import { readStartRecord } from "../store/start-record.ts";
import { type Change, contentOf, type RunTool } from "./change.ts";
import { outputFile } from "./launchd-job.ts";
import type { ControlVerb, InstallRequest, ServiceManager, ServiceState } from "./manager.ts";
import { fillPlist, isOurs, LABEL, readPlist } from "./plist.ts";
import { isDisabled, parsePrinted, type PrintedJob } from "./printed-job.ts";
import { readTemplate } from "./template.ts";
import { type Answer, ask } from "./tool.ts";

export interface LaunchdOptions {
  /** The user's home, absolute. */
  readonly home: string;
  readonly uid: number;
  /** How long a job that was told to end is waited for, in milliseconds: longer than its ExitTimeOut. */
  readonly drainMs?: number;
}

const TOOL = "launchctl";
const DRAIN_MS = 30_000;
const POLL_MS = 100;
/** A job that is gone for `print` may be in the way of the next for a moment more. */
const GONE_MS = 5_000;

/** What `launchctl` answers: numbers of errno, and above 100 of its own. */
const NO_SUCH = new Set([3, 113]);
const IN_PROGRESS = new Set([36, 37]);
const IO_ERROR = 5;
/** After a bootout: it is gone, or going. */
const DONE = new Set([0, ...NO_SUCH, ...IN_PROGRESS]);
const NO_DOMAIN = new Set([112, 125]);

/** launchd, as it keeps the agents of a user who is logged in at the screen. */
export class Launchd implements ServiceManager {
  readonly name = "launchd";
  readonly #home: string;
  readonly #file: string;
  readonly #output: string;
  readonly #domain: string;
  readonly #target: string;
  readonly #drainMs: number;

  constructor({ home, uid, drainMs = DRAIN_MS }: LaunchdOptions) {
    this.#home = home;
    this.#file = join(home, "Library", "LaunchAgents", `${LABEL}.plist`);
    this.#output = outputFile(home);
    this.#domain = `gui/${uid}`;
    this.#target = `${this.#domain}/${LABEL}`;
    this.#drainMs = drainMs;
  }

  async state(): Promise<ServiceState> {
    const [job, text, disabled] = await Promise.all([
      this.#look(),
      contentOf(this.#file),
      this.#isDisabled(),
    ]);
    const { givenUp } = await readStartRecord(this.#startsFile(text));
    const written = readPlist(text ?? "");
    return {
      manager: this.name,
      files: text === undefined ? [] : [this.#file],
      enabled: text !== undefined && !disabled,
      ...standing(job, givenUp),
      since: null,
      says: "",
      hardened: false,
      lingers: null,
      command: job?.command ?? written.command,
      environment: written.environment,
    };
  }

  async install({ program, start, anew }: InstallRequest): Promise<readonly Change[]> {
    const [job, text, disabled] = await Promise.all([this.#look(), this.#ownText(), this.#isDisabled()]);
    if (job !== undefined) await this.#refuseForeign(job);
    const template = await readTemplate("launchd/io.github.state-syncd.plist");
    const wanted = fillPlist(template, { program, output: this.#output });
    const loaded = job !== undefined && runsThat(job, wanted);
    const changes: Change[] = [];
    // Before the file is changed: an install that breaks off in between is seen by the next.
    if (start && job !== undefined && (!loaded || text !== wanted)) changes.push(this.#bootout());
    if (text !== wanted) changes.push({ kind: "write", path: this.#file, content: wanted });
    // Private from the start, and in a directory that launchd would not make.
    if ((await statIfThere(this.#output)) === undefined)
      changes.push({ kind: "write", path: this.#output, content: "" });
    if (disabled) changes.push(this.#launchctl("enable", this.#target));
    if (!start) return changes;
    if (!loaded || text !== wanted) changes.push(...(await this.#afresh(wanted, this.#bootstrap())));
    else if (isIdle(job)) changes.push(...(await this.#afresh(wanted, this.#kickstart())));
    else if (anew === true) changes.push(...(await this.#afresh(wanted, this.#kickstart("-k"))));
    return changes;
  }

  async uninstall(): Promise<readonly Change[]> {
    const text = await this.#ownText();
    // Where nobody is logged in nothing runs, and the files can go.
    const job = await this.#look().catch((error: unknown) => {
      if (isUnreachable(error)) return undefined;
      throw error;
    });
    const isOurJob = job !== undefined && (await this.#isFromOurFile(job));
    const changes: Change[] = isOurJob ? [this.#bootout()] : [];
    const left =
      text === undefined ? [this.#startsFile(text)] : [this.#file, this.#output, this.#startsFile(text)];
    for (const path of left)
      if ((await statIfThere(path)) !== undefined) changes.push({ kind: "remove", path });
    return changes;
  }

  async control(verb: ControlVerb): Promise<readonly Change[]> {
    const [job, text, disabled] = await Promise.all([
      this.#look(),
      contentOf(this.#file),
      this.#isDisabled(),
    ]);
    if (job === undefined && text === undefined)
      throw new FaultError("SERVICE_MISSING", `there is no ${this.#file}`, { path: this.#file });
    if (verb === "stop") return job === undefined ? [] : [this.#bootout()];
    // A job that is disabled is not taken, and launchd does not say why.
    const enable = disabled ? [this.#launchctl("enable", this.#target)] : [];
    if (job === undefined) return [...enable, ...(await this.#afresh(text, this.#bootstrap()))];
    if (verb === "restart") return [...enable, ...(await this.#afresh(text, this.#kickstart("-k")))];
    return isIdle(job) ? [...enable, ...(await this.#afresh(text, this.#kickstart()))] : enable;
  }

  async run(step: RunTool): Promise<void> {
    const [verb] = step.args;
    if (verb === "bootstrap") return await this.#runBootstrap(step);
    const answer = await ask(step.tool, step.args);
    // Of what is not there it says now this and now that.
    const isDone = verb === "bootout" && (DONE.has(answer.code) || (await this.#look()) === undefined);
    if (isDone) await this.#drained();
    else if (answer.code !== 0) throw this.#fault(step, answer);
  }

  /** 5 means, mostly, that the job is still loaded or has not quite gone; and everything else that can be wrong with it. */
  async #runBootstrap(step: RunTool): Promise<void> {
    const started = performance.now();
    for (;;) {
      const answer = await ask(step.tool, step.args);
      if (answer.code === 0) return;
      if (answer.code !== IO_ERROR && !IN_PROGRESS.has(answer.code)) throw this.#fault(step, answer);
      const patience = (await this.#look()) === undefined ? Math.min(GONE_MS, this.#drainMs) : this.#drainMs;
      if (performance.now() - started > patience) throw this.#fault(step, answer);
      await delay(POLL_MS);
    }
  }

  async #drained(): Promise<void> {
    const started = performance.now();
    while ((await this.#look()) !== undefined) {
      if (performance.now() - started > this.#drainMs)
        throw new FaultError("SERVICE_FAILED", `${LABEL} has not ended within ${this.#drainMs / 1_000} s`, {
          remedy: `Run the command again; \`launchctl print ${this.#target}\` tells what it waits for.`,
        });
      await delay(POLL_MS);
    }
  }

  /** The job that is loaded; undefined where none is. @throws FaultError SERVICE_UNREACHABLE. */
  async #look(): Promise<PrintedJob | undefined> {
    const step = this.#launchctl("print", this.#target);
    const answer = await ask(step.tool, step.args);
    if (answer.code === 0) return parsePrinted(answer.stdout);
    if (NO_SUCH.has(answer.code) && !/find domain/i.test(answer.stderr)) return undefined;
    throw this.#unreachable(answer);
  }

  async #isDisabled(): Promise<boolean> {
    const answer = await ask(TOOL, ["print-disabled", this.#domain]);
    return answer.code === 0 && isDisabled(answer.stdout, LABEL);
  }

  /** @throws FaultError SERVICE_FOREIGN. */
  async #ownText(): Promise<string | undefined> {
    const text = await contentOf(this.#file);
    if (text === undefined || isOurs(text)) return text;
    const message = `${this.#file} was not written by \`state-syncd service install\``;
    throw new FaultError("SERVICE_FOREIGN", message, { path: this.#file });
  }

  /** @throws FaultError SERVICE_FOREIGN for a job of our name that was loaded from elsewhere. */
  async #refuseForeign(job: PrintedJob): Promise<void> {
    if (await this.#isFromOurFile(job)) return;
    const { path } = job;
    throw new FaultError("SERVICE_FOREIGN", `launchd has a job ${LABEL} from ${path}`, {
      path,
      remedy: `If it is not needed any more: \`launchctl bootout ${this.#target}\`. Then install again.`,
    });
  }

  /** A home may have several paths. */
  async #isFromOurFile({ path }: PrintedJob): Promise<boolean> {
    if (path === "" || path === this.#file) return true;
    const [theirs, ours] = await Promise.all([statIfThere(path), statIfThere(this.#file)]);
    return theirs !== undefined && theirs.ino === ours?.ino && theirs.dev === ours.dev;
  }

  /** A start that somebody means: what failed before does not count. */
  async #afresh(text: string | undefined, start: RunTool): Promise<Change[]> {
    const path = this.#startsFile(text);
    return (await statIfThere(path)) === undefined ? [start] : [{ kind: "remove", path }, start];
  }

  /** Where the daemon counts its starts, by the environment that it gets and not by this command's. */
  #startsFile(text: string | undefined): string {
    const { environment } = readPlist(text ?? "");
    return locate(undefined, { ...environment, HOME: environment["HOME"] ?? this.#home }).startsFile;
  }

  #bootstrap(): RunTool {
    return this.#launchctl("bootstrap", this.#domain, this.#file);
  }

  #bootout(): RunTool {
    return this.#launchctl("bootout", this.#target);
  }

  #kickstart(...how: readonly string[]): RunTool {
    return this.#launchctl("kickstart", ...how, this.#target);
  }

  #launchctl(...args: readonly string[]): RunTool {
    return { kind: "run", tool: TOOL, args };
  }

  #fault({ args }: RunTool, answer: Answer): FaultError {
    if (NO_DOMAIN.has(answer.code)) return this.#unreachable(answer);
    const message = `launchctl ${args.join(" ")}: ${said(answer)}`;
    const remedy = `Look at ${this.#output}, and at \`log show --last 5m --predicate 'process == "launchd"'\`.`;
    return new FaultError("SERVICE_FAILED", message, { remedy });
  }

  #unreachable(answer: Answer): FaultError {
    const remedy =
      this.#domain === "gui/0"
        ? "Run it as your own user, without sudo."
        : "Log in at this Mac's screen, or by Screen Sharing, as the same user, and run it again: launchd keeps a user's agents only from such a login on; an SSH session alone is none.";
    const message = `launchd has no ${this.#domain}, or does not answer: ${said(answer)}`;
    return new FaultError("SERVICE_UNREACHABLE", message, { remedy });
  }
}

function said({ code, stdout, stderr }: Answer): string {
  const text = `${stderr}\n${stdout}`.trim().split("\n").join("; ");
  return text === "" ? `exit code ${code}` : text;
}

function isUnreachable(error: unknown): boolean {
  return error instanceof FaultError && error.fault.code === "SERVICE_UNREACHABLE";
}

/** Neither running nor about to. */
function isIdle(job: PrintedJob): boolean {
  return !["running", "starting"].includes(standing(job, "").activity);
}

/**
 * Whether a job is what a file says: it may have been loaded before the file was changed. What the
 * system does not print is taken for right, so that an install stays one that can be repeated.
 */
function runsThat(job: PrintedJob, text: string): boolean {
  const { command, environment } = readPlist(text);
  return (
    (job.command.length === 0 || JSON.stringify(job.command) === JSON.stringify(command)) &&
    Object.entries(environment).every(([name, value]) => (job.environment[name] ?? value) === value)
  );
}

type Standing = Pick<ServiceState, "activity" | "pid" | "failure">;

/** @param givenUp why the daemon has asked launchd, by exit 0, not to start it again. */
function standing(job: PrintedJob | undefined, givenUp: string): Standing {
  if (job === undefined) return { activity: "stopped", pid: null, failure: "" };
  const { state, pid, lastEnd } = job;
  if (state === "running") return { activity: "running", pid, failure: "" };
  if (/^(xpcproxy|spawn)/.test(state)) return { activity: "starting", pid, failure: lastEnd };
  if (/term|exit|remov|stopp/i.test(state)) return { activity: "stopping", pid, failure: "" };
  const failure = givenUp === "" ? lastEnd : givenUp;
  return { activity: failure === "" ? "stopped" : "failed", pid, failure };
}
