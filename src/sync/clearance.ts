import type { Repo } from "../core/registry.ts";
import type { Snapshot } from "../core/snapshot.ts";
import { fault, type Fault } from "../errors.ts";
import type { Guarded, GuardOptions } from "../guard/guarded.ts";
import { RuleError } from "../guard/rule-error.ts";
import { stateFilePath } from "../store/state-file.ts";
import { type Cleared, RulesInForce, type Verdict } from "./rules-in-force.ts";

/** A text that may travel, or why it may not. */
export type Clearance<T extends Verdict = Verdict> =
  | { readonly ok: true; readonly cleared: T }
  | { readonly ok: false; readonly fault: Fault };

type Secrets = Pick<Guarded, "secrets" | "secretCount">;

/** Secrets that a fault's message names; a file with more has one kind of trouble, not that many. */
const MOST_NAMED = 5;

/**
 * Passes a repo's text through the guard.
 *
 * @param digest hex digest of `bytes`.
 */
export async function clear(
  repo: Repo,
  bytes: Buffer,
  digest: string,
  options: GuardOptions,
): Promise<Clearance<Cleared>> {
  try {
    return judged(repo, await RulesInForce.of(options).clear(bytes, digest));
  } catch (error) {
    return { ok: false, fault: unguarded(repo, error) };
  }
}

/** Like {@link clear} for who needs no body. The same text under the same rules is looked at once. */
export async function verdictOn(
  repo: Repo,
  bytes: Buffer,
  digest: string,
  options: GuardOptions,
): Promise<Clearance> {
  const known = RulesInForce.of(options).verdictOn(digest);
  return known === undefined ? await clear(repo, bytes, digest, options) : judged(repo, known);
}

/**
 * What stands above a snapshot's text of where it came from, passed through the guard as well.
 *
 * @param branch where the working tree has one.
 */
export async function labelsOf(
  repo: Repo,
  branch: string | undefined,
  options: GuardOptions,
): Promise<{ readonly labels: Pick<Snapshot, "origin" | "branch"> } | { readonly fault: Fault }> {
  const rules = RulesInForce.of(options);
  try {
    const origin = await rules.label(stateFilePath(repo));
    return { labels: { origin, ...(branch === undefined ? {} : { branch: await rules.label(branch) }) } };
  } catch (error) {
    return { fault: unguarded(repo, error) };
  }
}

/** Why a repo's text does not travel where a rule failed on it. */
function unguarded(repo: Repo, error: unknown): Fault {
  const path = stateFilePath(repo);
  // What anything but a rule's own word says may quote the text.
  const why = error instanceof RuleError ? `: ${error.message}` : "";
  return fault("STATE_FILE_UNGUARDED", `the guard failed on ${path}${why}`, { repo: repo.name, path });
}

function judged<T extends Verdict>(repo: Repo, verdict: T): Clearance<T> {
  if (repo.onSecret !== "block" || verdict.secretCount === 0) return { ok: true, cleared: verdict };
  const path = stateFilePath(repo);
  const message = `${path} holds ${describeSecrets(verdict)}`;
  return { ok: false, fault: fault("STATE_FILE_SECRET", message, { repo: repo.name, path }) };
}

/** `2 secrets: github-token in line 3, jwt in line 7` */
export function describeSecrets({ secrets, secretCount }: Secrets): string {
  const named = secrets.slice(0, MOST_NAMED).map(({ rule, line }) => `${rule} in line ${line}`);
  const more = secretCount - named.length;
  const rest = more === 0 ? "" : ` and ${more} more`;
  return `${secretCount} ${secretCount === 1 ? "secret" : "secrets"}: ${named.join(", ")}${rest}`;
}
