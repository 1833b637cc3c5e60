const BEGIN = /^<!-- state-syncd:begin .*-->$/;
const END = /^<!-- state-syncd:end .*-->$/;
const CACHE_TITLE = /^#[ \t]+(?:Global State Cache|Cross-Repo State Cache\b.*)$/;

/**
 * A state file without what it holds of its peers' states: a section of a cache that was copied in,
 * or one of the original utility's. Its reader gets those from the peers.
 *
 * @param peers their names.
 */
export function withoutEchoes(text: string, peers: readonly string[]): string {
  const headings = new Set(peers.map((name) => `## ${name.toUpperCase()} State`));
  const kept: string[] = [];
  let echo: "section" | "legacy" | undefined;
  const lines = text.split("\n");
  const lastEnd = lines.findLastIndex((line) => END.test(line.trimEnd()));
  for (const [at, raw] of lines.entries()) {
    const line = raw.trimEnd();
    if (echo === "section") {
      if (END.test(line)) echo = undefined;
    } else if (at < lastEnd && BEGIN.test(line)) {
      echo = "section";
    } else if (headings.has(line) || CACHE_TITLE.test(line)) {
      echo = "legacy";
    } else if (echo === "legacy" && /^#{1,2}[ \t]/.test(line)) {
      echo = undefined;
      kept.push(raw);
    } else if (echo === undefined) kept.push(raw);
  }
  return kept.join("\n");
}
