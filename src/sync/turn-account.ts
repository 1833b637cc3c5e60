import type { MergeResult } from "../core/cache/merge.ts";
import { type Contest, healDelay, healed, isContested, PEACE } from "../core/contest.ts";
import type { Report } from "./report.ts";
import type { Sources } from "./sources.ts";

/** A turn that replaced its cache. */
export interface WrittenTurn {
  readonly result: MergeResult;
  readonly durationMs: number;
  /** Somebody else had changed the cache since our last turn. */
  readonly touchedByOthers: boolean;
  readonly now: Date;
}

/** What one cache's turns amounted to: tells it, and knows when somebody fights over the cache. */
export class TurnAccount {
  readonly #cache: string;
  readonly #sources: Sources;
  readonly #report: Report;
  /** Digests of what the cache held after the last turn, to tell news from a heal. */
  #held = new Map<string, string>();
  /** What was last told of texts on which a rule failed. */
  readonly #unguarded = new Map<string, string>();
  #contest: Contest = PEACE;
  #contestTold = false;

  constructor(cache: string, sources: Sources, report: Report) {
    this.#cache = cache;
    this.#sources = sources;
    this.#report = report;
  }

  get contested(): boolean {
    return isContested(this.#contest, performance.now());
  }

  /** Milliseconds that a heal has to wait while somebody fights over the cache. */
  get healDelayMs(): number {
    return healDelay(this.#contest, performance.now());
  }

  /** @param failures by repo, why what stands of it was left unlooked at. Each is told once. */
  unguarded(failures: ReadonlyMap<string, string>): void {
    for (const [repo, message] of failures) {
      if (this.#unguarded.get(repo) === message) continue;
      this.#report("section.unguarded", { repo, cache: this.#cache, message });
    }
    for (const repo of failures.keys()) this.#unguarded.set(repo, failures.get(repo) ?? "");
  }

  unchanged(result: MergeResult, durationMs: number): void {
    this.#held = digestsOf(result);
    this.#report("cache.unchanged", { cache: this.#cache, durationMs });
  }

  written(turn: WrittenTurn): void {
    const { result, durationMs, touchedByOthers, now } = turn;
    const cache = this.#cache;
    for (const [repo, outcome] of result.outcomes) {
      if (outcome === "cleaned") this.#report("section.cleaned", { repo, cache });
    }
    const repos: string[] = [];
    let news = false;
    for (const part of result.document.parts) {
      if (part.kind !== "section") continue;
      const { repo, sha256, body } = part.section;
      const outcome = result.outcomes.get(repo);
      if (outcome !== "written" && outcome !== "refreshed") continue;
      repos.push(repo);
      if (this.#held.get(repo) === sha256) continue;
      news = true;
      const facts = { repo, cache, sha256, bytes: body.length, durationMs };
      const savedAtMs = this.#sources.get(repo)?.savedAtMs;
      const lagMs = savedAtMs === undefined ? undefined : Math.max(0, now.getTime() - savedAtMs);
      this.#report("section.written", this.#wasWatched(repo) ? { ...facts, lagMs } : facts);
    }
    const bytes = result.chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    this.#report("cache.replaced", { cache, repos, bytes, durationMs });
    if (result.purged.length > 0) this.#report("cache.purged", { cache, repos: [...result.purged] });
    if (touchedByOthers) {
      this.#report("cache.healed", { cache, cause: "changed by another program" });
      if (!news) this.#contest = healed(this.#contest, performance.now());
    }
    this.#held = digestsOf(result);
    this.#tellContest();
  }

  /**
   * Of what changed while nobody watched, the lag would be how long nobody watched; the first
   * state of a new edge is as old as it is.
   */
  #wasWatched(repo: string): boolean {
    const found = this.#sources.get(repo)?.found;
    return (found === "event" || found === "rescan") && this.#held.has(repo);
  }

  #tellContest(): void {
    const { contested } = this;
    if (contested && !this.#contestTold) {
      this.#report("cache.contested", { cache: this.#cache, heals: this.#contest.heals.length });
    }
    this.#contestTold = contested;
  }
}

function digestsOf(result: MergeResult): Map<string, string> {
  const sections = result.document.parts.flatMap((part) => (part.kind === "section" ? [part.section] : []));
  return new Map(sections.map((section) => [section.repo, section.sha256]));
}
