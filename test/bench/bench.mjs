// The product's benchmark: `npm run bench`, and `npm run bench -- --help` for what can be chosen.
import { readFileSync, writeFileSync } from "node:fs";
import { cpus, release, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { parseArgs } from "node:util";
import { intoPage } from "./page.mjs";
import { Scratch } from "./support/scratch.mjs";
import { asText } from "./support/table.mjs";
import { judged } from "./targets.mjs";

/** In the order in which they are measured: what the machine is warm or cold for counts least where it comes last. */
const PARTS = {
  latency: "./latency.mjs",
  burst: "./burst.mjs",
  storm: "./storm.mjs",
  idle: "./idle.mjs",
  ready: "./ready.mjs",
  handles: "./handles.mjs",
  commands: "./commands.mjs",
  guard: "./guard-cost.mjs",
};
const PEERS = { lsyncd: ["lsyncd", "lsyncd tee"], onchange: ["onchange"] };

const OPTIONS = {
  only: { type: "string", default: Object.keys(PARTS).join(",") },
  peers: { type: "boolean", default: false },
  rounds: { type: "string" },
  sizes: { type: "string" },
  quick: { type: "boolean", default: false },
  dir: { type: "string", default: tmpdir() },
  json: { type: "string", default: join(tmpdir(), "bench.json") },
  markdown: { type: "string" },
  help: { type: "boolean", default: false },
};

const HELP = `npm run bench -- [options]

  --only PARTS      some of ${Object.keys(PARTS).join(", ")}; with commas
  --peers           lsyncd and onchange beside us, where they are installed
  --rounds N        rounds of each part
  --sizes N,N       numbers of repos, for the parts that have several
  --quick           fewer rounds and sizes
  --dir DIR         measure on the file system of this directory; the system's one for temporary files
  --json FILE       where the figures go; ${OPTIONS.json.default}
  --markdown FILE   put the tables into this page, between its two marks

Exit code: 0 measured, whatever was reached; 1 a content was wrong, or a part failed; 2 usage.
`;

const values = parsed();
const scratch = new Scratch(values.dir);
const parts = {};
const failures = [];
for (const name of values.only) {
  const progress = (words) => process.stderr.write(`${name}: ${words}\n`);
  const began = performance.now();
  try {
    const { measure } = await import(PARTS[name]);
    parts[name] = await measure({
      scratch,
      quick: values.quick,
      peers: peers(name),
      progress,
      ...values.chosen,
    });
  } catch (error) {
    failures.push(`${name}: ${error.stack}`);
    continue;
  }
  progress(`took ${Math.round((performance.now() - began) / 1_000)} s`);
  for (const { title, columns, rows, text } of parts[name]) {
    process.stdout.write(text === undefined ? asText(title, columns, rows) : `\n${text}\n`);
    for (const row of rows)
      if (row.isWrong) failures.push(`${name}: ${row.contender}, ${row.repos} repos: ${row.limit}`);
  }
}

const targets = judged(parts);
if (targets.rows.length > 0) process.stdout.write(asText(targets.title, targets.columns, targets.rows));
const run = { ...circumstances(), parts, targets, failures };
writeFileSync(values.json, `${JSON.stringify(run, undefined, 2)}\n`);
process.stdout.write(`\nThe figures are in ${values.json}.\n`);
if (values.markdown !== undefined) {
  writeFileSync(values.markdown, intoPage(readFileSync(values.markdown, "utf8"), run));
}
for (const failure of failures) process.stderr.write(`failed: ${failure}\n`);
process.exit(failures.length === 0 ? 0 : 1);

function parsed() {
  try {
    const { values } = parseArgs({ options: OPTIONS });
    if (values.help) {
      process.stdout.write(HELP);
      process.exit(0);
    }
    const only = values.only.split(",");
    const unknown = only.find((name) => PARTS[name] === undefined);
    if (unknown !== undefined) throw new Error(`there is no part "${unknown}"`);
    const chosen = {};
    if (values.rounds !== undefined) chosen.rounds = count(values.rounds);
    if (values.sizes !== undefined) chosen.sizes = values.sizes.split(",").map(count);
    return { ...values, only, chosen };
  } catch (error) {
    process.stderr.write(`${error.message}\n\n${HELP}`);
    process.exit(2);
  }
}

function count(text) {
  if (!/^[1-9]\d{0,4}$/.test(text)) throw new Error(`"${text}" is no number of rounds or repos`);
  return Number(text);
}

/** Who is beside us in a part. */
function peers(part) {
  if (!values.peers) return [];
  return Object.entries(PEERS).flatMap(([program, kinds]) => {
    if (scratch.has(program)) return kinds;
    process.stderr.write(`${part}: ${program} is not installed, and left out\n`);
    return [];
  });
}

function circumstances() {
  const [{ model } = { model: "unknown" }] = cpus();
  return {
    date: new Date().toISOString().slice(0, 10),
    machine: `${cpus().length} x ${model}, ${Math.round(totalmem() / 2 ** 30)} GB, Linux ${release()}`,
    node: process.version,
    fileSystem: fileSystemOf(values.dir),
    arguments: process.argv
      .slice(2)
      .filter(
        (word, at, all) =>
          !/^--(json|markdown|dir)/.test(word) && !/^--(json|markdown|dir)$/.test(all[at - 1] ?? ""),
      ),
  };
}

/** The type of the file system that a directory lies on, by the longest mount point that it is under. */
function fileSystemOf(directory) {
  const mounts = readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" "))
    .filter(
      ([, point]) => point !== undefined && `${directory}/`.startsWith(point === "/" ? "/" : `${point}/`),
    );
  return mounts.sort((a, b) => a[1].length - b[1].length).at(-1)?.[2] ?? "unknown";
}
