import type { OwnRule } from "./own-rule.ts";
import { isExamplePassword, isKey, isPassword, isPlaceholder, isUuid, type Place } from "./values.ts";

/**
 * Values that only their names tell: `DB_PASSWORD=...`, `"apiKey": "..."`, `| Token | ... |`,
 * `--token ...`, `**Password:** ...`. No maintained rule covers them, since in prose they are
 * mostly none: `password: required`, `token: string`, `secret = os.environ["X"]`. So both what stands around
 * the value and the value itself are looked at.
 */

/** `api_key`, `api-key`, `api key`, `apiKey`, also at the end of a longer name. Looking back from `key` is ten times as fast. */
const KEYS = String.raw`key(?<=(?<!public[-_ ])(?:api|auth|access|account|app|bot|deploy|encryption|license|master|private|service|session|shared|signing|storage|webhook)[-_ ]?(?:access[-_ ]?)?key)`;
const PASSWORDS = String.raw`pass(?:word|wd|phrase|code)|passwort|pwd|[-_]pass`;
const SECRETS = String.raw`secret(?:[-_ ]?(?:access[-_ ]?)?key(?:[-_]?base)?)?`;

const STAGE = String.raw`(?:[-_]?(?:\d{1,2}|prod|production|dev|staging|test|live|main|primary|secondary|old|new))?`;
/** Quotes and marks of Markdown that close behind a name. */
const CLOSED = String.raw`["'\x60*_)\]\\]{0,4}[ \t]{0,8}`;
/** What stands between a name and its value. `>` only in XML, a space only behind a flag, a comma between quotes. */
const BETWEEN = String.raw`(?:=>|:=|={1,2}|:|\|(?=[ \t])|(?<=(?<!\?)<[\w:-]{1,40})>|(?<=--[\w-]{1,40})[ \t]|(?<=[ \t])is[ \t]|(?<=["'\x60]),(?=[ \t]{0,4}["'\x60]))`;
const OPENED = String.raw`[ \t]{0,8}\*{0,2}[ \t]{0,8}`;
const QUOTED = String.raw`(?<quote>\\?["'\x60])(?!\k<quote>)(?<quoted>[^\r\n]{1,1000}?)(?=(?<!\\)\k<quote>)`;
const BARE = String.raw`(?<bare>[^\s"'\x60|<>]{1,1000})(?![^\s"'\x60|<>])`;

/** The rest of a line of settings, or of a URL, behind a value that no quotes end. */
const NEXT_SETTING = /[;&,][\w .-]{1,40}[=:]/;
const CLOSING_MARKS = /(?:[.,;:)\]}\\]|\*\*|__){1,6}$/;
/** Behind these nothing but a value stands. */
const LITERAL = /[=>]|^[ \t]$/;
/** What may stand before a name that a line gives the value of: a bullet, a table's cell, a few words. */
const LINE_START = /(?:^|[\n|{,;(])[\s>*+\-#\d.)"'`_[\\]*(?:[\w./-]+[ \t]+){0,4}[\w./-]*$/;
const LINE_END = /^["'`*_)\]}\\,;.]{0,4}[ \t]*(?:$|[\r\n|#(,;)}\]]|\/\/|--|<!--)/;

function named(rule: string, names: string, isSecret: (value: string, place: Place) => boolean): OwnRule {
  return {
    rule,
    pattern: new RegExp(
      `(?:${names})${STAGE}${CLOSED}(?<between>${BETWEEN})${OPENED}(?:${QUOTED}|${BARE})`,
      "gi",
    ),
    length: (secret, match) => {
      const value = match.groups?.["quoted"] ?? bareValue(secret);
      return isSecret(value, placeOf(match, value.length)) ? value.length : 0;
    },
  };
}

function bareValue(run: string): string {
  const next = NEXT_SETTING.exec(run)?.index ?? run.length;
  return run.slice(0, next).replace(CLOSING_MARKS, "");
}

function placeOf({ 0: whole, index, input, groups }: RegExpExecArray, length: number): Place {
  const { quoted, bare = "", between = "" } = groups ?? {};
  if (quoted !== undefined || LITERAL.test(between)) return "literal";
  const end = index + whole.length - bare.length + length;
  const alone =
    LINE_START.test(input.slice(Math.max(0, index - 80), index)) && LINE_END.test(input.slice(end, end + 40));
  return alone ? "line" : "prose";
}

export const NAMED_VALUES: readonly OwnRule[] = [
  named("password", PASSWORDS, isPassword),
  {
    // In the environment even a word is one.
    rule: "password",
    hints: ["PASS"],
    pattern: /PASS(?:WORD|WD)?=(?<secret>[A-Za-z]{6,64})(?![^\s"'`|<>,;)\]}])/g,
    length: (word) =>
      NO_VALUE.test(word) || isExamplePassword(word) || isPlaceholder(word) ? 0 : word.length,
  },
  named("secret", SECRETS, (value, place) => isKey(value, place) || isUuid(value)),
  named("api-key", KEYS, (value, place) => isKey(value, place) || isUuid(value)),
  // A UUID here is most often a place in a list, or a run of an agent.
  named("token", "token", isKey),
];

/** Words for how a setting is, or is to be, given. */
const NO_VALUE =
  /^(?:prompt|stdin|string|required|optional|disabled|enabled|default|hidden|masked|rotated|missing|unset|empty|changed?|change(?:me|it)|vault|keychain|keyring|environment|undefined|password.*)$/i;
