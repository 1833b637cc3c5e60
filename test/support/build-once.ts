import { execFileSync } from "node:child_process";

/** The tests of commands and of the daemon run what users run: the bundle. */
export default function setup(): void {
  execFileSync(process.execPath, ["src/build/bundle.mjs"], { stdio: "inherit" });
}
