import type { OwnPattern } from "./own.ts";
import { isPassword, isRandom, isUuid } from "./values.ts";

/**
 * Values that only their names tell: `DB_PASSWORD=...`, `"apiKey": "..."`, `| Token | ... |`,
 * `--token ...`, `**Password:** ...`. No maintained rule covers them, since in prose they are
 * mostly none: `password: required`, `token: string`, `secret = os.environ["X"]`. So both what stands around
 * the value and the value itself are looked at.
 */

/** `api_key`, `api-key`, `api key`, `apiKey`, also at the end of a longer name. */
const KEYS = String.raw`(?:api|auth|access|account|app|bot|deploy|encryption|license|master|private|service|session|shared|signing|storage|webhook)[-_ ]?(?:access[-_ ]?)?key`;
const PASSWORDS = String.raw`pass(?:word|wd|phrase|code)|passwort|pwd|[-_]pass`;
const SECRETS = String.raw`secret(?:[-_ ]?(?:access[-_ ]?)?key(?:[-_]?base)?)?`;

const STAGE = String.raw`(?:[-_]?(?:\d{1,2}|prod|production|dev|staging|test|live|main|primary|secondary|old|new))?`;
/** Quotes and marks of Markdown that close behind a name. */
const CLOSED = String.raw`["'\x60*_)\]\\]{0,4}[ \t]{0,8}`;
/** What stands between a name and its value. `>` only in XML, a space only behind a flag. */
const BETWEEN = String.raw`(?:=>|:=|={1,2}|[:|]|(?<=\w)>|(?<=--[\w-]{1,40})[ \t]|(?<=[ \t])is[ \t])`;
const OPENED = String.raw`[ \t]{0,8}[*_]{0,3}[ \t]{0,8}`;
const QUOTED = String.raw`(?<quote>\\?["'\x60])(?!\k<quote>)(?<quoted>[^\r\n]{1,1000}?)(?=(?<!\\)\k<quote>)`;
const BARE = String.raw`(?<bare>[^\s"'\x60|<>]{1,1000})(?![^\s"'\x60|<>])`;

/** The rest of a line of settings, or of a URL, behind a value that no quotes end. */
const NEXT_SETTING = /[;&,][\w .-]{1,40}[=:]/;
const CLOSING_MARKS = /(?:[.,;:)\]}\\]|\*\*|__){1,6}$/;
/** What may stand before a name that a line gives the value of: a bullet, a table's cell, up to three words. */
const LINE_START = /(?:^|[\n|{,;(])[\s>*+\-#\d.)"'`_[\\]*(?:[\w./-]+[ \t]+){0,3}[\w./-]*$/;
const LINE_END = /^["'`*_)\]}\\,;.]{0,4}[ \t]*(?:$|[\r\n|#(,;)}\]]|\/\/|--|<!--)/;

function assigned(
  rule: string,
  names: string,
  isSecret: (value: string, certain: boolean) => boolean,
): OwnPattern {
  return {
    rule,
    pattern: new RegExp(
      `(?:${names})${STAGE}${CLOSED}(?<between>${BETWEEN})${OPENED}(?:${QUOTED}|${BARE})`,
      "gi",
    ),
    length: (secret, match) => {
      const { quoted, between } = match.groups ?? {};
      const value = quoted ?? bareValue(secret);
      const certain =
        quoted !== undefined || /=|^[ \t]$/.test(between ?? "") || aloneInLine(match, value.length);
      return isSecret(value, certain) ? value.length : 0;
    },
  };
}

function bareValue(run: string): string {
  const next = NEXT_SETTING.exec(run)?.index ?? run.length;
  return run.slice(0, next).replace(CLOSING_MARKS, "");
}

function aloneInLine({ 0: whole, index, input, groups }: RegExpExecArray, length: number): boolean {
  const end = index + whole.length - (groups?.["bare"]?.length ?? 0) + length;
  return (
    LINE_START.test(input.slice(Math.max(0, index - 80), index)) && LINE_END.test(input.slice(end, end + 40))
  );
}

export const ASSIGNMENTS: readonly OwnPattern[] = [
  assigned("password", PASSWORDS, isPassword),
  assigned(
    "secret",
    SECRETS,
    (value, certain) => isKey(value, certain) || (certain && value.length >= 8 && isPassword(value, certain)),
  ),
  assigned("api-key", KEYS, isKey),
  // A UUID here is most often a place in a list or a run of an agent.
  assigned("token", "token", (value, certain) => isRandom(value, certain ? 10 : 16)),
];

function isKey(value: string, certain: boolean): boolean {
  return isRandom(value, certain ? 10 : 16) || isUuid(value);
}
