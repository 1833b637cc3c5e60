import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { resolve } from "node:path";

/**
 * The tests of commands and of the daemon run what users run: the bundle. One of their own each
 * run, so that two runs side by side do not pull it from under each other; inside node_modules,
 * where its native add-on is found.
 */
export default function setup(): () => void {
  const directory = resolve("node_modules", `.state-syncd-test-${process.pid}`);
  execFileSync(process.execPath, ["src/build/bundle.mjs", directory], { stdio: "inherit" });
  process.env["STATE_SYNCD_TEST_BUNDLE"] = directory;
  return () => rmSync(directory, { recursive: true, force: true });
}
