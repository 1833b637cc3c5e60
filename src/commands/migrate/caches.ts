import type { Config } from "../../config/load.ts";
import type { Repo } from "../../core/registry.ts";
import { loadPauses } from "../../daemon/pauses.ts";
import type { Fault } from "../../errors.ts";
import { ask, ASK_TIMEOUT_MS } from "../../control/client.ts";
import { copiesOf } from "../../store/copies.ts";
import { cachePath } from "../../store/write-scope.ts";
import { selectRepos } from "../../sync/select.ts";
import type { CommandContext } from "../context.ts";
import { foresee, type Foreseen } from "../foresee.ts";
import { handOver } from "../hand-over.ts";

/** What a sync will make of one cache that the old script wrote, or of one that is not there yet. */
export interface Adoption {
  readonly repo: Repo;
  readonly path: string;
  /** Undefined where there is none. */
  readonly bytesBefore: number | undefined;
  readonly bytesAfter: number;
  /** The sections of the old form that stand there, by repo, in file order: several of one, often. */
  readonly oldSections: readonly string[];
  /** The sections that it will have. */
  readonly sections: readonly string[];
  /** What people wrote, and what cannot be told from it. */
  readonly ownBytes: number;
  /** A copy of the file as it is goes to the state directory first. */
  readonly copied: boolean;
}

export interface AdoptionPlan {
  readonly adoptions: readonly Adoption[];
  readonly faults: readonly Fault[];
}

/** What there is to adopt by a config that may not be in force yet. Writes nothing. */
export async function planAdoptions(config: Config, context: CommandContext): Promise<AdoptionPlan> {
  const adoptions: Adoption[] = [];
  const isPaused = await loadPauses(context.paths.pauseFile);
  const repos = await selectRepos(config.registry, { all: true }, "sync");
  const faults = await foresee({ config, repos, asked: false, isPaused }, async (foreseen) => {
    if (isNeeded(foreseen)) adoptions.push(adoptionOf(foreseen));
  });
  return { adoptions, faults };
}

/** A state that has changed since is the daemon's ordinary work, and nothing that is left to migrate. */
function isNeeded({ before, result, due }: Foreseen): boolean {
  if (!due || !result.changed) return false;
  const held = new Set(before.parts.flatMap((part) => (part.kind === "foreign" ? [] : [ownerOf(part)])));
  const isNew = [...result.outcomes].some(([peer, outcome]) => outcome === "written" && !held.has(peer));
  return isNew || before.parts.some((part) => part.kind === "legacy");
}

function ownerOf(part: Exclude<Foreseen["before"]["parts"][number], { readonly kind: "foreign" }>): string {
  return part.kind === "section" ? part.section.repo : part.repo;
}

function adoptionOf({ target, bytes, before, result }: Foreseen): Adoption {
  const own = [
    result.document.preamble,
    ...result.document.parts.flatMap((part) => (part.kind === "foreign" ? [part.bytes] : [])),
  ];
  return {
    repo: target,
    path: cachePath(target),
    bytesBefore: bytes?.length,
    bytesAfter: sum(result.chunks),
    oldSections: before.parts.flatMap((part) => (part.kind === "legacy" ? [part.repo] : [])),
    sections: result.document.parts.flatMap((part) => (part.kind === "section" ? [part.section.repo] : [])),
    ownBytes: own.some((text) => text.toString("latin1").trim() !== "") ? sum(own) : 0,
    copied: result.copyFirst !== undefined,
  };
}

function sum(pieces: readonly Buffer[]): number {
  return pieces.reduce((length, piece) => length + piece.length, 0);
}

export interface Adopted {
  readonly adoption: Adoption;
  /** The copies of the cache that were made on the way. */
  readonly copies: readonly string[];
}

export type CopiesByRepo = ReadonlyMap<string, ReadonlySet<string>>;

/** The copies that there are, by repo: what is new afterwards was made on the way. */
export async function copiesBefore(
  adoptions: readonly Adoption[],
  { paths }: CommandContext,
): Promise<CopiesByRepo> {
  const lists = adoptions.map(async ({ repo: { name } }) => {
    const copies = await copiesOf(name, paths.copiesDirectory);
    return [name, new Set(copies.map(({ path }) => path))] as const;
  });
  return new Map(await Promise.all(lists));
}

/**
 * Has them adopted by an ordinary sync of all repos, and looks whether they are.
 *
 * @returns what is done, what is not, and why.
 * @throws FaultError as {@link handOver}.
 */
export async function adoptAll(
  { adoptions }: AdoptionPlan,
  config: Config,
  present: CopiesByRepo,
  context: CommandContext,
): Promise<{
  readonly done: readonly Adopted[];
  readonly open: readonly Adoption[];
  readonly faults: readonly Fault[];
}> {
  const { paths } = context;
  // A daemon follows edits of its config by itself, and a little later.
  await ask(paths, { method: "POST", path: "/reload", body: {}, timeoutMs: ASK_TIMEOUT_MS });
  const { edges } = await handOver(context, {
    path: "/sync",
    body: { all: true },
    local: async (reconciler) => ({
      edges: await reconciler.sync(await selectRepos(reconciler.registry, { all: true }, "sync"), false),
    }),
  });
  const still = new Set((await planAdoptions(config, context)).adoptions.map(({ path }) => path));
  const after = await copiesBefore(adoptions, context);
  const done = adoptions
    .filter(({ path }) => !still.has(path))
    .map((adoption): Adopted => {
      const { name } = adoption.repo;
      const copies = [...(after.get(name) ?? [])].filter((copy) => present.get(name)?.has(copy) !== true);
      return { adoption, copies };
    });
  const faults = new Map(
    edges.flatMap(({ fault }) => (fault === undefined ? [] : [[fault.message, fault] as const])),
  );
  return { done, open: adoptions.filter(({ path }) => still.has(path)), faults: [...faults.values()] };
}
