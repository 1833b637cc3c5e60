// What many repos cost: arithmetic, and a simulation of the queue. `npm run bench:scale` prints both;
// with a page as its argument it puts them there. The same figures at each run: nothing here is measured.
import { readFileSync, writeFileSync } from "node:fs";
import { asMarkdown, asText } from "./support/table.mjs";

/** Of `npm run bench` on two cores: what fits its saves at 10 and at 50 repos. */
const LOOK_MS = 6;
const TURN_MS = 0.6;
const MS_A_MB = 1.4;
/** A state file of 37 KB, in MB. */
const STATE_MB = 0.037;
/** What a reader's tokenizer makes of Markdown, about. */
const BYTES_A_TOKEN = 4;

/** Of ten repos one has an agent at work. It saves three times, two seconds apart, every five minutes or so. */
const AT_WORK = 0.1;
const BURST_EVERY_S = 300;
const SAVES_A_BURST = 3;
const BETWEEN_SAVES_S = 2;
const HOURS_A_DAY = 8;
const SIMULATED_S = 1_800;

const SIZES = [5, 10, 20, 50, 100, 200, 500, 1_000];
const GROUP = 10;

const turnMs = (peers) => TURN_MS + peers * STATE_MB * MS_A_MB;

/** The plain sums: each cache holds all peers, and is written whole. */
const sums = SIZES.map((repos) => {
  const peers = repos - 1;
  return {
    repos,
    cacheMb: peers * STATE_MB,
    tokens: (peers * STATE_MB * 1e6) / BYTES_A_TOKEN / 1e3,
    allMb: repos * peers * STATE_MB,
    saveMb: peers * peers * STATE_MB,
    saveMs: LOOK_MS + peers * turnMs(peers),
    groupedAllMb: repos * (Math.min(repos, GROUP) - 1) * STATE_MB,
    groupedSaveMb: (Math.min(repos, GROUP) - 1) ** 2 * STATE_MB,
  };
});

const simulated = SIZES.flatMap((repos) =>
  [repos, Math.min(repos, GROUP)]
    .filter((size, at) => at === 0 || repos > GROUP)
    .map((size) => ({
      repos,
      kind: size === repos ? "all with all" : `groups of ${GROUP}`,
      ...life(repos, size),
    })),
);

/**
 * Half an hour of saves. A save makes its peers' caches due; a cache that waits already waits no
 * second time, and one that is being written is written once more. Turns side by side share one disk
 * and one thread, so that they count as one after the other.
 */
function life(repos, size) {
  const peers = size - 1;
  const cost = turnMs(peers) / 1_000;
  const saves = savesOf(repos);
  /** By its cache, the saves that wait for its turn. */
  const due = new Map();
  const left = saves.map(() => peers);
  const latencies = [];
  let now = 0;
  let next = 0;
  let busy = 0;
  let turns = 0;
  while (now < SIMULATED_S) {
    for (; next < saves.length && saves[next].at <= now; next += 1) spread(due, next, saves[next].repo, size);
    const [first] = due;
    if (first === undefined) {
      if (next >= saves.length) break;
      now = saves[next].at;
      continue;
    }
    const [cache, waiting] = first;
    due.delete(cache);
    now += cost;
    busy += cost;
    turns += 1;
    for (const save of waiting) {
      left[save] -= 1;
      if (left[save] === 0) latencies.push((now - saves[save].at) * 1_000 + LOOK_MS);
    }
  }
  latencies.sort((a, b) => a - b);
  const at = (share) => latencies[Math.floor(latencies.length * share)];
  const keepsUp = latencies.length >= saves.length * 0.99;
  const gbADay = (turns * peers * STATE_MB * HOURS_A_DAY * 3_600) / SIMULATED_S / 1e3;
  const used = { busy: (100 * busy) / Math.max(now, SIMULATED_S), gbADay };
  return keepsUp ? { p50: at(0.5), p95: at(0.95), ...used } : { limit: "never", ...used };
}

function spread(due, save, repo, size) {
  const group = repo - (repo % size);
  for (let cache = group; cache < group + size; cache += 1) {
    if (cache === repo) continue;
    const waiting = due.get(cache);
    if (waiting === undefined) due.set(cache, [save]);
    else waiting.push(save);
  }
}

function savesOf(repos) {
  const random = seeded(repos);
  const saves = [];
  for (let repo = 0; repo < repos; repo += 1) {
    if (repo % (1 / AT_WORK) !== 0) continue;
    for (let at = -Math.log(random()) * BURST_EVERY_S; at < SIMULATED_S;) {
      for (let save = 0; save < SAVES_A_BURST; save += 1)
        saves.push({ repo, at: at + save * BETWEEN_SAVES_S });
      at += -Math.log(random()) * BURST_EVERY_S;
    }
  }
  return saves.filter(({ at }) => at < SIMULATED_S - 60).sort((a, b) => a.at - b.at);
}

/** mulberry32: small, and the same everywhere. Never 0. */
function seeded(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (((mixed ^ (mixed >>> 14)) >>> 0) + 1) / 4_294_967_297;
  };
}

const TABLES = [
  [
    "All with all, and in groups of ten",
    [
      ["repos", "repos", 0],
      ["cacheMb", "MB a cache", 2],
      ["tokens", "thousand tokens a cache", 0],
      ["allMb", "MB, all caches", 0],
      ["saveMb", "MB written by a save", 1],
      ["saveMs", "ms a save, by the model", 0],
      ["groupedAllMb", "in groups: MB, all caches", 0],
      ["groupedSaveMb", "in groups: MB by a save", 1],
    ],
    sums,
  ],
  [
    "Agents at work in a tenth of the repos, simulated",
    [
      ["repos", "repos", 0],
      ["kind", "who shares"],
      ["p50", "p50 ms", 0],
      ["p95", "p95 ms", 0],
      ["busy", "% busy", 1],
      ["gbADay", "GB written a day", 1],
    ],
    simulated,
  ],
];

const BEGIN = "<!-- figures: npm run bench:scale -- docs/scale.md -->";
const END = "<!-- figures end -->";
const [page] = process.argv.slice(2);
if (page === undefined) for (const table of TABLES) process.stdout.write(asText(...table));
else {
  const text = readFileSync(page, "utf8");
  const tables = TABLES.map((table) => asMarkdown(...table)).join("\n");
  const [from, to] = [text.indexOf(BEGIN) + BEGIN.length, text.indexOf(END)];
  writeFileSync(page, `${text.slice(0, from)}\n\n${tables}\n${text.slice(to)}`);
}
