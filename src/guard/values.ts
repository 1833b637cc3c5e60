/**
 * Whether a value is a secret or stands for one. A rule with a shape of its own (`ghp_...`) only
 * has to tell placeholders; where nothing but the name beside a value speaks for a secret
 * (`token: ...`), the value itself has to look like one.
 */

/** Crossed out, left out, or said in words. The words stand alone: a random string holds any four letters. */
const PLACEHOLDER =
  /x{5,}|\*{3,}|\.{3,}|…|[<>]|example|placeholder|redacted|change[-_]?me|replace[-_]?me|(?<![a-z])(?:your|dummy|fake|sample|insert|goes|here)(?![a-z])/i;
/** `${TOKEN}`, `{{ token }}`, `$(pass show x)`, `%TOKEN%`, `$TOKEN`, `[token]`, `__TOKEN__`. */
const TEMPLATE = /\$\{|\{\{|\$\(|^%\w+%$|^\$\w+$|^\[.*\]$|^\{[\w.!:]+\}?$|^__[A-Z_]+__$/;

/** A word as names and placeholders have it. Random letters change between small and large. */
const WORD = /^(?:[A-Z]?[a-z]{0,15}|[A-Z]{0,16})$/;

/** True for `sk-...`, `ghp_xxxxxxxx`, `<token>`, `glpat-your-token-goes-here`. */
export function isPlaceholder(value: string): boolean {
  if (PLACEHOLDER.test(value) || TEMPLATE.test(value)) return true;
  return /[-_]/.test(value) && value.split(/[^A-Za-z0-9]+/).every((part) => WORD.test(part));
}

/** Calls, members, paths, places in a vault, URLs, dates, hashes by name, tickets, addresses, patterns: what stands where a value could. */
const REFERENCE = new RegExp(
  [
    String.raw`^[A-Za-z_$][\w$]*(?:(?:\?\.|\.|::|->)[A-Za-z_$][\w$]*)*[([{]`,
    String.raw`^[\w$.]+\?\.`,
    String.raw`^(?:process|os|env|self|this|config|settings|secrets|vars|import|Deno|Bun)\b[.[]`,
    String.raw`^(?:~|\.{0,2})/(?!.*\w{16})[^+=]*$|^[A-Za-z]:\\`,
    String.raw`://|^(?:arn|op|vault|ssm|projects|secret|secrets|file|env|data|npm|urn|ref)[:/]`,
    String.raw`^\d{4}-\d\d-\d\d|^\d{1,2}[:/.]\d\d`,
    String.raw`^(?:sha|SHA|md|MD)-?\d{1,3}[-:]|^v?\d+(?:\.\d+)+(?:[-+].*)?$`,
    String.raw`^[A-Z]{2,10}-\d{1,6}$|^[#@]|^0x[0-9a-fA-F]{40}$`,
    String.raw`\(\?[=!:<]|\[[aA0]-[zZ9]|\\[dws]|\{\d+,\d*\}`,
    String.raw`^[\w.+-]+@[\w-]+(?:\.[\w-]+)+$`,
    String.raw`\.(?:ts|js|mjs|tsx|jsx|py|go|rs|rb|java|md|json|ya?ml|toml|txt|pem|key|sh|env|sql|html|css|log|conf|ini|lock)(?::\d+)*$`,
  ].join("|"),
);

/** Named where a password could stand: what makes hashes of them, and numbered things. */
const NUMBERED_WORD =
  /^(?:sha|md|bcrypt|argon|pbkdf|scrypt|scram|oauth|oidc|base|utf|aes|rsa|hs|rs|es|tls|http|ipv|step|phase|part|option|version|release|sprint|task|issue|item|day|week|level|tier|stage|round|case|min|max)[-_]?\d{1,4}[a-z]{0,2}(?:[-_.]\w+)*$/i;

/** What examples and fresh installations have in their URLs. */
const EXAMPLE_PASSWORD =
  /^(?:my|db|the|some)?[-_]?(?:pass(?:w(?:or)?d)?|pwd?|secret|user(?:name)?|admin|root|test|guest|postgres|mysql|redis|token|key|\d{1,5})$/i;

export function isExamplePassword(value: string): boolean {
  return EXAMPLE_PASSWORD.test(value);
}

/** Some services give them out as keys; most often they name a thing. */
export function isUuid(value: string): boolean {
  return /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(value);
}

/** True where a value is made of words and numbers as names are: `my-secret-2`, `OAuth2Token`, `ANTHROPIC_API_KEY`. */
function isName(value: string): boolean {
  const parts = value.split(/[^A-Za-z0-9]+/);
  if (parts.length > 1 && /^[A-Z][A-Z0-9_]*$/.test(value)) return parts.every((part) => part.length <= 16);
  const words = parts
    .flatMap((part) => part.replace(/\d{1,8}$/, "").split(CAMEL))
    .filter((word) => word !== "");
  const inside = words.filter((word) => /\d/.test(word)).length;
  const letters = value.replaceAll(/[^A-Za-z]/g, "").length;
  // In `kJhGfDsA` a word would have two letters, and in `Gd21PaqC` a number would stand amid it.
  return (
    letters >= words.length * (words.length > 4 ? 3.5 : 3) &&
    inside <= 1 &&
    words.every((word) => WORD.test(word.replace(/\d{1,2}$/, "")))
  );
}
const CAMEL = /(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])/;

/** What machines make: long, of letters and digits in no order that words have. */
export function isRandom(value: string, least: number): boolean {
  if (value.length < least || isPlaceholder(value) || REFERENCE.test(value) || isUuid(value)) return false;
  if (!/^[\w.~+/=:%@!$-]+$/.test(value) || !/[A-Za-z]/.test(value) || isName(value)) return false;
  return /\d/.test(value) || (value.length >= 24 && /[a-z]/.test(value) && /[A-Z]/.test(value));
}

/** Where a value stands: in quotes or behind an equals sign; as what a line says of a name; amid a sentence. */
export type Place = "literal" | "line" | "prose";

/** A key or token: what machines make, or in a place that holds nothing else what people make up for one. */
export function isKey(value: string, place: Place): boolean {
  if (isRandom(value, place === "prose" ? 16 : 10)) return true;
  const made = value.length >= 8 && /\d{3}/.test(value) && !isUuid(value);
  return place !== "prose" && made && isPassword(value, place);
}

/** One word of what a keyboard for Latin letters has. Other scripts run sentences together. */
const TYPED = /^[\x21-\x7E\xA1-\u024F]+$/;

/**
 * What people choose: `hunter2`, `Tr0ub4dor&3`. A word alone is no password here, since nothing
 * tells it from the word that a sentence goes on with.
 */
export function isPassword(value: string, place: Place): boolean {
  if (value.length < (place === "prose" ? 8 : 6) || isPlaceholder(value)) return false;
  if (REFERENCE.test(value) || NUMBERED_WORD.test(value) || !TYPED.test(value)) return false;
  const letters = /\p{L}/u.test(value);
  const digits = /\d/.test(value);
  const signs = /[!@#$%^&*+?~]/.test(value);
  if (!letters) return place !== "prose" && /^\d+$/.test(value);
  if (!digits && !signs) return isRandom(value, 8);
  // `options.password2!` is a member, `db-password-2` a name, `required!` in a line a word.
  const named = isName(value.replace(/[!?]+$/, ""));
  if (named && (/[-_./:]/.test(value) || (!digits && place !== "literal"))) return false;
  return place !== "prose" || (digits && signs) || isRandom(value, 8);
}
