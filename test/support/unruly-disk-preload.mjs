/*
 * For `node --import`: makes some of the file system's calls behave as those of a bad disk do.
 * What misbehaves is read from a file at each call, so that a test can change it at any moment.
 */
import fs, { appendFileSync, constants, readFileSync, readlinkSync } from "node:fs";
import promises from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { sep } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

const order = process.env["UNRULY_DISK"] ?? "";
const WRITES = constants.O_WRONLY | constants.O_RDWR;

function behaviour() {
  try {
    return JSON.parse(readFileSync(order, "utf8"));
  } catch {
    return {};
  }
}

/** Whether a path lies in a directory, or in one of several. */
function isUnder(path, directories) {
  return [directories ?? []].flat().some((each) => path === each || path.startsWith(each + sep));
}

function failure(code) {
  return Object.assign(new Error(`${code}: as the test wants it`), { code });
}

/** Where a path leads that goes by a descriptor, as those of a directory that is held open do. */
function plain(path) {
  const [, descriptor, rest] = /^(\/proc\/self\/fd\/\d+)(.*)$/.exec(path) ?? [];
  return descriptor === undefined ? path : readlinkSync(descriptor) + rest;
}

/** What a call has to go through before it is made. */
async function endure(name, written) {
  const path = plain(written);
  const { slow, hangs, refuses, counts } = behaviour();
  if (isUnder(path, counts))
    appendFileSync(
      `${order}.counted`,
      `${name} ${path}
`,
    );
  if (isUnder(path, refuses?.under)) throw failure(refuses.code);
  if (isUnder(path, slow?.under)) await delay(slow.ms);
  const { writesHang } = behaviour();
  if (name === "writev" && isUnder(path, writesHang))
    while (isUnder(path, behaviour().writesHang)) await delay(20);
  if (!isUnder(path, hangs)) return;
  appendFileSync(`${order}.held`, `${name} ${path}\n`);
  while (isUnder(path, behaviour().hangs)) await delay(20);
}

const PATH_CALLS = [
  "access",
  "chmod",
  "lstat",
  "mkdir",
  "open",
  "readdir",
  "readFile",
  "readlink",
  "realpath",
  "stat",
  "unlink",
];
for (const name of PATH_CALLS) {
  const original = promises[name];
  promises[name] = async (path, ...rest) => {
    await endure(name, String(path));
    return await original(path, ...rest);
  };
}

const open = promises.open;
promises.open = async (written, flags, ...rest) => {
  const handle = await open(written, flags, ...rest);
  const path = plain(String(written));
  const close = handle.close.bind(handle);
  const sync = handle.sync.bind(handle);
  const reads = typeof flags === "number" ? (flags & WRITES) === 0 : (flags ?? "r") === "r";
  for (const name of ["chmod", "read", "readFile", "stat", "writev"]) {
    const original = handle[name].bind(handle);
    handle[name] = async (...args) => {
      await endure(name, String(path));
      return await original(...args);
    };
  }
  handle.close = async () => {
    await endure("close", String(path));
    await close();
    const { closeFails } = behaviour();
    if (reads && isUnder(String(path), closeFails?.under)) throw failure(closeFails.code);
  };
  handle.sync = async () => {
    await endure("sync", String(path));
    const { directorySyncFails } = behaviour();
    const { at, under, code } = directorySyncFails ?? {};
    if (reads && (path === at || isUnder(String(path), under))) throw failure(code);
    await sync();
  };
  return handle;
};

const watch = fs.watch;
fs.watch = (path, options, listener) => {
  // A watch that has missed one event is of no use any more, as one on a directory that was exchanged.
  let deaf = false;
  return watch(path, options, (...args) => {
    deaf ||= isUnder(String(path), behaviour().losesEvents);
    if (!deaf) listener(...args);
  });
};

/** A computation that does not come to its end, or a call that waits where none should. */
function blockLoop() {
  const never = new Int32Array(new SharedArrayBuffer(4));
  while (behaviour().blocksLoop === true) Atomics.wait(never, 0, 0, 20);
}
setInterval(blockLoop, 50).unref();

syncBuiltinESMExports();
