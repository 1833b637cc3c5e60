import { spawnSync } from "node:child_process";
import { join, resolve } from "node:path";

/** The command line of a program of ours: its C where a compiler is there, else the same in Node. */
export function compiled(scratch, name) {
  const output = join(scratch.run, name);
  const { status } = spawnSync(
    process.env["CC"] ?? "cc",
    ["-O2", "-o", output, resolve(`test/bench/${name}.c`)],
    {
      stdio: ["ignore", "ignore", "inherit"],
    },
  );
  if (status === 0) return { language: "C", command: [output] };
  return { language: "Node", command: [process.execPath, resolve(`test/bench/${name}.mjs`)] };
}
