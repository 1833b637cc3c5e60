import manifest from "../../package.json" with { type: "json" };
import { type Check, fine, warning } from "./finding.ts";

/** Whether this node is one that the program is tried with. */
export const checkNode: Check = async () => [judgeNode(process.versions.node, process.execPath)];

/** @param version as `process.versions.node`. */
export function judgeNode(version: string, path: string): ReturnType<typeof fine> {
  const oldest = manifest.engines.node.replace(/^>=\s*/, "");
  if (!isOlder(version, oldest)) return fine("node", `${version} at ${path}`);
  return warning(
    "node",
    `${version} at ${path} is older than ${oldest}, the oldest that is supported`,
    "Install a newer one, then `state-syncd service install` again.",
  );
}

/** Of versions: `22.22.0`. */
export function isOlder(version: string, than: string): boolean {
  const [one, other] = [version, than].map((text) => text.split(".").map(Number));
  for (let at = 0; at < 3; at += 1) {
    const difference = (one?.[at] ?? 0) - (other?.[at] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}
