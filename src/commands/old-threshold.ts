import type { OldHook } from "../hooks/settings/edit.ts";
import { scriptPath, thresholdIn } from "../hooks/settings/old-calls.ts";
import { smallText } from "../store/small-text.ts";

/** After how many calls the script that came before reminded, where one of these hooks calls it and it can be read. */
export async function oldThreshold(
  old: readonly OldHook[],
  where: Parameters<typeof scriptPath>[1],
): Promise<number | undefined> {
  for (const { call } of old) {
    const path = scriptPath(call.script, where);
    if (call.kind !== "checkpoint script" || !call.whole || path === undefined) continue;
    const threshold = thresholdIn((await smallText(path)) ?? "");
    if (threshold !== undefined) return threshold;
  }
  return undefined;
}
