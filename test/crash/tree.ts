import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { sha256 } from "../../src/core/snapshot.ts";
import type { Workspace } from "../support/workspace.ts";

/** Every file under a workspace, by its relative path; what differs from run to run is masked in the paths. */
export type Tree = ReadonlyMap<string, Buffer>;

/** The points that a process has passed, see `src/store/crash-point.ts`. */
const TRACE = "trace";

/** What comes and goes with a process, and is nobody's to lose. */
const OF_THE_PROCESS = new Set([
  TRACE,
  "state/state-syncd/state-syncd.log",
  "state/state-syncd/lock",
  "run/state-syncd/control.sock",
]);
/** Where the daemon saves for itself to see that it works. */
const OF_THE_CANARY = /^state\/state-syncd\/canary\//;

export function traceFile(workspace: Workspace): string {
  return join(workspace.root, TRACE);
}

/** What lies in a workspace now, but for the log, the lock, the socket and the canary. */
export function treeOf(workspace: Workspace): Tree {
  const entries = readdirSync(workspace.root, { recursive: true, withFileTypes: true });
  const files = new Map<string, Buffer>();
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name);
    const name = relative(workspace.root, path);
    if (entry.isDirectory() || OF_THE_PROCESS.has(name) || OF_THE_CANARY.test(name)) continue;
    const bytes = readFileSync(path);
    let key = maskedName(name, bytes, workspace);
    // Two files whose names differ in their times alone are two files all the same.
    while (files.has(key)) key += " (another)";
    files.set(key, bytes);
  }
  return files;
}

/** The temporaries in a tree: what a write leaves that was cut short. */
export function temporariesIn(tree: Tree): string[] {
  return [...tree.keys()].filter(isTemporary);
}

export function withoutTemporaries(tree: Tree): Tree {
  return new Map([...tree].filter(([name]) => !isTemporary(name)));
}

/** The same tree as text, without what differs from run to run: times, and where the workspace lies. */
export function masked(tree: Tree, workspace: Workspace): Record<string, string> {
  return Object.fromEntries([...tree].map(([name, bytes]) => [name, maskedText(bytes, workspace)]));
}

export function maskedText(bytes: Buffer, workspace: Workspace): string {
  const text = bytes.toString("latin1").replaceAll(workspace.root, "ROOT");
  return text.replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g, "TIME");
}

function isTemporary(name: string): boolean {
  return name.endsWith(".state-syncd-tmp");
}

/** A copy's name has its time, and the digest of a text that has times in it. */
function maskedName(name: string, bytes: Buffer, workspace: Workspace): string {
  const digest = sha256(Buffer.from(maskedText(bytes, workspace))).slice(0, 8);
  return name.replace(/\d{8}T\d{9}Z-([a-z-]+)-[0-9a-f]{8}\.(md|json)/, `TIME-$1-${digest}.$2`);
}
