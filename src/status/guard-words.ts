import { describeSecrets } from "../sync/clearance.ts";
import type { RepoStatus } from "./report.ts";

/** What was found in a state file, in words; undefined where nothing was. */
export function describeGuard(guard: RepoStatus["guard"]): string | undefined {
  const found: string[] = [];
  const { secretCount, hidden } = guard;
  if (secretCount > 0) found.push(`${describeSecrets(guard)}, kept from the peers`);
  if (hidden > 0) found.push(`${hidden} hidden place${hidden === 1 ? "" : "s"}, made visible to the peers`);
  return found.length === 0 ? undefined : found.join("; ");
}
