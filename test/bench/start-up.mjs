// How long commands take, as multiples of `node -e 0`, side by side in one run with a daemon
// running. Needs `npm run build`. Prints a table of medians.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { performance } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";

const ROUNDS = Number(process.argv[2] ?? 25);
const script = resolve("dist/state-syncd.cjs");
const root = mkdtempSync(join(tmpdir(), "ss-bench-"));
const env = {
  ...process.env,
  XDG_CONFIG_HOME: join(root, "config"),
  XDG_STATE_HOME: join(root, "state"),
  XDG_RUNTIME_DIR: join(root, "run"),
  STATE_SYNCD_CONFIG: "",
};
// Node 20 reads a CA bundle at each start; it would count for both and make every ratio better.
delete env["NODE_EXTRA_CA_CERTS"];

const repos = Array.from({ length: 10 }, (_, index) => `repo-${index}`);
for (const name of repos) {
  mkdirSync(join(root, "repos", name), { recursive: true });
  writeFileSync(
    join(root, "repos", name, "STATE.md"),
    `# ${name}\n\n${"- an item of its state\n".repeat(1_600)}`,
  );
}
mkdirSync(join(root, "config", "state-syncd"), { recursive: true });
const config = {
  version: 1,
  repos: Object.fromEntries(repos.map((name) => [name, { path: join(root, "repos", name) }])),
};
writeFileSync(join(root, "config", "state-syncd", "config.yaml"), JSON.stringify(config));

const commands = {
  "node -e 0": ["-e", "0"],
  "--version": [script, "--version"],
  "Tab, a command": [script, "--get-yargs-completions", "bash", "state-syncd", ""],
  "Tab, a repo": [script, "--get-yargs-completions", "bash", "state-syncd", "sync", ""],
  "status (daemon)": [script, "status", "--json"],
  "sync (daemon)": [script, "sync", "repo-0"],
};
/** What a harness says to a hook. */
let sessions = 0;
const event = (name) =>
  JSON.stringify({
    // A session starts once; the others go on with one that was told everything in the first round.
    session_id: name === "session-start" ? `bench-${(sessions += 1)}` : "bench",
    cwd: join(root, "repos", "repo-0"),
    hook_event_name: name,
  });
const hooks = {
  "hook session-start": [script, "hook", "session-start"],
  "hook prompt": [script, "hook", "prompt"],
  "hook checkpoint": [script, "hook", "checkpoint"],
};
const alone = {
  "status (no daemon)": [script, "status", "--json"],
  "sync (no daemon)": [script, "sync", "repo-0"],
};

try {
  const daemon = spawn(process.execPath, [script, "run"], { env, stdio: "ignore" });
  while (spawnSync(process.execPath, [script, "status"], { env }).status !== 0) await delay(50);
  const withDaemon = measure({ ...commands, ...hooks });
  daemon.kill("SIGTERM");
  await once(daemon, "exit");
  const without = measure({ "node -e 0": commands["node -e 0"], ...alone, ...hooks });
  print("with a daemon, 10 repos of 37 KB", withDaemon);
  print("without", without);
} finally {
  rmSync(root, { recursive: true, force: true });
}

/** Rounds of all commands in turn, so that a machine that slows down slows all of them. */
function measure(table) {
  const times = new Map(Object.keys(table).map((name) => [name, []]));
  for (let round = 0; round <= ROUNDS; round += 1) {
    for (const [name, args] of Object.entries(table)) {
      const started = performance.now();
      const input = args[1] === "hook" ? event(args[2]) : "";
      spawnSync(process.execPath, args, { env, input, stdio: ["pipe", "ignore", "ignore"] });
      // The first round warms the disk's cache.
      if (round > 0) times.get(name).push(performance.now() - started);
    }
  }
  return new Map([...times].map(([name, list]) => [name, list.sort((a, b) => a - b)[list.length >> 1]]));
}

function print(title, medians) {
  const base = medians.get("node -e 0");
  // As a part of the whole benchmark it hands its figures over as well.
  process.send?.({ title, medians: [...medians] });
  process.stdout.write(`\n${title}\n`);
  for (const [name, median] of medians) {
    process.stdout.write(
      `  ${name.padEnd(20)} ${median.toFixed(1).padStart(7)} ms  ${(median / base).toFixed(2)} x\n`,
    );
  }
}
