import { NAMED_VALUES } from "./named-values.ts";
import type { OwnRule } from "./own-rule.ts";
import { SHAPES } from "./shapes.ts";
import { Pairs } from "./pairs.ts";
import type { Found, Scanner } from "./scanner.ts";
import { isPlaceholder } from "./values.ts";

/** Our rules as scanners. */
export function ownScanners(): Scanner[] {
  return [...SHAPES, ...NAMED_VALUES].map((own) => ({
    name: own.rule,
    rules: [own.rule],
    find: (text, pairs = new Pairs(text)) => findOwn(text, own, pairs),
  }));
}

function findOwn(text: string, own: OwnRule, pairs: Pairs): Found[] {
  const found: Found[] = [];
  if (own.hints?.some((hint) => pairs.includes(hint)) === false) return found;
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
