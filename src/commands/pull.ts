import { readFile } from "node:fs/promises";
import { within } from "../concurrently.ts";
import { loadConfig } from "../config/load.ts";
import { parse } from "../core/cache/parse.ts";
import type { Section } from "../core/cache/document.ts";
import { EXIT, type ExitCode, FaultError, systemCode } from "../errors.ts";
import { RuleError } from "../guard/rule-error.ts";
import { cachePath } from "../store/write-scope.ts";
import type { EdgeResult } from "../sync/edge-result.ts";
import { RulesInForce } from "../sync/rules-in-force.ts";
import { selectRepos } from "../sync/select.ts";
import { type CommandContext, complain, print, printFacts, printText } from "./context.ts";
import { handOver } from "./hand-over.ts";
import { complainOnce } from "./sync.ts";

/** What stands where the cache belongs is somebody else's. */
const NOT_OURS: ReadonlySet<string> = new Set(["CACHE_OUTSIDE", "CACHE_NOT_REGULAR", "CACHE_NOT_DIRECTORY"]);

const PATIENCE_MS = 3_000;

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
  const { cache, edges } = await handOver(context, {
    path: "/pull",
    body: selection,
    local: async (reconciler) => {
      const [repo] = await selectRepos(reconciler.registry, selection);
      if (repo === undefined) throw new FaultError("USAGE", "name the repo to pull for");
      return { cache: cachePath(repo), edges: await reconciler.pull(repo) };
    },
  });
  const peers = edges.map((edge) => edge.from);
  if (options.from !== undefined && !peers.includes(options.from)) {
    const readable = peers.join(", ") || "none";
    const message = `${options.from} is not among the peers that are read here, which are: ${readable}`;
    throw new FaultError("PEER_UNKNOWN", message);
  }
  // A cache that was refused, for instance for leading out of its repo, is not printed either.
  const refused = edges.some((edge) => edge.fault !== undefined && NOT_OURS.has(edge.fault.code));
  // Nor is one whose disk does not answer: that it does not, the edges have told.
  const standing = refused ? [] : ((await within(PATIENCE_MS, sectionsIn(cache ?? "", peers))) ?? []);
  const sections = await looked(standing, edges, context);
  const wanted = sections.filter(({ repo }) => options.from === undefined || repo === options.from);
  if (context.json) printFacts(context, { cache, sections: wanted.map(asJson), edges });
  else if (options.raw) for (const { body } of wanted) context.stdout.write(body);
  else for (const section of wanted) printSection(section, context);
  complainOnce(context, edges);
  const missing = peers.filter(
    (peer) => (options.from ?? peer) === peer && !sections.some(({ repo }) => repo === peer),
  );
  const incomplete = missing.length > 0 || edges.some((edge) => edge.outcome === "failed");
  return incomplete ? EXIT.failed : EXIT.ok;
}

async function sectionsIn(cache: string, peers: readonly string[]): Promise<Section[]> {
  let bytes: Buffer;
  try {
    bytes = await readFile(cache);
  } catch (error) {
    // Why there is none to read, the faults of the edges have told.
    if (systemCode(error) === undefined) throw error;
    return [];
  }
  const { parts } = parse(bytes, { registered: peers });
  return parts.flatMap((part) => (part.kind === "section" ? [part.section] : []));
}

/**
 * The sections as they may be shown, without those on which a rule failed. What a turn has written
 * has passed the rules in force; of what it left, or never came to, nobody can be sure.
 */
async function looked(
  standing: readonly Section[],
  edges: readonly EdgeResult[],
  context: CommandContext,
): Promise<readonly Section[]> {
  const left = edges.filter(({ outcome }) => outcome === "failed" || outcome === "kept");
  const unsure = new Set(left.map(({ from }) => from));
  if (!standing.some(({ repo }) => unsure.has(repo))) return standing;
  const { guard } = await loadConfig(context.paths.config);
  const rules = RulesInForce.of(guard);
  const clean: Section[] = [];
  for (const section of standing) {
    if (!unsure.has(section.repo)) {
      clean.push(section);
      continue;
    }
    try {
      const { body, sha256 } = await rules.clear(section.body, section.sha256);
      const branch = section.branch === undefined ? {} : { branch: await rules.label(section.branch) };
      clean.push({ ...section, ...branch, origin: await rules.label(section.origin), body, sha256 });
    } catch (error) {
      if (!(error instanceof RuleError)) throw error;
      complain(context, `[state_sync] what ${section.repo} has there is not shown: ${error.message}`);
    }
  }
  return clean;
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
