import { createTwoFilesPatch, FILE_HEADERS_ONLY, formatPatch } from "diff";
import { within } from "../concurrently.ts";
import { loadConfig } from "../config/load.ts";
import { type Repo, targetsOf } from "../core/registry.ts";
import { loadPauses } from "../daemon/pauses.ts";
import { EXIT, type ExitCode, type Fault, fault, FaultError } from "../errors.ts";
import { RuleError } from "../guard/rule-error.ts";
import { type OpenedCache, openCache } from "../store/cache-file.ts";
import { closeQuietly } from "../store/close.ts";
import { isSilent, probeDisks } from "../store/disks.ts";
import { Ownership } from "../store/ownership.ts";
import { cachePath } from "../store/write-scope.ts";
import { plan } from "../sync/plan.ts";
import { Presentable } from "../sync/presentable.ts";
import { type Selection, selectRepos } from "../sync/select.ts";
import { Sources } from "../sync/sources.ts";
import { unansweredFault } from "../sync/unanswered.ts";
import { type CommandContext, complain, printText } from "./context.ts";

/** A disk that takes longer to answer is told as such. What was dead already is not asked again. */
const PATIENCE_MS = 5_000;
/** How long two caches are compared line by line, in milliseconds. */
const DIFF_MS = 2_000;
/** Long enough for every text: who asks wants to see the whole. */
const GUARD_PATIENCE_MS = 600_000;

/** `sync --dry-run`: what a sync would change, as a unified diff. Takes no lock and writes nothing. */
export async function dryRun(selection: Selection, context: CommandContext): Promise<ExitCode> {
  const { registry, maxBytes, guard } = await loadConfig(context.paths.config);
  const isPaused = await loadPauses(context.paths.pauseFile);
  const paused = (name: string): Fault => fault("PAUSED", `${name} is paused`, { repo: name });
  const repos = await selectRepos(registry, selection, "sync");
  await probeDisks(registry.repos);
  const sources = new Sources();
  const faults = new Map<string, Fault>();
  const note = (found: Fault): unknown => faults.set(found.message, found);
  const now = new Date();
  const asked = selection.all !== true;
  const awake = repos.filter((repo) => !isPaused(repo.name));
  for (const repo of repos) {
    if (!awake.includes(repo)) {
      note(paused(repo.name));
      continue;
    }
    const options = { maxBytes, registry, guard, found: "request", asked, now } as const;
    const look = isSilent(repo) ? undefined : sources.observe(repo, options);
    if (look !== undefined) await within(PATIENCE_MS, look);
    // That is no disk's fault, and the guard has a limit of its own.
    if (sources.isInGuard(repo.name)) await look;
    const seen = sources.get(repo.name);
    const held = seen === undefined ? unansweredFault("STATE_FILE_UNREADABLE", repo) : seen.fault;
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
      const cache = isSilent(target) ? undefined : await within(PATIENCE_MS, openAndClose(target));
      if (cache === undefined) {
        note(unansweredFault("CACHE_IO", target));
        continue;
      }
      const { bytes, linked, file } = cache;
      if (linked) (await Ownership.of(registry)).refuseForeign(target, file);
      const { result } = await plan(bytes, target, {
        registry,
        sources,
        guard,
        passed: false,
        patienceMs: GUARD_PATIENCE_MS,
        refresh: new Set<string>(),
        now,
      });
      if (!result.changed) continue;
      differs = true;
      const before = bytes === undefined ? "" : await presentable.file(bytes);
      const after = await presentable.document(result.document);
      const old = bytes === undefined ? "/dev/null" : path;
      // Names with odd characters in them stand in quotes there, for `patch` to read.
      const options = { context: 3, headerOptions: FILE_HEADERS_ONLY, timeout: DIFF_MS };
      const diff = createTwoFilesPatch(old, path, before, after, "", "", options);
      printText(context, diff?.trimEnd() ?? wholly(old, path, before, after));
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

/** The same in one piece, for texts that have too little in common to be compared line by line. */
function wholly(old: string, path: string, before: string, after: string): string {
  const oldLines = linesOf(before);
  const newLines = linesOf(after);
  const hunk = {
    oldStart: 1,
    oldLines: oldLines.length,
    newStart: 1,
    newLines: newLines.length,
    lines: [...oldLines.map((line) => `-${line}`), ...newLines.map((line) => `+${line}`)],
  };
  const names = { oldFileName: old, newFileName: path, oldHeader: "", newHeader: "" };
  return formatPatch({ ...names, hunks: [hunk] }, FILE_HEADERS_ONLY).trimEnd();
}

function linesOf(text: string): string[] {
  return text === "" ? [] : text.replace(/\n$/, "").split("\n");
}

async function openAndClose(target: Repo): Promise<OpenedCache> {
  const opened = await openCache(target);
  await closeQuietly(opened.handle);
  return opened;
}
