/*
 * A launchd of a test's own, as a program: argv names the socket that its `launchctl` talks to and
 * how it is to behave. It starts what is bootstrapped, and starts it again by the rules of the
 * file. It ends with its stdin, and with it everything that it has started.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { type Job, readJob } from "./launchd-job.ts";

export interface Behaviour {
  readonly socket: string;
  readonly domain: string;
  /** Of the domain: a job gets nothing else but what its file says. */
  readonly environment: Readonly<Record<string, string>>;
  /** In the place of the file's ThrottleInterval and ExitTimeOut, in milliseconds. */
  readonly throttleMs: number;
  readonly exitMs: number;
  /** How long a job stays after the end of its process that was booted out. */
  readonly drainMs: number;
  /** What it answers to a bootout of what is not there. */
  readonly noSuch: number;
  /** `print` tells next to nothing: nobody has promised anything. */
  readonly terse: boolean;
}

export interface Reply {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

type Ended = { readonly code: number } | { readonly signal: string };

interface Loaded {
  readonly path: string;
  readonly job: Job;
  child: ChildProcess | undefined;
  ended: Ended | undefined;
  spawnedAt: number;
  runs: number;
  timer: NodeJS.Timeout | undefined;
  draining: boolean;
}

const behaviour: Behaviour = JSON.parse(process.argv[2] ?? "");
const loaded = new Map<string, Loaded>();
const disabled = new Set<string>();
const running = new Set<ChildProcess>();
const pids: number[] = [];
let isThere = true;

const said = (code: number, stderr: string): Reply => ({ code, stdout: "", stderr: `${stderr}\n` });
const ok = (stdout = ""): Reply => ({ code: 0, stdout, stderr: "" });
const IO_ERROR =
  "Bootstrap failed: 5: Input/output error\nTry re-running the command as root for richer errors.";

function start(each: Loaded): void {
  const { job } = each;
  clearTimeout(each.timer);
  each.timer = undefined;
  each.spawnedAt = performance.now();
  each.runs += 1;
  const [command = "", ...args] = job.command;
  let [out, err] = [0, 0];
  try {
    [out, err] = [openSync(job.output, "a"), openSync(job.errors, "a")];
  } catch {
    ended(each, { code: 78 });
    return;
  }
  const child = spawn(command, args, {
    cwd: "/",
    detached: true,
    env: { ...behaviour.environment, ...job.environment, XPC_SERVICE_NAME: job.label },
    stdio: ["ignore", out, err],
  });
  closeSync(out);
  closeSync(err);
  each.child = child;
  if (child.pid !== undefined) {
    pids.push(child.pid);
    running.add(child);
  }
  // As where the program is not there.
  child.once("error", () => ended(each, { code: 78 }));
  child.once("exit", (code, signal) => {
    running.delete(child);
    // What it has started does not outlive it.
    killGroup(child, "SIGKILL");
    ended(each, signal === null ? { code: code ?? 1 } : { signal });
  });
}

function ended(each: Loaded, how: Ended): void {
  each.child = undefined;
  each.ended = how;
  clearTimeout(each.timer);
  if (each.draining) {
    each.timer = setTimeout(() => loaded.delete(each.job.label), behaviour.drainMs);
    return;
  }
  if ("code" in how && how.code === 0) return;
  const wait = Math.max(0, behaviour.throttleMs - (performance.now() - each.spawnedAt));
  each.timer = setTimeout(() => start(each), wait);
}

function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  try {
    process.kill(-(child.pid ?? 0), signal);
  } catch {
    // Nobody is left in it.
  }
}

function bootstrap(domain: string, path: string): Reply {
  if (!isThere || domain !== behaviour.domain)
    return said(125, "Bootstrap failed: 125: Domain does not support specified action");
  let job: Job;
  try {
    if ((statSync(path).mode & 0o022) !== 0)
      return said(122, "Bootstrap failed: 122: Path had bad ownership/permissions");
    job = readJob(readFileSync(path, "utf8"), path);
  } catch {
    return said(5, IO_ERROR);
  }
  if (loaded.has(job.label) || disabled.has(job.label)) return said(5, IO_ERROR);
  const each: Loaded = {
    path,
    job,
    child: undefined,
    ended: undefined,
    spawnedAt: 0,
    runs: 0,
    timer: undefined,
    draining: false,
  };
  loaded.set(job.label, each);
  start(each);
  return ok();
}

function bootout(each: Loaded): Reply {
  if (each.draining) return said(36, "Boot-out failed: 36: Operation now in progress");
  each.draining = true;
  clearTimeout(each.timer);
  const { child } = each;
  if (child === undefined) {
    loaded.delete(each.job.label);
    return ok();
  }
  child.kill("SIGTERM");
  each.timer = setTimeout(() => child.kill("SIGKILL"), behaviour.exitMs);
  return ok();
}

function kickstart(each: Loaded, kill: boolean): Reply {
  if (each.draining) return said(37, "Could not kickstart service: 37: Operation already in progress");
  if (each.child === undefined) start(each);
  else if (kill) {
    const { child } = each;
    child.once("exit", () => start(each));
    child.kill("SIGKILL");
  }
  return ok();
}

function print(each: Loaded): string {
  const { job, path, child, ended: how, runs } = each;
  const scheduled = each.timer !== undefined && !each.draining;
  const state = child !== undefined ? "running" : scheduled ? "spawn scheduled" : "not running";
  const indented = (lines: readonly string[]): string[] => lines.map((line) => `\t\t${line}`);
  const variables = Object.entries({ ...job.environment, XPC_SERVICE_NAME: job.label });
  return [
    `${behaviour.domain}/${job.label} = {`,
    `\tactive count = ${child === undefined ? 0 : 1}`,
    `\tpath = ${path}`,
    "\ttype = LaunchAgent",
    `\tstate = ${state}`,
    "",
    `\tprogram = ${job.command[0]}`,
    "\targuments = {",
    ...indented(job.command),
    "\t}",
    "",
    `\tstdout path = ${job.output}`,
    `\tstderr path = ${job.errors}`,
    "\tinherited environment = {",
    "\t\tSSH_AUTH_SOCK => /private/tmp/com.apple.launchd.abc/Listeners",
    "\t}",
    "",
    "\tenvironment = {",
    ...indented(variables.map(([name, value]) => `${name} => ${value}`)),
    "\t}",
    "",
    `\tdomain = ${behaviour.domain} [100005]`,
    `\tminimum runtime = ${job.throttleSeconds}`,
    `\texit timeout = ${job.exitSeconds}`,
    `\truns = ${runs}`,
    ...(child === undefined ? [] : [`\tpid = ${child.pid}`]),
    ...(how === undefined ? ["\tlast exit code = (never exited)"] : []),
    ...(how !== undefined && "code" in how ? [`\tlast exit code = ${how.code}`] : []),
    ...(how !== undefined && "signal" in how ? [`\tlast terminating signal = ${how.signal}`] : []),
    "",
    "\tproperties = runatload | inferred program",
    "}",
    "",
  ].join("\n");
}

/** With the service's name, where it is about one. */
function answer([verb = "", ...words]: readonly string[]): Reply {
  const target = words.at(-1) ?? "";
  const label = target.slice(behaviour.domain.length + 1);
  switch (verb) {
    case "bootstrap":
      return bootstrap(words[0] ?? "", target);
    case "print-disabled":
      return isThere
        ? ok(`disabled services = {\n${[...disabled].map((each) => `\t"${each}" => disabled\n`).join("")}}\n`)
        : said(125, "Could not print disabled: 125: Domain does not support specified action");
    case "enable":
      disabled.delete(label);
      return ok();
    case "disable":
      disabled.add(label);
      return ok();
    // Two of the test's own.
    case "logout":
      isThere = false;
      return ok();
    case "pids":
      return ok(JSON.stringify(pids));
  }
  const each = target.startsWith(`${behaviour.domain}/`) ? loaded.get(label) : undefined;
  if (!isThere) return said(112, `Bad request.\nCould not find domain for user ${behaviour.domain}`);
  if (each === undefined)
    return verb === "bootout"
      ? said(behaviour.noSuch, `Boot-out failed: ${behaviour.noSuch}: No such process`)
      : said(113, `Bad request.\nCould not find service "${label}" in domain for user gui: 501`);
  switch (verb) {
    case "print":
      return ok(behaviour.terse ? `${target} = {\n\tstate = running\n}\n` : print(each));
    case "bootout":
      return bootout(each);
    case "kickstart":
      return kickstart(each, words[0] === "-k");
    case "kill":
      each.child?.kill(words[0] as NodeJS.Signals);
      return ok();
    default:
      return said(64, `Unrecognized subcommand: ${verb}`);
  }
}

const server = createServer({ allowHalfOpen: true }, (socket) => {
  socket.on("error", () => undefined);
  let line = "";
  socket.on("data", (chunk: Buffer) => (line += chunk.toString()));
  socket.on("end", () => socket.end(JSON.stringify(answer(JSON.parse(line)))));
});
server.listen(behaviour.socket, () => process.stdout.write("ready\n"));

function end(): void {
  for (const each of loaded.values()) {
    each.draining = true;
    clearTimeout(each.timer);
  }
  for (const child of running) killGroup(child, "SIGKILL");
  server.close();
  // The processes are waited for, so that none is left, not even in the table of processes.
  if (running.size === 0) process.exit();
  setTimeout(end, 20);
}
process.on("SIGTERM", end);
process.stdin.on("end", end);
process.stdin.resume();
