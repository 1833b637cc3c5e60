/** An `@path` in a file of instructions, in whose place an agent puts what the file of that path holds. */
export interface Import {
  readonly path: string;
  /** From 1. */
  readonly line: number;
}

/** The imports of a CLAUDE.md. In code and in comments an `@path` is none, and without the `@` a path is only named. */
export function importsIn(markdown: string): Import[] {
  const text = withoutCode(markdown);
  return [...text.matchAll(/(?<=^|\s)@([^\s@]+)/g)].map(({ 1: path = "", index }) => ({
    // What ends a sentence is hardly the file's.
    path: path.replace(/[.,;:!?)\]"'*_]+$/, ""),
    line: text.slice(0, index).split("\n").length,
  }));
}

/** The text with blanks in the place of fences, comments and code spans: every line stays where it is. */
function withoutCode(markdown: string): string {
  return withoutFences(markdown)
    .replace(/^ {0,3}<!--[\s\S]*?-->/gm, blank)
    .replace(/(?<!`)(`+)(?!`)(?:(?!\n[ \t\r]*\n)[\s\S])*?(?<!`)\1(?!`)/g, blank);
}

function withoutFences(markdown: string): string {
  let fence: string | undefined;
  const lines = markdown.split("\n").map((line) => {
    const [, marks, rest = ""] = /^(?:[ \t>]|[-*+][ \t]|\d+[.)][ \t])*(`{3,}|~{3,})(.*)$/s.exec(line) ?? [];
    if (fence === undefined) {
      // Backticks behind backticks are a code span.
      if (marks === undefined || (marks.startsWith("`") && rest.includes("`"))) return line;
      fence = marks;
    } else if (marks?.startsWith(fence) === true && rest.trim() === "") fence = undefined;
    return "";
  });
  return lines.join("\n");
}

function blank(text: string): string {
  return text.replace(/[^\n]/g, " ");
}
