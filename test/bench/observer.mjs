// What observer.c does, where no C compiler is there: see there. It takes more from what it observes.
import { closeSync, openSync, readFileSync, watch } from "node:fs";
import { basename, dirname } from "node:path";
import { createInterface } from "node:readline";

const paths = readFileSync(process.argv[2], "utf8")
  .split("\n")
  .filter((line) => line !== "");
const now = () => Number(process.hrtime.bigint());

let arrivals = [];
let distinct = new Set();
let lastAt = 0;

for (const [directory, indexes] of grouped()) {
  const byName = new Map(indexes.map((index) => [basename(paths[index]), index]));
  watch(directory, (_, name) => {
    const index = byName.get(name);
    if (index !== undefined) arrived(index);
  });
}
process.stdout.write("end\n");

for await (const line of createInterface({ input: process.stdin })) {
  const [question, ...numbers] = line.split(" ");
  if (question === "wait") await waitFor(...numbers.map(Number));
  else drop();
  process.stdout.write("end\n");
}
process.exit(0);

function grouped() {
  const groups = new Map();
  for (const [index, path] of paths.entries())
    groups.set(dirname(path), [...(groups.get(dirname(path)) ?? []), index]);
  return groups;
}

function arrived(index) {
  try {
    const descriptor = openSync(paths[index], "r");
    lastAt = now();
    arrivals.push({ index, at: lastAt, descriptor });
    distinct.add(index);
  } catch {
    // Gone again.
  }
}

async function waitFor(wanted, quietMs, limitMs) {
  const asked = now();
  const until = asked + limitMs * 1e6;
  for (;;) {
    const rest = distinct.size >= wanted ? Math.max(lastAt, asked) + quietMs * 1e6 - now() : Infinity;
    const left = Math.min(rest, until - now());
    if (left <= 0) break;
    await new Promise((resolve) => setTimeout(resolve, Math.min(10, left / 1e6 + 1)));
  }
  for (const { index, at, descriptor } of arrivals) process.stdout.write(`${index} ${at} ${descriptor}\n`);
}

function drop() {
  for (const { descriptor } of arrivals) closeSync(descriptor);
  arrivals = [];
  distinct = new Set();
}
