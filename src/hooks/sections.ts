import type { Config } from "../config/load.ts";
import type { Section } from "../core/cache/document.ts";
import type { Outlook } from "../status/outlook.ts";
import { pulled } from "../sync/pulled.ts";

/** The sections of a repo's cache that may be shown, see {@link Knowledge.sections}. */
export async function sectionsFor(
  { repo, cache, peers }: Outlook,
  sure: ReadonlySet<string>,
  config: Pick<Config, "registry" | "guard">,
): Promise<readonly Section[]> {
  const edges = peers.map(({ repo: from }) => {
    const outcome = sure.has(from) ? ("unchanged" as const) : ("kept" as const);
    return { from, to: repo, outcome };
  });
  return (await pulled(cache, edges, async () => config)).sections;
}
