// What the guard costs: one look at a state file, beside hashing and reading the same file; loading
// its rules; texts of 1 MiB that are made to slow it down. Bundles src/guard, needs no build.
// Prints medians. Another file than the made-up one may be named.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { performance } from "node:perf_hooks";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";

const ROUNDS = 300;
const root = mkdtempSync(join(tmpdir(), "ss-bench-"));

try {
  const common = {
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20",
    minifySyntax: true,
    legalComments: "none",
    logLevel: "warning",
    define: { __GUARD_THREAD__: JSON.stringify("./guard-thread.mjs") },
  };
  await build({
    ...common,
    entryPoints: { "guard-thread": "src/guard/thread.ts" },
    outdir: join(root, "bundle"),
    outExtension: { ".js": ".mjs" },
  });
  await build({
    ...common,
    stdin: {
      contents: `export { Guard } from "./src/guard/guard.ts";
        export { HOSTILE, repeated } from "./test/guard/hostile-cases.ts";`,
      resolveDir: resolve("."),
    },
    outfile: join(root, "bundle", "guard.mjs"),
  });
  const bundle = pathToFileURL(join(root, "bundle", "guard.mjs")).href;
  await looks(bundle);
  loading(bundle);
  await thread(bundle);
  await hostile(bundle);
} finally {
  rmSync(root, { recursive: true, force: true });
}

/** A look at an ordinary file, side by side with what else is done with each file. */
async function looks(bundle) {
  const { Guard } = await import(bundle);
  const plain = await Guard.load({ patterns: {}, allow: [] });
  const own = await Guard.load({
    patterns: { record: "MRN-[0-9]{6,10}", ssn: "[0-9]{3}-[0-9]{2}-[0-9]{4}" },
    allow: [],
  });
  const path = process.argv[2] ?? join(root, "STATE.md");
  if (process.argv[2] === undefined) writeFileSync(path, madeUp(40 * 1024));
  const body = readFileSync(path);
  const withSecret = Buffer.concat([
    body,
    Buffer.from(`\npassword: Kr0vat!72 and token=${"a1".repeat(20)}\n`),
  ]);
  const medians = await sideBySide({
    "sha256 of it": () => createHash("sha256").update(body).digest("hex"),
    "readFile of it": () => readFile(path),
    "the guard": () => plain.inspect(body),
    "with two patterns of a user": () => own.inspect(body),
    "with two secrets in it": () => plain.inspect(withSecret),
  });
  print(
    `a look at ${process.argv[2] ?? "a made-up state file"}, ${(body.length / 1024).toFixed(0)} KB`,
    medians,
    "sha256 of it",
  );
}

/** In a process of its own each time, as the daemon does it once. */
function loading(bundle) {
  const load = (patterns) =>
    `const at = performance.now();
     const { Guard } = await import(${JSON.stringify(bundle)});
     await Guard.load({ patterns: ${JSON.stringify(patterns)}, allow: [] });
     process.stdout.write(String(performance.now() - at));`;
  const time = (code) =>
    median(
      Array.from({ length: 15 }, () =>
        Number(spawnSync(process.execPath, ["--input-type=module", "-e", code], { encoding: "utf8" }).stdout),
      ),
    );
  const { size } = statSync(join(root, "bundle", "guard.mjs"));
  process.stdout.write(`\nloading the rules (${(size / 1024).toFixed(0)} KB of code)\n`);
  process.stdout.write(`  ${"the guard".padEnd(30)} ${time(load({})).toFixed(1).padStart(8)} ms\n`);
  process.stdout.write(
    `  ${"with a pattern of a user".padEnd(30)} ${time(load({ a: "b+" }))
      .toFixed(1)
      .padStart(8)} ms\n`,
  );
}

/** The thread that long texts and users' patterns have: from nothing to its first answer, and what it holds. */
async function thread(bundle) {
  const code = `
    const { Guard } = await import(${JSON.stringify(bundle)});
    const guard = await Guard.load({ patterns: { a: "MRN-[0-9]+" }, allow: [] });
    const before = process.memoryUsage.rss();
    const at = performance.now();
    await guard.inspect(Buffer.from("MRN-1"));
    process.stdout.write(JSON.stringify({
      ms: performance.now() - at,
      mb: (process.memoryUsage.rss() - before) / 1048576,
    }));`;
  const runs = Array.from({ length: 15 }, () =>
    JSON.parse(spawnSync(process.execPath, ["--input-type=module", "-e", code], { encoding: "utf8" }).stdout),
  );
  const { Guard } = await import(bundle);
  const guard = await Guard.load({ patterns: { a: "MRN-[0-9]+" }, allow: [] });
  const warm = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const at = performance.now();
    await guard.inspect(Buffer.from("MRN-1"));
    warm.push(performance.now() - at);
  }
  const [first, held] = [median(runs.map(({ ms }) => ms)), median(runs.map(({ mb }) => mb))];
  process.stdout.write(`\nthe thread, for a text of five letters\n`);
  process.stdout.write(
    `  ${"started for it".padEnd(30)} ${first.toFixed(1).padStart(8)} ms  ${held.toFixed(0)} MB\n`,
  );
  process.stdout.write(`  ${"there already".padEnd(30)} ${median(warm).toFixed(2).padStart(8)} ms\n`);
}

/** How long such a text takes in all, and for how long it keeps everything else waiting: nothing, in a thread. */
async function hostile(bundle) {
  const { Guard, HOSTILE, repeated } = await import(bundle);
  const guard = await Guard.load({ patterns: {}, allow: [] });
  const rows = [];
  for (const [name, unit] of Object.entries(HOSTILE)) {
    const times = [];
    let longest = 0;
    for (const size of [128, 1024]) {
      const body = Buffer.from(
        repeated(unit, Math.floor((size * 1024 * unit.length) / Buffer.byteLength(unit))),
      );
      let last = performance.now();
      longest = 0;
      const turn = () => {
        longest = Math.max(longest, performance.now() - last);
        last = performance.now();
      };
      const timer = setInterval(turn, 1);
      const started = performance.now();
      await guard.inspect(body);
      times.push(performance.now() - started);
      turn();
      clearInterval(timer);
    }
    rows.push({ name, times, longest });
  }
  rows.sort((a, b) => b.times[1] - a.times[1]);
  process.stdout.write(`\nhostile texts, the ten slowest of ${rows.length}: 128 KB, 1 MiB, longest turn\n`);
  for (const { name, times, longest } of rows.slice(0, 10)) {
    const cells = [...times, longest].map((ms) => `${ms.toFixed(0).padStart(7)} ms`);
    process.stdout.write(`  ${name.padEnd(45)} ${cells.join("")}\n`);
  }
}

/** Rounds of all in turn, so that a machine that slows down slows all of them. */
async function sideBySide(table) {
  const times = new Map(Object.keys(table).map((name) => [name, []]));
  for (let round = -50; round < ROUNDS; round += 1) {
    for (const [name, work] of Object.entries(table)) {
      const started = performance.now();
      await work();
      if (round >= 0) times.get(name).push(performance.now() - started);
    }
  }
  return new Map([...times].map(([name, list]) => [name, median(list)]));
}

function median(list) {
  return list.sort((a, b) => a - b)[list.length >> 1];
}

function print(title, medians, base) {
  process.stdout.write(`\n${title}\n`);
  for (const [name, ms] of medians) {
    const ratio = `${(ms / medians.get(base)).toFixed(1)} x`;
    process.stdout.write(`  ${name.padEnd(30)} ${ms.toFixed(3).padStart(8)} ms  ${ratio.padStart(7)}\n`);
  }
}

/** A state file as agents write them. */
function madeUp(size) {
  const part = `## Session 12: token budget and API keys (2026-11-22)

- ✅ **Phase 2**: \`src/auth/session.ts\` and \`tests/auth/session.test.ts\` (27/27), see ADR-012 → main @ 1a2b3c4
- [ ] Rotate \`STRIPE_API_KEY\`; password reset is blocked on #123, the token: string type stays

| File | State | Notes |
|---|---|---|
| \`apps/backend/config/settings.yaml\` | done | secrets come from the vault, port 5432 |

\`\`\`sh
export DATABASE_URL=postgres://\${DB_USER}:\${DB_PASSWORD}@db:5432/app && npm run migrate
\`\`\`

`;
  return part.repeat(Math.ceil(size / Buffer.byteLength(part)));
}
