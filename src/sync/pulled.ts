import { dirname } from "node:path";
import { within } from "../concurrently.ts";
import type { Config } from "../config/load.ts";
import type { Section } from "../core/cache/document.ts";
import { parse } from "../core/cache/parse.ts";
import { DEFAULT_STATE_FILE } from "../core/registry.ts";
import { fault, type Fault, FaultError } from "../errors.ts";
import { RuleError } from "../guard/rule-error.ts";
import { openCache } from "../store/cache-file.ts";
import { closeQuietly } from "../store/close.ts";
import { Ownership } from "../store/ownership.ts";
import type { EdgeResult } from "./edge-result.ts";
import { RulesInForce } from "./rules-in-force.ts";

const PATIENCE_MS = 3_000;

export interface Pulled {
  readonly sections: readonly Section[];
  /** Why there are none, or fewer than stand there. */
  readonly faults: readonly Fault[];
}

/** The config in force; undefined where it is not right by now, while a daemon goes on by the last that was. */
export type InForce = () => Promise<Pick<Config, "registry" | "guard"> | undefined>;

/**
 * The sections of a cache as they may be shown: of the peers that the repo may read, as the rules in
 * force let them stand. A turn sees to both, but there may have been none: the repo may be paused, or
 * its disk read-only.
 *
 * @param cache the cache's path.
 * @param edges what became of the pull, by the word of who did it.
 */
export async function pulled(
  cache: string,
  edges: readonly Pick<EdgeResult, "from" | "to" | "outcome">[],
  inForce: InForce,
): Promise<Pulled> {
  const peers = edges.map(({ from }) => from);
  const name = edges[0]?.to;
  if (name === undefined) return { sections: [], faults: [] };
  const repo = { name, path: dirname(dirname(cache)), stateFile: DEFAULT_STATE_FILE };
  const read = async (): Promise<Section[]> => {
    const { bytes, linked, file, handle } = await openCache(repo);
    await closeQuietly(handle);
    if (linked) (await Ownership.of((await known(inForce)).registry)).refuseForeign(repo, file);
    const { parts } = parse(bytes ?? Buffer.alloc(0), { registered: peers });
    return parts.flatMap((part) => (part.kind === "section" ? [part.section] : []));
  };
  try {
    // Where the disk does not answer, the edges have told so.
    const standing = (await within(PATIENCE_MS, read())) ?? [];
    const allowed = standing.filter((section) => peers.includes(section.repo));
    // What a turn has written has passed the rules in force; of what it left, or never came to, nobody can be sure.
    const left = edges.filter(({ outcome }) => outcome === "failed" || outcome === "kept");
    const unsure = new Set(left.map(({ from }) => from));
    const sure = allowed.filter((section) => !unsure.has(section.repo));
    if (sure.length === allowed.length) return { sections: allowed, faults: [] };
    return await passing(allowed, unsure, inForce);
  } catch (error) {
    if (!(error instanceof FaultError)) throw error;
    return { sections: [], faults: [error.fault] };
  }
}

async function known(inForce: InForce): Promise<Pick<Config, "registry" | "guard">> {
  const config = await inForce();
  if (config !== undefined) return config;
  throw new FaultError("CONFIG_INVALID", "the config is not right: whose cache this is cannot be told");
}

/**
 * Sections as the rules in force let them stand.
 *
 * @param unsure the repos whose sections have not passed them, as far as anybody knows.
 */
export async function passing(
  standing: readonly Section[],
  unsure: ReadonlySet<string>,
  inForce: InForce,
): Promise<Pulled> {
  const config = await inForce();
  const rules = config === undefined ? undefined : RulesInForce.of(config.guard);
  const sections: Section[] = [];
  const faults: Fault[] = [];
  for (const section of standing) {
    try {
      if (!unsure.has(section.repo)) sections.push(section);
      else if (rules === undefined) throw new RuleError("the config is not right");
      else sections.push(await clean(section, rules));
    } catch (error) {
      if (!(error instanceof RuleError)) throw error;
      const message = `what the cache holds of ${section.repo} is not shown: ${error.message}`;
      faults.push(fault("STATE_FILE_UNGUARDED", message, { repo: section.repo }));
    }
  }
  return { sections, faults };
}

async function clean(section: Section, rules: RulesInForce): Promise<Section> {
  const { body, sha256 } = await rules.clear(section.body, section.sha256);
  const branch = section.branch === undefined ? {} : { branch: await rules.label(section.branch) };
  return { ...section, ...branch, origin: await rules.label(section.origin), body, sha256 };
}

/**
 * A section with its branch as the rules in force let it stand: that its text has passed them says
 * nothing of what the branch is called. Without it where a rule fails on it.
 */
export async function labelled(section: Section, guard: Config["guard"]): Promise<Section> {
  const { branch, ...rest } = section;
  if (branch === undefined) return section;
  try {
    return { ...rest, branch: await RulesInForce.of(guard).label(branch) };
  } catch (error) {
    if (!(error instanceof RuleError)) throw error;
    return rest;
  }
}
