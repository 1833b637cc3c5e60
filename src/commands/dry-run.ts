import { createTwoFilesPatch, FILE_HEADERS_ONLY } from "diff";
import { loadConfig } from "../config/load.ts";
import { merge } from "../core/cache/merge.ts";
import { peersOf, targetsOf } from "../core/registry.ts";
import { EXIT, type ExitCode, type Fault, FaultError } from "../errors.ts";
import { openCache } from "../store/cache-file.ts";
import { cachePath } from "../store/write-scope.ts";
import { presentable } from "../sync/clearance.ts";
import { type Selection, selectRepos } from "../sync/select.ts";
import { Sources } from "../sync/sources.ts";
import { type CommandContext, complain, printText } from "./context.ts";
import { closeQuietly } from "../store/close.ts";

/** `sync --dry-run`: what a sync would change, as a unified diff. Takes no lock and writes nothing. */
export async function dryRun(selection: Selection, context: CommandContext): Promise<ExitCode> {
  const { registry, maxBytes, guard } = await loadConfig(context.paths.config);
  const repos = await selectRepos(registry, selection);
  const sources = new Sources();
  const faults: Fault[] = [];
  const now = new Date();
  for (const repo of repos) {
    await sources.observe(repo, { maxBytes, guard, found: "request", asked: selection.all !== true, now });
    const fault = sources.get(repo.name)?.fault;
    if (fault !== undefined) faults.push(fault);
  }
  const targets = registry.repos.filter((to) => repos.some((from) => targetsOf(registry, from).includes(to)));
  let differs = false;
  for (const target of targets) {
    try {
      const opened = await openCache(target);
      await closeQuietly(opened.handle);
      const peers = peersOf(registry, target);
      const result = merge(opened.bytes, {
        peers: peers.map((peer) => peer.name),
        registered: registry.repos.map((repo) => repo.name),
        snapshots: sources.snapshotsOf(peers, () => guard),
        unguarded: sources.unguardedOf(peers),
        now: now.toISOString(),
      });
      if (!result.changed) continue;
      differs = true;
      const path = cachePath(target);
      const before = await presentable(opened.bytes?.toString("utf8") ?? "", guard);
      const after = await presentable(Buffer.concat(result.chunks).toString("utf8"), guard);
      const old = opened.bytes === undefined ? "/dev/null" : path;
      // Names with odd characters in them stand in quotes there, for `patch` to read.
      const options = { context: 3, headerOptions: FILE_HEADERS_ONLY };
      printText(context, createTwoFilesPatch(old, path, before, after, "", "", options).trimEnd());
    } catch (error) {
      if (!(error instanceof FaultError)) throw error;
      faults.push(error.fault);
    }
  }
  for (const { message, remedy } of faults) {
    complain(context, `[state_sync] ${message}`);
    complain(context, `  ${remedy}`);
  }
  if (!differs && faults.length === 0)
    complain(context, "Every peer holds this state already. A sync would only renew the times.");
  return faults.length > 0 ? EXIT.failed : EXIT.ok;
}
