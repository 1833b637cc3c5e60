import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { dirname } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { FaultCode } from "../../src/errors.ts";
import { endures, HURT, running } from "../support/fault.ts";
import { isRoot } from "../support/ordinary-user.ts";
import type { Daemon, Workspace } from "../support/workspace.ts";

let workspace: Workspace;
let daemon: Daemon;
let server: Server | undefined;
beforeEach(async () => {
  ({ workspace, daemon } = await running());
});
afterEach(async () => {
  server?.close();
  server = undefined;
  await workspace.dispose();
});

const into = [`x>${HURT}`, `y>${HURT}`];
const from = [`${HURT}>x`, `${HURT}>y`];

/** Puts something at a path that was made free. */
type Put = (path: string) => unknown;

const fifo: Put = (path) => execFileSync("mkfifo", [path]);
/** As `/dev/zero`, which never ends: who reads it reads for ever. */
const device: Put = (path) => execFileSync("mknod", [path, "c", "1", "5"]);
const large: Put = (path) => execFileSync("truncate", ["-s", "2G", path]);
const socket: Put = async (path) => {
  server = createServer().listen(path);
  await once(server, "listening");
};

const STATE_FILES: readonly (readonly [string, FaultCode, Put])[] = [
  ["a FIFO", "STATE_FILE_NOT_REGULAR", fifo],
  ["a device", "STATE_FILE_NOT_REGULAR", device],
  ["a socket", "STATE_FILE_NOT_REGULAR", socket],
  ["a directory", "STATE_FILE_NOT_REGULAR", (path) => mkdir(path)],
  ["of 2 GB", "STATE_FILE_TOO_LARGE", large],
  ["not text", "STATE_FILE_NOT_UTF8", (path) => writeFile(path, Buffer.from([0xff, 0xfe, 0x00]))],
  ["a link out of the repo", "STATE_FILE_OUTSIDE", (path) => symlink("/etc/hostname", path)],
  ["a link to nowhere", "STATE_FILE_MISSING", (path) => symlink("nowhere.md", path)],
  ["a link to itself", "STATE_FILE_UNREADABLE", (path) => symlink("STATE.md", path)],
  ["nothing", "STATE_FILE_MISSING", () => undefined],
];

const CACHES: readonly (readonly [string, FaultCode, Put])[] = [
  ["a FIFO", "CACHE_NOT_REGULAR", fifo],
  ["a device", "CACHE_NOT_REGULAR", device],
  ["a socket", "CACHE_NOT_REGULAR", socket],
  ["a directory", "CACHE_NOT_REGULAR", (path) => mkdir(path)],
  ["of 2 GB", "CACHE_TOO_LARGE", large],
  ["a link out of the repo", "CACHE_OUTSIDE", (path) => symlink("/etc/hostname", path)],
  ["a link to the state file", "CACHE_NOT_REGULAR", (path) => symlink("../STATE.md", path)],
  ["a link to itself", "CACHE_NOT_REGULAR", (path) => symlink("global-state-cache.md", path)],
];

const DIRECTORIES: readonly (readonly [string, FaultCode, Put])[] = [
  ["a file", "CACHE_NOT_DIRECTORY", (path) => writeFile(path, "")],
  ["a FIFO", "CACHE_NOT_DIRECTORY", fifo],
  ["a link out of the repo", "CACHE_OUTSIDE", (path) => symlink("/usr", path)],
  ["a link to nowhere", "CACHE_NOT_DIRECTORY", (path) => symlink("nowhere", path)],
];

/** Moves what is at a path out of the way, puts something else there, and has that endured. */
async function replaced(
  what: string,
  code: FaultCode,
  broken: readonly string[],
  path: string,
  put: Put,
): Promise<void> {
  const aside = `${dirname(path)}/set-aside`;
  await endures(workspace, {
    name: what,
    code,
    broken,
    cause: () =>
      inOneStep(async () => {
        await rename(path, aside);
        await put(path);
      }),
    meanwhile: frugal,
    mend: () =>
      inOneStep(async () => {
        await rm(path, { recursive: true, force: true });
        await rename(aside, path);
      }),
  });
}

/** So that the daemon does not put its own in a place that is free for a moment. */
async function inOneStep(change: () => Promise<void>): Promise<void> {
  await daemon.freeze();
  await change();
  daemon.send("SIGCONT");
}

/** Nothing large was read: the daemon has never had room for it. */
async function frugal(): Promise<void> {
  const peak = /^VmHWM:\s+(\d+) kB/m.exec(await readFile(`/proc/${daemon.pid}/status`, "utf8"))?.[1];
  expect(Number(peak) / 1024).toBeLessThan(400);
}

/** What the tables need and not everybody may do. */
function mayPut(put: Put, skip: (why: string) => void): void {
  if (put === device && !isRoot) skip("needs root to make a device");
}

describe("where the state file was there is now", () => {
  it.for(STATE_FILES)("%s", async ([kind, code, put], { skip }) => {
    mayPut(put, skip);
    await replaced(`the state file is ${kind}`, code, from, workspace.stateFile(HURT), put);
  });
});

describe("where the cache was there is now", () => {
  it.for(CACHES)("%s", async ([kind, code, put], { skip }) => {
    mayPut(put, skip);
    await replaced(`the cache is ${kind}`, code, into, workspace.cacheFile(HURT), put);
  });
});

describe("where .aibrain was there is now", () => {
  it.each(DIRECTORIES)("%s", async (kind, code, put) => {
    await replaced(`.aibrain is ${kind}`, code, into, dirname(workspace.cacheFile(HURT)), put);
  });
});

describe("where the repo was there is now", () => {
  it.each([
    ["nothing", "REPO_MISSING", () => undefined],
    ["a file", "CACHE_NOT_DIRECTORY", (path: string) => writeFile(path, "")],
    ["an empty directory", "REPO_MISSING", (path: string) => mkdir(path)],
  ] as const)("%s", async (kind, code, put) => {
    await replaced(`the repo is ${kind}`, code, [...into, ...from], workspace.repo(HURT), put);
  });
});
