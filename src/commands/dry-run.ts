import { createTwoFilesPatch, FILE_HEADERS_ONLY } from "diff";
import { within } from "../concurrently.ts";
import { loadConfig } from "../config/load.ts";
import { merge } from "../core/cache/merge.ts";
import { peersOf, type Repo, targetsOf } from "../core/registry.ts";
import { EXIT, type ExitCode, type Fault, FaultError } from "../errors.ts";
import { type OpenedCache, openCache } from "../store/cache-file.ts";
import { cachePath } from "../store/write-scope.ts";
import { presentable } from "../sync/clearance.ts";
import { type Selection, selectRepos } from "../sync/select.ts";
import { Sources } from "../sync/sources.ts";
import { type CommandContext, complain, printText } from "./context.ts";
import { closeQuietly } from "../store/close.ts";
import { isSilent, probeDisks } from "../store/disks.ts";
import { unansweredFault } from "../sync/unanswered.ts";

/** A disk that takes longer to answer is told as such. What was dead already is not asked again. */
const PATIENCE_MS = 5_000;

/** `sync --dry-run`: what a sync would change, as a unified diff. Takes no lock and writes nothing. */
export async function dryRun(selection: Selection, context: CommandContext): Promise<ExitCode> {
  const { registry, maxBytes, guard } = await loadConfig(context.paths.config);
  const repos = await selectRepos(registry, selection);
  await probeDisks(registry.repos);
  const sources = new Sources();
  const faults: Fault[] = [];
  const now = new Date();
  const asked = selection.all !== true;
  for (const repo of repos) {
    const options = { maxBytes, guard, found: "request", asked, now } as const;
    const looked = isSilent(repo) ? undefined : await within(PATIENCE_MS, sources.observe(repo, options));
    const fault =
      looked === undefined ? unansweredFault("STATE_FILE_UNREADABLE", repo) : sources.get(repo.name)?.fault;
    if (fault !== undefined) faults.push(fault);
  }
  const targets = registry.repos.filter((to) => repos.some((from) => targetsOf(registry, from).includes(to)));
  let differs = false;
  for (const target of targets) {
    try {
      const cache = isSilent(target) ? undefined : await within(PATIENCE_MS, openAndClose(target));
      if (cache === undefined) {
        faults.push(unansweredFault("CACHE_IO", target));
        continue;
      }
      const peers = peersOf(registry, target);
      const result = merge(cache.bytes, {
        peers: peers.map((peer) => peer.name),
        registered: registry.repos.map((repo) => repo.name),
        snapshots: sources.snapshotsOf(peers, () => guard),
        unguarded: sources.unguardedOf(peers),
        now: now.toISOString(),
      });
      if (!result.changed) continue;
      differs = true;
      const path = cachePath(target);
      const before = await presentable(cache.bytes?.toString("utf8") ?? "", guard);
      const after = await presentable(Buffer.concat(result.chunks).toString("utf8"), guard);
      const old = cache.bytes === undefined ? "/dev/null" : path;
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

async function openAndClose(target: Repo): Promise<OpenedCache> {
  const opened = await openCache(target);
  await closeQuietly(opened.handle);
  return opened;
}
