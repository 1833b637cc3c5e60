/** Text as `man` takes it for itself: no character of it is an instruction, and each is printed as it is. */

/** These would be made typographic, and could not be pasted into a shell any more. */
const NAMED: Readonly<Record<string, string>> = {
  "\\": "\\e",
  "-": "\\-",
  "'": "\\(aq",
  '"': "\\(dq",
  "`": "\\(ga",
  "^": "\\(ha",
  "~": "\\(ti",
};

/** Text without any meaning of its own. */
export function escaped(text: string): string {
  const named = text.replaceAll(/[-\\'"`^~]/g, (character) => NAMED[character] ?? character);
  const ascii = named.replaceAll(/[^ -\u007e]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return code < 0x20 ? " " : `\\[u${code.toString(16).toUpperCase().padStart(4, "0")}]`;
  });
  // A dot or a quote at the beginning of a line makes it an instruction.
  return /^[.']/.test(ascii) ? `\\&${ascii}` : ascii;
}

/** Sentences. What stands between backticks is set bold. */
export function prose(text: string): string {
  const parts = text.split("`").map((part, at) => (at % 2 === 1 ? bold(part) : inner(part)));
  const line = parts.join("");
  return /^[.']/.test(line) ? `\\&${line}` : line;
}

export function bold(text: string): string {
  return `\\fB${inner(text)}\\fR`;
}

export function italic(text: string): string {
  return `\\fI${inner(text)}\\fR`;
}

/** One argument of an instruction. */
export function literal(text: string): string {
  return `"${inner(text)}"`;
}

/** Where it does not begin a line. */
function inner(text: string): string {
  return escaped(text).replace(/^\\&/, "");
}
