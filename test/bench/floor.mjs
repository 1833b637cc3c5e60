// What floor.c does, where no C compiler is there: see there. A runtime's start and collector count in it.
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, watch, writevSync } from "node:fs";
import { basename, dirname } from "node:path";
import { parseArgs } from "node:util";

const BEGIN = '<!-- state-syncd:begin repo="';
const END = '<!-- state-syncd:end repo="';
/** The most parts that one write may have. */
const MOST_PARTS = 1_024;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    "no-fsync": { type: "boolean", default: false },
    // Events come between two turns of the event loop: to look for them after each cache is to take a turn.
    eager: { type: "boolean", default: false },
    once: { type: "string" },
  },
});

const repos = readFileSync(positionals[0], "utf8")
  .split("\n")
  .filter((line) => line !== "")
  .map((line) => {
    const [name, state, cache] = line.split("\t");
    return {
      name,
      state,
      cache,
      temporary: `${cache}.${process.pid}.tmp`,
      version: 0,
      brought: 0,
      body: undefined,
    };
  });
const named = new Map(repos.map((repo) => [repo.name, repo]));
const changed = new Set();
let readings = 0;
let scheduled = false;

if (values.once === undefined) {
  for (const repo of repos) {
    const file = basename(repo.state);
    watch(dirname(repo.state), (_, name) => {
      if (name !== file) return;
      changed.add(repo);
      schedule();
    });
  }
  process.stdout.write("ready\n");
} else {
  changed.add(named.get(values.once));
  takeIn();
  for (const repo of repos.filter(isDue)) rewrite(repo);
}

function schedule() {
  if (scheduled) return;
  scheduled = true;
  setImmediate(run);
}

function run() {
  scheduled = false;
  takeIn();
  for (const repo of repos) {
    if (!isDue(repo)) continue;
    rewrite(repo);
    if (!values.eager) continue;
    schedule();
    return;
  }
}

function takeIn() {
  for (const repo of changed) {
    const body = readFileSync(repo.state);
    if (body.length === 0) continue;
    repo.body = body;
    repo.version = readings += 1;
  }
  changed.clear();
}

function isDue(target) {
  return repos.some((repo) => repo !== target && repo.version > target.brought);
}

function rewrite(target) {
  const cache = readFileSync(target.cache);
  const parts = [];
  let kept = 0;
  for (let at = cache.indexOf(BEGIN); at >= 0; at = cache.indexOf(BEGIN, at)) {
    const quote = cache.indexOf('"', at + BEGIN.length);
    const name = cache.toString("utf8", at + BEGIN.length, quote);
    const body = cache.indexOf("\n", quote) + 1;
    const closing = cache.indexOf(`${END}${name}"`, body);
    if (closing < 0) break;
    const source = named.get(name);
    if (source !== undefined && source !== target && source.version > target.brought) {
      parts.push(cache.subarray(kept, body), source.body);
      kept = closing;
    }
    at = closing;
  }
  target.brought = readings;
  if (parts.length === 0) return;
  parts.push(cache.subarray(kept));
  const descriptor = openSync(target.temporary, "wx", 0o600);
  for (let from = 0; from < parts.length; from += MOST_PARTS) {
    const some = parts.slice(from, from + MOST_PARTS);
    const length = some.reduce((sum, part) => sum + part.length, 0);
    if (writevSync(descriptor, some) < length) throw new Error(`${target.temporary}: the disk is full`);
  }
  if (!values["no-fsync"]) fsyncSync(descriptor);
  closeSync(descriptor);
  renameSync(target.temporary, target.cache);
}
