import type { Section } from "../core/cache/document.ts";
import { EXIT, type ExitCode, FaultError } from "../errors.ts";
import { cachePath } from "../store/write-scope.ts";
import { selectRepos } from "../sync/select.ts";
import { type CommandContext, print, printFacts, printText } from "./context.ts";
import { handOver } from "./hand-over.ts";
import { pulled } from "./pulled.ts";
import { complainOnce } from "./sync.ts";

export interface PullOptions {
  readonly repo: string | undefined;
  readonly from: string | undefined;
  readonly raw: boolean;
}

/** `pull`: brings one repo's cache up to date and prints what it holds. */
export async function pull(options: PullOptions, context: CommandContext): Promise<ExitCode> {
  if (options.raw && options.from === undefined) {
    throw new FaultError("USAGE", "--raw prints one peer's state: name it with --from");
  }
  const selection = { repos: options.repo === undefined ? [] : [options.repo], around: context.cwd };
  const { cache, config, edges } = await handOver(context, {
    path: "/pull",
    body: selection,
    local: async (reconciler) => {
      const [repo] = await selectRepos(reconciler.registry, selection);
      if (repo === undefined) throw new FaultError("USAGE", "name the repo to pull for");
      const edges = await reconciler.pull(repo);
      return { cache: cachePath(repo), config: reconciler.config.file, edges };
    },
  });
  const peers = edges.map((edge) => edge.from);
  if (options.from !== undefined && !peers.includes(options.from)) {
    const readable = peers.join(", ") || "none";
    const message = `${options.from} is not among the peers that are read here, which are: ${readable}`;
    throw new FaultError("PEER_UNKNOWN", message);
  }
  const { sections, faults } = await pulled(cache ?? "", config ?? context.paths.config, edges);
  const wanted = sections.filter(({ repo }) => options.from === undefined || repo === options.from);
  if (context.json) printFacts(context, { cache, sections: wanted.map(asJson), edges });
  else if (options.raw) for (const { body } of wanted) context.stdout.write(body);
  else for (const section of wanted) printSection(section, context);
  complainOnce(context, [...edges.map(({ fault }) => fault), ...faults]);
  const missing = peers.filter(
    (peer) => (options.from ?? peer) === peer && !sections.some(({ repo }) => repo === peer),
  );
  const incomplete = missing.length > 0 || edges.some((edge) => edge.outcome === "failed");
  return incomplete ? EXIT.failed : EXIT.ok;
}

function printSection(section: Section, context: CommandContext): void {
  const position =
    section.commit === undefined ? "" : `, ${section.branch ?? "detached"} @ ${section.commit}`;
  print(
    context,
    `=== ${section.repo}: changed ${section.changedAt}, synced ${section.syncedAt}${position} ===`,
  );
  printText(context, section.body.toString("utf8"));
}

function asJson(section: Section): object {
  const { body, ...facts } = section;
  return { ...facts, bytes: body.length, body: body.toString("utf8") };
}
