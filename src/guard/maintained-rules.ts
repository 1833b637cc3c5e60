import { rules } from "@secretlint/secretlint-rule-preset-recommend";
import type { SecretLintRuleContext, SecretLintRuleCreator, SecretLintSourceCode } from "@secretlint/types";
import type { Found, Scanner } from "./scanner.ts";
import { isPlaceholder } from "./values.ts";

/**
 * The rules of secretlint's recommended preset, called without its core. The core compares each
 * message with each (16,000 tokens in a file keep it busy for 18 s), writes what was found into
 * its messages, and records performance marks without end. A rule is an object with one method,
 * by the package's published types; it says a range and names what it found.
 */

/** Rules that do not serve here. */
const UNUSED: ReadonlySet<string> = new Set([
  // A text must not be able to turn the guard off.
  "filter-comments",
  // These two report the whole of a URL; our rule for URLs finds the password, in every scheme.
  "basicauth",
  "database-connection-string",
  // Looks into .json and .p12 files only.
  "gcp",
]);

/** By the package's id of the message. An account's number is no secret. */
const UNUSED_MESSAGES: ReadonlySet<string> = new Set(["AWSAccountID"]);

const OPTIONS: Readonly<Record<string, object>> = {
  // Key ids too, which it leaves alone unless asked.
  aws: { enableIDScanRule: true },
};

const ID_PREFIX = "@secretlint/secretlint-rule-";

/** The package's rules as scanners. */
export function maintainedScanners(): Scanner[] {
  return rules.flatMap((rule: SecretLintRuleCreator) => {
    const id = rule.meta.id.replace(ID_PREFIX, "");
    return UNUSED.has(id) ? [] : [scannerOf(id, rule)];
  });
}

function scannerOf(id: string, rule: SecretLintRuleCreator): Scanner {
  const names = new Map(Object.keys(rule.messages).map((message) => [message, ruleName(id, message)]));
  return {
    name: id,
    rules: [...names.values()],
    find: (text) => {
      const found: Found[] = [];
      const context: SecretLintRuleContext = {
        sharedOptions: {},
        // The words that would be shown to people hold what was found; nobody ever makes them.
        createTranslator: () => (messageId, data) => ({ messageId: String(messageId), message: "", data }),
        report: ({ message, range }) => {
          const name = names.get(message.messageId) ?? id;
          const { start, end } = narrowed(text, range, message.data);
          if (UNUSED_MESSAGES.has(message.messageId) || isPlaceholder(text.slice(start, end))) return;
          found.push({ rule: name, start, end });
        },
        ignore: () => {},
      };
      const done = rule.create(context, OPTIONS[id] ?? {}).file?.(sourceOf(text));
      return done === undefined ? found : done.then(() => found);
    },
  };
}

/**
 * Where what a rule found really is. Some rules say where the key before the secret starts and
 * how long the secret is, which would leave its end standing (`AWS_SECRET_ACCESS_KEY=...`).
 */
function narrowed(text: string, [start, end]: readonly [number, number], data: unknown): Omit<Found, "rule"> {
  const secret: unknown = Object.values(data ?? {})[0];
  if (typeof secret !== "string" || text.startsWith(secret, start)) return { start, end };
  const at = text.indexOf(secret, start);
  return at === -1 ? { start, end } : { start: at, end: at + secret.length };
}

/** `github`, `GITHUB_TOKEN` make `github-token`; `slack`, `IncomingWebhook` make `slack-incoming-webhook`. */
function ruleName(id: string, message: string): string {
  const name = message
    .replaceAll(/([a-z\d])([A-Z])|([A-Z])(?=[A-Z][a-z])/g, "$1$3-$2")
    .replaceAll("_", "-")
    .toLowerCase();
  return name.replaceAll("-", "").includes(id.replaceAll("-", "")) ? name : `${id}-${name}`;
}

/** What rules may ask of a source. Its name matters: the rules for `package.json` and `.npmrc` look at it. */
function sourceOf(content: string): SecretLintSourceCode {
  const noPosition = (): never => {
    throw new Error("no rule asks for lines and columns");
  };
  return {
    content,
    contentType: "text",
    ext: ".md",
    filePath: "STATE.md",
    physicalFilePath: undefined,
    hasBOM: false,
    getFilePath: () => "STATE.md",
    getPhysicalFilePath: () => undefined,
    indexToPosition: noPosition,
    positionToIndex: noPosition,
    rangeToLocation: noPosition,
    locationToRange: noPosition,
  };
}
