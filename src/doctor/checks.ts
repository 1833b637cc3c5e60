import { within } from "../concurrently.ts";
import { checkAgentHooks } from "./agent-hooks.ts";
import { checkClock } from "./clock.ts";
import { checkFileSystems } from "./file-systems.ts";
import { type Check, type Finding, problem, type World } from "./finding.ts";
import { checkGit } from "./git.ts";
import { checkImports } from "./imports.ts";
import { checkInotify } from "./inotify.ts";
import { checkLeftovers } from "./leftovers.ts";
import { checkNode } from "./node.ts";
import { checkOldWriter } from "./old-writer.ts";
import { checkPermissions } from "./permissions.ts";
import { checkService } from "./service.ts";
import { checkState } from "./state.ts";

/** In the order in which they are told: what the others stand on comes first. */
const CHECKS: Readonly<Record<string, Check>> = {
  node: checkNode,
  service: checkService,
  state: checkState,
  permissions: checkPermissions,
  "file systems": checkFileSystems,
  inotify: checkInotify,
  git: checkGit,
  "old writer": checkOldWriter,
  hooks: checkAgentHooks,
  imports: checkImports,
  clock: checkClock,
  leftovers: checkLeftovers,
};

/** Some disk does not answer: the others are looked at all the same. */
const PATIENCE_MS = 30_000;

/** Looks for everything that is known to go wrong in practice. */
export async function examine(world: World): Promise<Finding[]> {
  const found: Finding[] = [];
  for (const [name, check] of Object.entries(CHECKS)) {
    const findings = await within(PATIENCE_MS, check(world));
    found.push(...(findings ?? [silent(name)]));
  }
  return found;
}

function silent(name: string): Finding {
  const message = `no answer to the check of ${name} within ${PATIENCE_MS / 1_000} s`;
  return problem("disk", message, "Some disk does not answer: look at `mount`.");
}
