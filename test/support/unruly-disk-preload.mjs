/*
 * For `node --import`: makes some of the file system's calls behave as those of a bad disk do.
 * What misbehaves is read from a file at each call, so that a test can change it at any moment.
 */
import { appendFileSync, constants, readFileSync } from "node:fs";
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

function isUnder(path, directory) {
  return directory !== undefined && (path === directory || path.startsWith(directory + sep));
}

function failure(code) {
  return Object.assign(new Error(`${code}: as the test wants it`), { code });
}

const PATH_CALLS = [
  "access",
  "lstat",
  "mkdir",
  "open",
  "readdir",
  "readFile",
  "readlink",
  "realpath",
  "stat",
];
for (const name of PATH_CALLS) {
  const original = promises[name];
  promises[name] = async (path, ...rest) => {
    if (isUnder(String(path), behaviour().hangs)) {
      appendFileSync(`${order}.held`, `${name} ${path}\n`);
      while (isUnder(String(path), behaviour().hangs)) await delay(20);
    }
    return await original(path, ...rest);
  };
}

const open = promises.open;
promises.open = async (path, flags, ...rest) => {
  const handle = await open(path, flags, ...rest);
  const close = handle.close.bind(handle);
  const sync = handle.sync.bind(handle);
  const reads = typeof flags === "number" ? (flags & WRITES) === 0 : (flags ?? "r") === "r";
  handle.close = async () => {
    await close();
    const { closeFails } = behaviour();
    if (reads && isUnder(String(path), closeFails?.under)) throw failure(closeFails.code);
  };
  handle.sync = async () => {
    const { directorySyncFails } = behaviour();
    if (reads && isUnder(String(path), directorySyncFails?.under)) throw failure(directorySyncFails.code);
    await sync();
  };
  return handle;
};

syncBuiltinESMExports();
