/**
 * A model of the utility that wrote these caches before, as a pure function. The daemon has to
 * live beside it, so the tests let it write between syncs.
 */
const TITLE = "# Global State Cache";
const PURPOSE = "**Purpose**: Cached state from other repos for cross-repo context awareness.";

/** What Python's `str.strip()` takes away; unlike `trim()` it leaves a byte order mark alone. */
const SPACE = "[\\t-\\r\\x1c- \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]";
const OUTER_SPACE = new RegExp(`^${SPACE}+|${SPACE}+$`, "g");

/**
 * @param cacheText the cache as it stands, undefined where there is none.
 * @param timestamp local time in ISO form without a zone.
 * @throws TypeError where the cache is not UTF-8.
 */
export function originalWrite(
  cacheText: Buffer | undefined,
  repoName: string,
  stateText: string,
  timestamp: string,
): Buffer {
  const kept = withoutSection(readText(cacheText ?? Buffer.alloc(0)).split("\n"), repoName)
    .filter((line) => !line.startsWith(TITLE))
    .join("\n")
    .replaceAll(OUTER_SPACE, "");
  const state = universalNewlines(stateText);
  const header = `${TITLE}\n\n${PURPOSE}\n\n**Last Updated**: ${timestamp}\n\n---\n`;
  const section = `\n## ${repoName.toUpperCase()} State\n\n**Last Synced**: ${timestamp}\n\n${state}\n\n---\n`;
  return Buffer.from(`${header}${section}\n${kept}`);
}

/** Decodes strictly and keeps a byte order mark, as reading with `encoding="utf-8"` does. */
function readText(bytes: Buffer): string {
  return universalNewlines(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
}

function universalNewlines(text: string): string {
  return text.replaceAll(/\r\n?/g, "\n");
}

/** Its flaw is kept: a section ends at the first `##` line, be that one inside its own body. */
function withoutSection(lines: readonly string[], repoName: string): string[] {
  const heading = `## ${repoName.toUpperCase()}`;
  let removing = false;
  return lines.filter((line) => {
    if (line.startsWith(heading)) removing = true;
    else if (line.startsWith("##")) removing = false;
    return !removing;
  });
}
