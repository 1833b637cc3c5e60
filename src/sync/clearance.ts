import type { Repo } from "../core/registry.ts";
import { sha256 } from "../core/snapshot.ts";
import { fault, type Fault } from "../errors.ts";
import type { Finding, Guard, GuardOptions } from "../guard/guard.ts";
import { stateFilePath } from "../store/state-file.ts";

/** What the guard found in a text. No part of the text is in it. */
export interface Verdict {
  /** Hex digest of what may travel. */
  readonly sha256: string;
  readonly secrets: readonly Finding[];
  /** How many hidden characters were made visible. */
  readonly hidden: number;
}

/** A text that may travel, or why it may not. */
export type Clearance<T extends Verdict = Verdict> =
  | { readonly ok: true; readonly cleared: T }
  | { readonly ok: false; readonly fault: Fault };

export interface Cleared extends Verdict {
  /** What may travel. */
  readonly body: Buffer;
}

/** Secrets that a fault's message names; a file with more has one kind of trouble, not that many. */
const MOST_NAMED = 5;
const MOST_VERDICTS = 4_096;

const guards = new WeakMap<GuardOptions, Promise<Guard>>();
const verdicts = new WeakMap<GuardOptions, Map<string, Verdict>>();

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
    const { body, secrets, hidden } = await (await guardFor(options)).inspect(bytes);
    const cleared = { sha256: body === bytes ? digest : sha256(body), secrets, hidden, body };
    remember(digest, options, cleared);
    return judged(repo, cleared);
  } catch (error) {
    const path = stateFilePath(repo);
    // What anything but a rule's own word says may quote the text.
    const why = error instanceof Error && error.name === "RuleError" ? `: ${error.message}` : "";
    const message = `the guard failed on ${path}${why}`;
    return { ok: false, fault: fault("STATE_FILE_UNGUARDED", message, { repo: repo.name, path }) };
  }
}

/** Like {@link clear} for who needs no body. The same text under the same rules is looked at once. */
export async function verdictOn(
  repo: Repo,
  bytes: Buffer,
  digest: string,
  options: GuardOptions,
): Promise<Clearance> {
  const known = verdicts.get(options)?.get(digest);
  return known === undefined ? await clear(repo, bytes, digest, options) : judged(repo, known);
}

/** A text of whatever origin as it may be shown: what stood in a cache before us may hold secrets. */
export async function presentable(text: string, options: GuardOptions): Promise<string> {
  const { body } = await (await guardFor(options)).inspect(Buffer.from(text));
  return body.toString("utf8");
}

function judged<T extends Verdict>(repo: Repo, verdict: T): Clearance<T> {
  const { secrets } = verdict;
  if (repo.onSecret !== "block" || secrets.length === 0) return { ok: true, cleared: verdict };
  const path = stateFilePath(repo);
  const message = `${path} holds ${describeSecrets(secrets)}`;
  return { ok: false, fault: fault("STATE_FILE_SECRET", message, { repo: repo.name, path }) };
}

/** `2 secrets: github-token in line 3, jwt in line 7` */
export function describeSecrets(secrets: readonly Finding[]): string {
  const named = secrets.slice(0, MOST_NAMED).map(({ rule, line }) => `${rule} in line ${line}`);
  const more = secrets.length - named.length;
  const rest = more === 0 ? "" : ` and ${more} more`;
  return `${secrets.length} ${secrets.length === 1 ? "secret" : "secrets"}: ${named.join(", ")}${rest}`;
}

/** The rules take longer to load than a file takes to read, so they are loaded for the first file. */
async function guardFor(options: GuardOptions): Promise<Guard> {
  let guard = guards.get(options);
  if (guard === undefined) {
    guard = import("../guard/guard.ts").then((module) => module.Guard.load(options));
    guards.set(options, guard);
  }
  return await guard;
}

function remember(digest: string, options: GuardOptions, verdict: Verdict): void {
  const { sha256: digestOfBody, secrets, hidden } = verdict;
  const known = verdicts.get(options) ?? new Map<string, Verdict>();
  verdicts.set(options, known);
  const [oldest] = known.keys();
  if (oldest !== undefined && known.size >= MOST_VERDICTS) known.delete(oldest);
  known.set(digest, { sha256: digestOfBody, secrets, hidden });
}
