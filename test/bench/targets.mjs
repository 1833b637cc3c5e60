// What the product wants to reach, as figures of a run. A target whose figure a run has not measured is left out.
import { OURS } from "./support/contenders.mjs";

/** Of the contender's row of a table one figure; undefined where it was not measured. */
const figure = (table, key, where) => (tables) => {
  const row = tables[table]?.rows.find((one) =>
    Object.entries(where).every(([name, value]) => one[name] === value),
  );
  return Number.isFinite(row?.[key]) ? row[key] : undefined;
};
const ours = (table, key, where = {}) => figure(table, key, { kind: OURS, ...where });

/** One figure in multiples of another one. */
const quotient = (one, other) => (tables) => {
  const [dividend, divisor] = [one(tables), other(tables)];
  return dividend === undefined || divisor === undefined ? undefined : dividend / divisor;
};
const command = (name) => figure("commands", "ratio", { command: name });

const WAYS = ["rename", "in place"];

export const TARGETS = [
  ...WAYS.map((way) => ({
    what: `a save at 10 repos, ${way}, in multiples of lsyncd's time`,
    atMost: 1,
    of: quotient(
      ours("latency", "p50", { repos: 10, way }),
      figure("latency", "p50", { kind: "lsyncd", repos: 10, way }),
    ),
  })),
  ...[10, 50].flatMap((repos) =>
    WAYS.map((way) => ({
      what: `a save at ${repos} repos, ${way}, in multiples of the floor's time`,
      atMost: 1.5,
      of: ours("latency", "ratio", { repos, way }),
    })),
  ),
  { what: "writes a cache for a burst", atMost: 12, of: ours("burst", "writes") },
  { what: "ms from a burst's last save until all is right", atMost: 150, of: ours("burst", "ms") },
  {
    what: "CPU of a burst, in multiples of onchange's",
    atMost: 1,
    of: quotient(ours("burst", "cpu"), figure("burst", "cpu", { kind: "onchange" })),
  },
  ...[50, 100].flatMap((repos) => [
    {
      what: `a storm of ${repos}, in multiples of the floor's time`,
      atMost: 1.5,
      of: ours("storm", "ratio", { repos }),
    },
    {
      what: `bytes written in a storm of ${repos}, in multiples of what must be`,
      atMost: 1.5,
      of: ours("storm", "amplification", { repos }),
    },
  ]),
  ...[10, 100, 1_000].map((repos) => ({
    what: `CPU seconds a minute with nothing to do, ${repos} repos`,
    atMost: 0.005,
    of: figure("idle", "cpu", { repos }),
  })),
  { what: "CPU ms of a rescan of 100 repos", atMost: 5, of: figure("rescan", "rescanMs", { repos: 100 }) },
  {
    what: "memory at 100 repos, in multiples of Node with chokidar",
    atMost: 1.5,
    of: figure("idle", "ratio", { repos: 100 }),
  },
  { what: "ms until 1,000 repos are ready", atMost: 1_000, of: figure("ready", "ms", { repos: 1_000 }) },
  ...["hook prompt", "hook checkpoint", "hook session-start"].map((name) => ({
    what: `${name}, in multiples of node -e 0`,
    atMost: 1.4,
    of: command(name),
  })),
  ...["sync (daemon)", "status (daemon)"].map((name) => ({
    what: `${name}, in multiples of node -e 0`,
    atMost: 2,
    of: command(name),
  })),
];

/** @param parts the tables of each part. @returns a table of the targets whose figures are there. */
export function judged(parts) {
  const tables = Object.fromEntries(
    Object.values(parts)
      .flat()
      .map((table) => [table.name, table]),
  );
  const rows = TARGETS.map(({ what, atMost, of }) => ({ what, atMost, figure: of(tables) }))
    .filter(({ figure }) => figure !== undefined)
    .map((row) => ({ ...row, verdict: row.figure <= row.atMost ? "met" : "missed" }));
  const columns = [
    ["what", "target"],
    ["atMost", "at most", 3],
    ["figure", "figure", 3],
    ["verdict", ""],
  ];
  return { name: "targets", title: "Targets", columns, rows };
}
