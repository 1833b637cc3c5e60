import { createTwoFilesPatch, FILE_HEADERS_ONLY } from "diff";
import { Guard } from "../guard/guard.ts";
import type { GuardOptions } from "../guard/guarded.ts";
import { RuleError } from "../guard/rule-error.ts";
import type { SettingsFile } from "../hooks/settings/file.ts";
import { visible } from "../visible.ts";

const CONTEXT_LINES = 3;

/**
 * What changes in a settings file, as the lines of a unified diff. It has passed the guard: settings
 * hold passwords and keys, and whoever runs this may be an agent.
 */
export async function settingsDiff(
  { path, text, exists }: SettingsFile,
  after: string,
  rules: GuardOptions,
): Promise<string[]> {
  try {
    const guard = await Guard.load(rules);
    const seen = [text, after].map(async (one) =>
      (await guard.inspect(Buffer.from(one))).body.toString("utf8"),
    );
    const [before = "", then = ""] = await Promise.all(seen);
    const options = { context: CONTEXT_LINES, headerOptions: FILE_HEADERS_ONLY };
    const diff = createTwoFilesPatch(exists ? path : "/dev/null", path, before, then, "", "", options);
    return diff.trimEnd().split("\n").map(asShown);
  } catch (error) {
    if (!(error instanceof RuleError)) throw error;
    return [`${path} changes, and cannot be shown: a rule of the guard fails on it.`];
  }
}

/** Tabs stay: a settings file may be indented by them. */
function asShown(line: string): string {
  return line.replace(/\r$/, "").split("\t").map(visible).join("\t");
}
