// The product's benchmark: `npm run bench`, and `npm run bench -- --help` for what can be chosen.
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Scratch } from "./support/scratch.mjs";
import { asText } from "./support/table.mjs";

const PARTS = ["latency", "storm"];

const { values } = parseArgs({
  options: {
    only: { type: "string", default: PARTS.join(",") },
    rounds: { type: "string" },
    sizes: { type: "string" },
    quick: { type: "boolean", default: false },
    dir: { type: "string", default: tmpdir() },
    json: { type: "string", default: join(tmpdir(), "bench.json") },
    help: { type: "boolean", default: false },
  },
});

const scratch = new Scratch(values.dir);
const results = {};
let failed = false;
for (const name of values.only.split(",")) {
  const part = await import(`./${name}.mjs`);
  const options = {
    scratch,
    quick: values.quick,
    peers: [],
    progress: (words) => process.stderr.write(`${name}: ${words}\n`),
    ...(values.rounds === undefined ? {} : { rounds: Number(values.rounds) }),
    ...(values.sizes === undefined ? {} : { sizes: values.sizes.split(",").map(Number) }),
  };
  const rows = await part.measure(options);
  results[name] = rows;
  failed ||= rows.some(({ wrong }) => wrong > 0);
  process.stdout.write(asText(part.title, part.columns, rows));
}
writeFileSync(values.json, JSON.stringify(results, undefined, 2));
process.stdout.write(`\n${values.json}\n`);
process.exit(failed ? 1 : 0);
