import { z } from "zod";
import type { Fault } from "../errors.ts";
import type { EdgeResult } from "../sync/reconciler.ts";

/** What may be asked over the control socket, and what comes back. Everything is JSON. */

/** The config that the asker means, if it means a certain one; a daemon with another must refuse. */
const config = z.string().max(4096).optional();

/** Which repos: by name, all of them, or the one around a directory (absolute). */
const selection = {
  repos: z.array(z.string().max(64)).max(10_000).optional(),
  all: z.boolean().optional(),
  around: z.string().max(4096).optional(),
};

export const syncRequest = z.strictObject({ config, ...selection });
export const pullRequest = z.strictObject({ config, ...selection });
const budget = z.number().int().nonnegative().max(100_000);

/** What a coding agent's hook wants to know. */
export const briefingRequest = z.strictObject({
  config,
  kind: z.enum(["start", "news", "place", "print"]),
  directory: z.string().max(4096),
  sessionId: z.string().max(4096).optional(),
  budgets: z.strictObject({ news: budget, all: budget }),
});

/** A hundred years: longer ones have no end that a date can name. */
const LONGEST_PAUSE_MS = 100 * 365 * 86_400_000;

export const pauseRequest = z.strictObject({
  /** All of them where it is absent. */
  repo: z.string().max(64).optional(),
  /** Milliseconds; until resumed where it is absent. */
  forMs: z.number().int().positive().max(LONGEST_PAUSE_MS).optional(),
});
export const resumeRequest = z.strictObject({ repo: z.string().max(64).optional() });

export type SyncRequest = z.infer<typeof syncRequest>;
export type PullRequest = z.infer<typeof pullRequest>;

/** Answer to `POST /sync` and `POST /pull`. */
export interface EdgesResponse {
  readonly edges: readonly EdgeResult[];
}

/** Answer to whatever went wrong. */
export interface FaultResponse {
  readonly fault: Fault;
}
