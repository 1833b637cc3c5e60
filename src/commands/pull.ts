import { dirname } from "node:path";
import { configIfRight } from "../config/if-right.ts";
import type { Section } from "../core/cache/document.ts";
import { EXIT, type ExitCode, FaultError } from "../errors.ts";
import { realpathOrSame } from "../store/real-path.ts";
import { cachePath } from "../store/write-scope.ts";
import { pulled } from "../sync/pulled.ts";
import { selectRepos } from "../sync/select.ts";
import { type CommandContext, complainProse, print, printFacts, printText } from "./context.ts";
import { handOver } from "./hand-over.ts";
import { complainOnce } from "./sync.ts";

export interface PullOptions {
  readonly repo: string | undefined;
  readonly from: string | undefined;
  readonly raw: boolean;
  /** The gist of each state instead of all of it. */
  readonly digest: boolean;
  /** The longest that the digests may become together, in characters. */
  readonly budget: number | undefined;
}

/** As much as a coding agent's harness hands on without making a file of it. */
const DEFAULT_BUDGET = 8_000;
const LEAST_BUDGET = 100;

/** `pull`: brings one repo's cache up to date and prints what it holds. */
export async function pull(options: PullOptions, context: CommandContext): Promise<ExitCode> {
  if (options.raw && options.from === undefined) {
    throw new FaultError("USAGE", "--raw prints one peer's state: name it with --from");
  }
  const budget = budgetOf(options);
  const selection = { repos: options.repo === undefined ? [] : [options.repo], around: context.cwd };
  const { cache, config, edges } = await handOver(context, {
    path: "/pull",
    body: selection,
    local: async (reconciler) => {
      const [repo] = await selectRepos(reconciler.registry, selection, "pull");
      if (repo === undefined) throw new FaultError("USAGE", "name the repo to pull for");
      const edges = await reconciler.pull(repo);
      return { cache: cachePath(repo), config: reconciler.config.file, edges };
    },
  });
  if (options.repo === undefined) await tellWhose(cache, edges[0]?.to, context);
  const peers = edges.map((edge) => edge.from);
  const file = config ?? context.paths.config;
  if (options.from !== undefined && !peers.includes(options.from)) {
    const readable = peers.join(", ") || "none";
    const message = `${options.from} is not among the peers that are read here, which are: ${readable}`;
    if (peers.length === 0) await tellWhyAlone(cache, file, context);
    throw new FaultError("PEER_UNKNOWN", message);
  }
  if (peers.length === 0) await tellWhyAlone(cache, file, context);
  const { sections, faults } = await pulled(cache ?? "", edges, () => configIfRight(file));
  // Of the others nobody has asked.
  const isWanted = (peer: string | undefined): boolean => options.from === undefined || peer === options.from;
  const wanted = sections.filter(({ repo }) => isWanted(repo));
  const asked = edges.filter(({ from }) => isWanted(from));
  if (options.digest) await showDigests(wanted, budget, { cache, edges }, context);
  else if (context.json) printFacts(context, { cache, sections: wanted.map(asJson), edges });
  else if (options.raw) for (const { body } of wanted) context.stdout.write(body);
  else for (const section of wanted) printSection(section, section.body.toString("utf8"), context);
  const unshown = faults.filter(({ repo }) => repo === undefined || isWanted(repo));
  complainOnce(context, [...asked.map(({ fault }) => fault), ...unshown]);
  const missing = asked.some(({ from }) => !wanted.some(({ repo }) => repo === from));
  // Paused or gone: what stands there may not be the newest.
  const incomplete =
    missing || asked.some(({ outcome, fault }) => outcome === "failed" || fault !== undefined);
  return incomplete ? EXIT.failed : EXIT.ok;
}

/** Somebody in a worktree that is not registered reads what another directory's cache holds. */
async function tellWhose(
  cache: string | undefined,
  repo: string | undefined,
  context: CommandContext,
): Promise<void> {
  if (cache === undefined || repo === undefined) return;
  const [here, owner] = await Promise.all([context.cwd, dirname(dirname(cache))].map(realpathOrSame));
  if (here === undefined || owner === undefined || `${here}/`.startsWith(`${owner}/`)) return;
  complainProse(
    context,
    `This is a worktree of ${repo}, and not registered itself: what ${repo} reads is shown.`,
  );
}

/** Nothing to read is no failure, and yet seldom what was meant. */
async function tellWhyAlone(
  cache: string | undefined,
  config: string,
  context: CommandContext,
): Promise<void> {
  const [{ loadConfig }, { whyNoPeers }] = await Promise.all([
    import("../config/load.ts"),
    import("../core/apart.ts"),
  ]);
  const { registry } = await loadConfig(config);
  const repo = registry.repos.find((each) => cachePath(each) === cache);
  const why = repo === undefined ? undefined : whyNoPeers(registry, repo);
  if (why !== undefined) complainProse(context, `${repo?.name} reads no peer: ${why}`);
}

function budgetOf({ raw, digest, budget = DEFAULT_BUDGET }: PullOptions): number {
  if (raw && digest)
    throw new FaultError("USAGE", "--raw prints a state as it is, --digest its gist: choose one");
  if (Number.isSafeInteger(budget) && budget >= LEAST_BUDGET) return budget;
  throw new FaultError(
    "USAGE",
    `--budget${Number.isNaN(budget) ? "" : ` ${budget}`}: must be a whole number of characters, ${LEAST_BUDGET} or more`,
  );
}

async function showDigests(
  sections: readonly Section[],
  budget: number,
  facts: object,
  context: CommandContext,
): Promise<void> {
  const { digestsOf } = await import("../core/digest/shared.ts");
  const states = sections.map(({ repo, body }) => ({ repo, text: body.toString("utf8") }));
  const digests = digestsOf(states, budget);
  const pairs = sections.map((section, at) => ({
    section,
    ...(digests[at] ?? { text: "", isWhole: false }),
  }));
  if (!context.json) {
    for (const { section, text } of pairs) printSection(section, `${text}\n`, context);
    return;
  }
  const told = pairs.map(({ section, text, isWhole }) => {
    const { body, ...rest } = section;
    return { ...rest, bytes: body.length, digest: text, isWhole };
  });
  printFacts(context, { ...facts, sections: told });
}

function printSection(section: Section, text: string, context: CommandContext): void {
  const position =
    section.commit === undefined ? "" : `, ${section.branch ?? "detached"} @ ${section.commit}`;
  print(
    context,
    `=== ${section.repo}: changed ${section.changedAt}, synced ${section.syncedAt}${position} ===`,
  );
  printText(context, text);
}

function asJson(section: Section): object {
  const { body, ...facts } = section;
  return { ...facts, bytes: body.length, body: body.toString("utf8") };
}
