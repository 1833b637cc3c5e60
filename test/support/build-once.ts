import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { resolve } from "node:path";

/** A directory for a bundle of this run, named by the process that runs it all. */
export function bundleDirectory(name: string): string {
  return resolve("node_modules", `.state-syncd-${name}-${process.pid}`);
}

/**
 * The tests of commands and of the daemon run what users run: the bundle. One of their own each
 * run, so that two runs side by side do not pull it from under each other; inside node_modules,
 * where its native add-on is found. A second one, for the crash tests alone, can be told to kill
 * itself in the middle of a write.
 */
export default function setup(): () => void {
  const bundles = [
    { variable: "STATE_SYNCD_TEST_BUNDLE", name: "test", options: [] },
    { variable: "STATE_SYNCD_CRASHING_BUNDLE", name: "crashing", options: ["--crash-points"] },
  ].map(({ variable, name, options }) => {
    const directory = bundleDirectory(name);
    execFileSync(process.execPath, ["src/build/bundle.mjs", directory, ...options], { stdio: "inherit" });
    process.env[variable] = directory;
    return directory;
  });
  return () => {
    for (const directory of bundles) rmSync(directory, { recursive: true, force: true });
  };
}
