import { NAMED_VALUES } from "./named-values.ts";
import { SHAPES } from "./shapes.ts";
import type { Found, Scanner } from "./scanner.ts";
import { isPlaceholder } from "./values.ts";

/**
 * A rule of our own, for what no maintained rule covers. It runs on the engine of JavaScript,
 * which is many times faster here than one that promises linear time; so a pattern has to be
 * linear by its making: every repetition is bounded or can end in one way only, and none
 * starts anew at each character of a run that another start has already walked.
 */
export interface OwnRule {
  readonly rule: string;
  /** A text that holds none of these is not searched. Saves most of the time. */
  readonly hints?: readonly string[];
  /** With the flag `g`. The match, or its group `secret`, or `quoted`, or `bare`, which ends it, is the secret. */
  readonly pattern: RegExp;
  /** How much of that it really is, from its start; 0 where it is none. By default all, but for placeholders. */
  readonly length?: (secret: string, match: RegExpExecArray) => number;
}

/** Our rules as scanners. */
export function ownScanners(): Scanner[] {
  return [...SHAPES, ...NAMED_VALUES].map((own) => ({
    name: own.rule,
    rules: [own.rule],
    find: (text) => findOwn(text, own),
  }));
}

function findOwn(text: string, own: OwnRule): Found[] {
  const found: Found[] = [];
  if (own.hints?.some((hint) => text.includes(hint)) === false) return found;
  const pattern = new RegExp(own.pattern);
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    const secret = match.groups?.["secret"] ?? match.groups?.["quoted"] ?? match.groups?.["bare"] ?? match[0];
    const start = match.index + match[0].length - secret.length;
    const length = own.length?.(secret, match) ?? (isPlaceholder(secret) ? 0 : secret.length);
    if (length > 0) found.push({ rule: own.rule, start, end: start + length });
    // What is left, or was none, may hold another one: `token: password=...`.
    if (length < secret.length && start + length > match.index) pattern.lastIndex = start + length;
  }
  return found;
}
