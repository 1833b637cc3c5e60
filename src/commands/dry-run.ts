import { createTwoFilesPatch } from "diff";
import { loadConfig } from "../config/load.ts";
import { targetsOf } from "../core/registry.ts";
import { loadPauses } from "../daemon/pauses.ts";
import { EXIT, type ExitCode, type Fault, fault, FaultError } from "../errors.ts";
import { RuleError } from "../guard/rule-error.ts";
import { openCache } from "../store/cache-file.ts";
import { closeQuietly } from "../store/close.ts";
import { Ownership } from "../store/ownership.ts";
import { cachePath } from "../store/write-scope.ts";
import { plan } from "../sync/plan.ts";
import { Presentable } from "../sync/presentable.ts";
import { type Selection, selectRepos } from "../sync/select.ts";
import { Sources } from "../sync/sources.ts";
import { type CommandContext, complain, print } from "./context.ts";

/** Long enough for every text: who asks wants to see the whole. */
const PATIENCE_MS = 600_000;

/** `sync --dry-run`: what a sync would change, as a unified diff. Takes no lock and writes nothing. */
export async function dryRun(selection: Selection, context: CommandContext): Promise<ExitCode> {
  const { registry, maxBytes, guard } = await loadConfig(context.paths.config);
  const isPaused = await loadPauses(context.paths.pauseFile);
  const paused = (name: string): Fault => fault("PAUSED", `${name} is paused`, { repo: name });
  const repos = await selectRepos(registry, selection);
  const sources = new Sources();
  const faults = new Map<string, Fault>();
  const note = (found: Fault): unknown => faults.set(found.message, found);
  const now = new Date();
  const awake = repos.filter((repo) => !isPaused(repo.name));
  for (const repo of repos) {
    if (!awake.includes(repo)) {
      note(paused(repo.name));
      continue;
    }
    const asked = selection.all !== true;
    await sources.observe(repo, { maxBytes, registry, guard, found: "request", asked, now });
    const held = sources.get(repo.name)?.fault;
    if (held !== undefined) note(held);
  }
  const targets = registry.repos.filter((to) => awake.some((from) => targetsOf(registry, from).includes(to)));
  const presentable = new Presentable(registry, guard);
  let differs = false;
  for (const target of targets) {
    if (isPaused(target.name)) {
      note(paused(target.name));
      continue;
    }
    const path = cachePath(target);
    try {
      const { bytes, linked, file, handle } = await openCache(target);
      await closeQuietly(handle);
      if (linked) (await Ownership.of(registry)).refuseForeign(target, file);
      const { result } = await plan(bytes, target, {
        registry,
        sources,
        guard,
        passed: false,
        patienceMs: PATIENCE_MS,
        refresh: new Set<string>(),
        now,
      });
      if (!result.changed) continue;
      differs = true;
      const before = bytes === undefined ? "" : await presentable.file(bytes);
      const after = await presentable.document(result.document);
      const old = bytes === undefined ? "/dev/null" : path;
      print(context, createTwoFilesPatch(old, path, before, after, "", "", { context: 3 }).trimEnd());
    } catch (error) {
      note(faultOf(error, path));
    }
  }
  for (const { message, remedy } of faults.values()) {
    complain(context, `[state_sync] ${message}`);
    complain(context, `  ${remedy}`);
  }
  if (!differs && faults.size === 0)
    complain(context, "Every peer holds this state already. A sync would only renew the times.");
  return faults.size > 0 ? EXIT.failed : EXIT.ok;
}

/** @throws what is a defect of the program. */
function faultOf(error: unknown, path: string): Fault {
  if (error instanceof FaultError) return error.fault;
  if (!(error instanceof RuleError)) throw error;
  return fault("STATE_FILE_UNGUARDED", `${path} cannot be shown: ${error.message}`, { path });
}
