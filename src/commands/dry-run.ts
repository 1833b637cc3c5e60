import { createTwoFilesPatch, FILE_HEADERS_ONLY, formatPatch } from "diff";
import { loadConfig } from "../config/load.ts";
import { loadPauses } from "../daemon/pauses.ts";
import { EXIT, type ExitCode } from "../errors.ts";
import { cachePath } from "../store/write-scope.ts";
import { Presentable } from "../sync/presentable.ts";
import { type Selection, selectRepos } from "../sync/select.ts";
import { type CommandContext, complainProse, printText } from "./context.ts";
import { foresee } from "./foresee.ts";

/** How long two caches are compared line by line, in milliseconds. */
const DIFF_MS = 2_000;

/** `sync --dry-run`: what a sync would change, as a unified diff. Takes no lock and writes nothing. */
export async function dryRun(selection: Selection, context: CommandContext): Promise<ExitCode> {
  const config = await loadConfig(context.paths.config);
  const isPaused = await loadPauses(context.paths.pauseFile);
  const repos = await selectRepos(config.registry, selection, "sync");
  const presentable = new Presentable(config.registry, config.guard);
  let differs = false;
  const options = { config, repos, asked: selection.all !== true, isPaused };
  const faults = await foresee(options, async ({ target, bytes, result }) => {
    if (!result.changed) return;
    differs = true;
    const path = cachePath(target);
    const before = bytes === undefined ? "" : await presentable.file(bytes);
    const after = await presentable.document(result.document);
    const old = bytes === undefined ? "/dev/null" : path;
    // Names with odd characters in them stand in quotes there, for `patch` to read.
    const shape = { context: 3, headerOptions: FILE_HEADERS_ONLY, timeout: DIFF_MS };
    const diff = createTwoFilesPatch(old, path, before, after, "", "", shape);
    printText(context, diff?.trimEnd() ?? wholly(old, path, before, after));
  });
  for (const { message, remedy } of faults) {
    complainProse(context, `[state_sync] ${message}`, "  ", "");
    complainProse(context, remedy, "  ");
  }
  if (!differs && faults.length === 0)
    complainProse(context, "Every peer holds this state already. A sync would only renew the times.");
  return faults.length > 0 ? EXIT.failed : EXIT.ok;
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
