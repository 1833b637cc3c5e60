// What many repos cost, by arithmetic and by a model of the queue: `npm run bench:scale`, and `-- --markdown docs/scale.md`
// for the tables of that page. Nothing is measured here and no clock is read: the same constants give the same tables.
import { readFileSync, writeFileSync } from "node:fs";
import { between } from "./page.mjs";
import { simulate } from "./support/scale-model.mjs";
import { quantile } from "./support/statistics.mjs";
import { STATE_SIZE } from "./support/state-text.mjs";
import { asMarkdown, asText } from "./support/table.mjs";

const MARKS = ["<!-- figures: npm run bench:scale -- --markdown docs/scale.md -->", "<!-- figures end -->"];

/**
 * What the product does, and what it took on 2026-11-27: 2 x Intel(R) Xeon(R) Processor, 24 GB, ext4 on a virtual disk,
 * Node 20.20.2, by `npm run bench -- --only latency,storm,handles --sizes 3,10,50,100 --rounds 5`.
 */
const CONSTANTS = {
  /** A storm of 50 less a save at 50, by the saves that it has more: read, guard, digest, git. */
  readMs: 5.5,
  /** A save at 10, less one read and the bytes, by nine caches. */
  turnMs: 0.9,
  /** From a save at 50 to one at 100, by the bytes that it writes more; rounded down. */
  bytesPerSecond: 500e6,
  /** A state with its section's head and its row of the index: the bytes of a storm, by what it brings. */
  sectionBytes: STATE_SIZE + 420,
  // src/sync/reconciler.ts, src/sync/work-queue.ts and src/config/schema.ts.
  turns: 16,
  patienceMs: 250,
  holdMs: 250,
  waitMs: 100,
  maxWaitMs: 1_000,
};
/** The rows of `handles`. */
const HELD = [
  { repos: 10, groupSize: 10, watches: 22, instances: 1, descriptors: 23, most: 53, rss: 76, peak: 82 },
  { repos: 50, groupSize: 50, watches: 102, instances: 1, descriptors: 23, most: 94, rss: 86, peak: 178 },
  { repos: 50, groupSize: 10, watches: 102, instances: 1, descriptors: 23, most: 103, rss: 101, peak: 117 },
  { repos: 100, groupSize: 100, watches: 202, instances: 1, descriptors: 23, most: 150, rss: 95, peak: 411 },
  { repos: 100, groupSize: 10, watches: 202, instances: 1, descriptors: 23, most: 124, rss: 108, peak: 148 },
];
const WATCHES = { aRepo: 2, beside: 2 };
/** In a storm the most that was seen of a repo: 3 at 10 repos, less than half of that at 100. */
const DESCRIPTORS = { atRest: 23, aRepoInStorm: 3 };

/** The medians of the same run, saved by rename; from 150 repos on of runs with the daemon alone. */
const MEASURED = [
  { repos: 10, one: 20, storm: 72 },
  { repos: 50, one: 217, storm: 487 },
  { repos: 100, one: 755, storm: 1_652 },
  { repos: 150, one: 1_229, storm: 2_742 },
  { repos: 200, groupSize: 10, storm: 1_370 },
];

/** What `src/store/cache-file.ts` opens. */
const MOST_CACHE_BYTES = 256 * 1024 * 1024;

/** Who saves how often: in a tenth of the repos an agent, for a working day, every five minutes some edits. */
const DAY = { agents: 0.1, hours: 8, everyMs: 300_000, mostEdits: 4, pauseMs: [50, 1_500] };
const SIZES = [5, 10, 20, 50, 100, 200, 500, 1_000];
const GROUP = 10;
const SEED = 1;
const SMALL_STATE = 4 * 1024;
const TOKEN_BYTES = 4;
const DRIVE = { terabytes: 600, years: 5, daysAYear: 365 };
/** What another run had on the same machine while others used its disk: 771 ms for a save at 50. */
const SLOW_DISK = 120e6;
const HOUR_MS = 3_600_000;

/** Marsaglia's xorshift: the same numbers everywhere. */
function generator(seed) {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** An hour of saves. One agent saves on its own, so that even five repos have one. */
function hourOf(repos) {
  const random = generator(SEED);
  for (let warm = 0; warm < 16; warm += 1) random();
  const [shortest, longest] = DAY.pauseMs;
  const saves = [];
  for (let agent = 0; agent < agentsOf(repos); agent += 1) {
    // Spread over the groups.
    const repo = Math.floor((agent * repos) / agentsOf(repos));
    for (let at = random() * DAY.everyMs; at < HOUR_MS; at += DAY.everyMs * (0.5 + random())) {
      const edits = 1 + Math.floor(random() * DAY.mostEdits);
      for (let edit = 0, time = at; edit < edits; edit += 1) {
        saves.push({ repo, at: time });
        time += shortest + random() * (longest - shortest);
      }
    }
  }
  return saves;
}

function agentsOf(repos) {
  return Math.max(1, Math.round(repos * DAY.agents));
}

function storm(repos, groupSize, constants = CONSTANTS) {
  const saves = Array.from({ length: repos }, (_, repo) => ({ repo, at: 0 }));
  return Math.max(...simulate({ repos, groupSize, saves, constants }).latencies);
}

function oneSave(repos, groupSize, constants = CONSTANTS) {
  return Math.max(...simulate({ repos, groupSize, saves: [{ repo: 0, at: 0 }], constants }).latencies);
}

function dayOf(repos, groupSize, constants = CONSTANTS) {
  const saves = hourOf(repos);
  const { latencies, bytes, busyMs } = simulate({ repos, groupSize, saves, until: HOUR_MS, constants });
  const gigabytes = (bytes * DAY.hours) / 1e9;
  return {
    repos,
    group: sharing(repos, groupSize),
    saves: saves.length,
    p50: quantile(latencies, 0.5),
    p95: quantile(latencies, 0.95),
    storm: storm(repos, groupSize, constants),
    gigabytes,
    busy: (busyMs / HOUR_MS) * 100,
    years: (DRIVE.terabytes * 1e3) / gigabytes / DRIVE.daysAYear,
  };
}

function arithmetic(repos, groupSize) {
  const section = CONSTANTS.sectionBytes;
  const peers = groupSize - 1;
  return {
    repos,
    group: sharing(repos, groupSize),
    cache: (peers * section) / 1e6,
    disk: (repos * peers * section) / 1e6,
    save: (peers * peers * section) / 1e6,
    tokens: (peers * section) / TOKEN_BYTES / 1e3,
    watches: repos * WATCHES.aRepo + WATCHES.beside,
    descriptors: DESCRIPTORS.atRest + repos * DESCRIPTORS.aRepoInStorm,
  };
}

/** The first number of repos, all sharing with all, of which something holds. */
function firstOf(holds) {
  let [below, from] = [1, 2];
  while (!holds(from)) [below, from] = [from, from * 2];
  while (from - below > 1) {
    const middle = (below + from) >> 1;
    if (holds(middle)) from = middle;
    else below = middle;
  }
  return from;
}

/** @param writesByModel how often a cache is written for the edits of five minutes; one that is busy gathers them. */
function limits(writesByModel) {
  const fits = (tokens) => (size) => firstOf((repos) => ((repos - 1) * size) / TOKEN_BYTES > tokens);
  const aDay = (repos, size) =>
    repos * DAY.agents * ((DAY.hours * HOUR_MS) / DAY.everyMs) * (repos - 1) ** 2 * size;
  const perSecond = (repos, size) => aDay(repos, size) / (DAY.hours * 3_600);
  const slower = (rate) => (sectionBytes) =>
    firstOf((repos) => oneSave(repos, repos, { ...CONSTANTS, sectionBytes, bytesPerSecond: rate }) > 1_000);
  const worn = (DRIVE.terabytes * 1e12) / DRIVE.years / DRIVE.daysAYear;
  const disk = (rate) => `${rate / 1e6} MB/s`;
  const rows = [
    ["a cache takes a tenth of a context of 200,000 tokens", fits(20_000)],
    ["a cache does not fit into 200,000 tokens", fits(200_000)],
    ["a cache does not fit into 1,000,000 tokens", fits(1_000_000)],
    [`one save takes longer than a second at ${disk(SLOW_DISK)}`, slower(SLOW_DISK)],
    [
      `one save takes longer than a second at ${disk(CONSTANTS.bytesPerSecond)}`,
      slower(CONSTANTS.bytesPerSecond),
    ],
    [
      `a drive of ${DRIVE.terabytes} TBW does not last ${DRIVE.years} years`,
      (size) => firstOf((repos) => aDay(repos, size) * writesByModel > worn),
    ],
    ...[SLOW_DISK, CONSTANTS.bytesPerSecond].map((rate) => [
      `the disk is busy most of the day at ${disk(rate)}`,
      (size) => firstOf((repos) => perSecond(repos, size) > rate),
    ]),
    [
      "8,192 inotify watches are used up, old kernels' default",
      () => firstOf((n) => n * WATCHES.aRepo + WATCHES.beside > 8_192),
    ],
    [
      "a cache has more than 256 MiB, and is refused: `CACHE_TOO_LARGE`",
      (size) => firstOf((repos) => (repos - 1) * size > MOST_CACHE_BYTES),
    ],
  ];
  return rows
    .map(([what, of]) => ({ what, large: of(CONSTANTS.sectionBytes), small: of(SMALL_STATE + 420) }))
    .toSorted((one, other) => one.large - other.large);
}

function deviations() {
  const rows = MEASURED.flatMap(({ repos, groupSize = repos, one: single, storm: all }) => [
    { what: "one save", repos, groupSize, measured: single, by: oneSave },
    { what: "all saved at once", repos, groupSize, measured: all, by: storm },
  ]);
  return rows
    .filter(({ measured }) => measured !== undefined)
    .toSorted((one, other) => other.what.localeCompare(one.what))
    .map(({ by, groupSize, ...row }) => {
      const model = by(row.repos, groupSize);
      const group = sharing(row.repos, groupSize);
      return { ...row, group, model, off: (model / row.measured - 1) * 100 };
    });
}

function sharing(repos, groupSize) {
  return groupSize === repos ? "all" : String(groupSize);
}

function tables() {
  const both = (of) => [
    ...SIZES.map((repos) => of(repos, repos)),
    ...SIZES.filter((n) => n > GROUP).map((n) => of(n, GROUP)),
  ];
  const days = both(dayOf);
  const fifty = days.find(({ repos }) => repos === 50);
  const single = agentsOf(50) * ((DAY.hours * HOUR_MS) / DAY.everyMs) * arithmetic(50, 50).save;
  return [
    [
      "By arithmetic, states of 37 KB",
      [
        ["repos", "repos", 0],
        ["group", "share"],
        ["cache", "MB a cache", 1],
        ["disk", "MB on disk, all", 0],
        ["save", "MB written a save", 1],
        ["tokens", "thousand tokens to read", 0],
        ["watches", "watches", 0],
        ["descriptors", "descriptors in a storm", 0],
      ],
      both(arithmetic),
    ],
    [
      "By the model, a working day",
      [
        ["repos", "repos", 0],
        ["group", "share"],
        ["saves", "saves an hour", 0],
        ["p50", "p50 ms", 0],
        ["p95", "p95 ms", 0],
        ["storm", "all at once, ms", 0],
        ["gigabytes", "GB a day", 1],
        ["busy", "disk busy %", 1],
        ["years", "years to 600 TB", 1],
      ],
      days,
    ],
    [
      "The least number of repos, all sharing with all, at which",
      [
        ["what", ""],
        ["large", "states of 37 KB", 0],
        ["small", "of 4 KB", 0],
      ],
      limits((fifty.gigabytes * 1e3) / single),
    ],
    [
      "How far off the model is",
      [
        ["what", ""],
        ["repos", "repos", 0],
        ["group", "share"],
        ["measured", "measured ms", 0],
        ["model", "model ms", 0],
        ["off", "off by %", 0],
      ],
      deviations(),
    ],
    [
      "What a daemon was seen to hold",
      [
        ["repos", "repos", 0],
        ["group", "share"],
        ["watches", "watches", 0],
        ["instances", "inotify instances", 0],
        ["descriptors", "descriptors", 0],
        ["most", "most in a storm", 0],
        ["rss", "MB RSS", 0],
        ["peak", "MB at most, start and storm", 0],
      ],
      HELD.map((row) => ({ ...row, group: sharing(row.repos, row.groupSize) })),
    ],
  ];
}

const made = tables();
process.stdout.write(made.map((table) => asText(...table)).join(""));
const [flag, page] = process.argv.slice(2);
if (flag === "--markdown" && page !== undefined) {
  const text = made.map((table) => asMarkdown(...table)).join("\n");
  writeFileSync(page, between(readFileSync(page, "utf8"), MARKS, text));
} else if (flag !== undefined) {
  process.stderr.write("npm run bench:scale -- [--markdown FILE]\n");
  process.exitCode = 2;
}
