/** A word of a shell's command line: what it says without its quotes, and where it stands. Variables stay as they are written. */
export interface Word {
  readonly value: string;
  readonly start: number;
  readonly end: number;
}

/** A program and its arguments, without redirections. */
export interface SimpleCommand {
  readonly words: readonly Word[];
}

/** A program that nobody needs to look into: it tells the directory of the project. */
const WHERE_AM_I =
  /^\s*(?:git rev-parse --show-toplevel|pwd)(?:\s*2>\s*\/dev\/null)?(?:\s*\|\|\s*(?:pwd|echo \.))?\s*$/;
/** What makes more of a line than a list of programs. */
const COMPOUND = new Set([
  "if",
  "then",
  "else",
  "elif",
  "fi",
  "for",
  "while",
  "until",
  "do",
  "done",
  "case",
  "esac",
  "function",
  "{",
  "}",
  "!",
  "[[",
]);

/**
 * The programs that a command line calls, whatever joins them (`;`, `&&`, `||`, `|`, `&`).
 *
 * @returns undefined for a line that is more than a list of programs, or that no shell would take:
 *   whoever asks must not believe to know what it does.
 */
export function simpleCommands(line: string): SimpleCommand[] | undefined {
  const commands: SimpleCommand[] = [];
  let words: Word[] = [];
  const end = (): void => {
    if (words.length > 0) commands.push({ words });
    words = [];
  };
  for (let at = 0; at < line.length;) {
    const blank = /^(?:[ \t\r]|\\\r?\n)+/.exec(line.slice(at))?.[0];
    if (blank !== undefined) {
      at += blank.length;
      continue;
    }
    const rest = line.slice(at);
    const comment = /^#[^\n]*/.exec(rest)?.[0];
    const redirection = /^(?:\d*(?:>>|>\||[<>]&|<>|[<>])|&>>?)/.exec(rest)?.[0];
    const joint = /^(?:&&|\|\||\|&|;;|[;|&\n])/.exec(rest)?.[0];
    if (comment !== undefined) at += comment.length;
    else if (redirection !== undefined) {
      at += redirection.length;
      if (/^[<(]/.test(line.slice(at))) return undefined;
      at += /^[ \t]*/.exec(line.slice(at))?.[0].length ?? 0;
      const target = wordAt(line, at);
      if (target === undefined) return undefined;
      at = target.end;
    } else if (joint !== undefined) {
      if (joint === ";;") return undefined;
      end();
      at += joint.length;
    } else {
      const word = wordAt(line, at);
      if (word === undefined) return undefined;
      if (words.length === 0 && COMPOUND.has(line.slice(word.start, word.end))) return undefined;
      words.push(word);
      at = word.end;
    }
  }
  end();
  return commands;
}

/** @returns undefined where none stands there, or one that only the shell can read. */
function wordAt(line: string, start: number): Word | undefined {
  let value = "";
  let at = start;
  for (;;) {
    const piece = pieceAt(line, at);
    if (piece === undefined) return undefined;
    if (piece.length === 0) break;
    value += piece.value;
    at += piece.length;
  }
  return at === start ? undefined : { value, start, end: at };
}

interface Piece {
  readonly value: string;
  readonly length: number;
}

/** @returns length 0 at the word's end; undefined for what only the shell can read. */
function pieceAt(line: string, at: number): Piece | undefined {
  const rest = line.slice(at);
  if (/^(?:$|[ \t\r\n;&|<>]|\\\r?\n)/.test(rest)) return { value: "", length: 0 };
  if (/^(?:[()`]|\$')/.test(rest)) return undefined;
  const single = /^'([^']*)'/.exec(rest);
  if (single !== null) return { value: single[1] ?? "", length: single[0].length };
  if (rest.startsWith("'")) return undefined;
  if (rest.startsWith('"')) return doubleQuoted(rest);
  const escaped = /^\\([^\n])/.exec(rest);
  if (escaped !== null) return { value: escaped[1] ?? "", length: 2 };
  if (rest.startsWith("$")) return variable(rest);
  const plain = /^[^ \t\r\n;&|<>()`'"\\$]+/.exec(rest)?.[0];
  return plain === undefined ? undefined : { value: plain, length: plain.length };
}

/** `$NAME`, `${NAME:-.}`, and where the project is. */
function variable(rest: string): Piece | undefined {
  if (rest.startsWith("$(")) {
    const program = /^\$\(([^()]*)\)/.exec(rest);
    if (program === null || !WHERE_AM_I.test(program[1] ?? "")) return undefined;
    return { value: program[0], length: program[0].length };
  }
  const found = /^\$(?:\{[^{}`$"']*\}|[A-Za-z_]\w*|[\d*@#?!$-])?/.exec(rest)?.[0] ?? "$";
  return rest.startsWith("${") && found === "$" ? undefined : { value: found, length: found.length };
}

function doubleQuoted(rest: string): Piece | undefined {
  let value = "";
  for (let at = 1; at < rest.length;) {
    const character = rest[at] ?? "";
    if (character === '"') return { value, length: at + 1 };
    if (character === "`") return undefined;
    if (character === "$") {
      const found = variable(rest.slice(at));
      if (found === undefined) return undefined;
      value += found.value;
      at += found.length;
      continue;
    }
    const escaped = /^\\([$`"\\])/.exec(rest.slice(at));
    value += escaped?.[1] ?? character;
    at += escaped === null ? 1 : 2;
  }
  return undefined;
}

/** Whether a command only sees to it that the line has no effect but that of another: `cd`, `test`, `true`. */
export function isSetting({ words }: SimpleCommand): boolean {
  const [first = "", second = ""] = words.map(({ value }) => value);
  if (/^[A-Za-z_]\w*=/.test(first)) return words.every(({ value }) => /^[A-Za-z_]\w*=/.test(value));
  return /^(?:true|:|exit|cd|test|\[|set)$/.test(first) || (first === "command" && second === "-v");
}

/** Without the assignments, and `exec`, before the program's name. */
export function programOf({ words }: SimpleCommand): readonly Word[] {
  const at = words.findIndex(({ value }) => !/^[A-Za-z_]\w*=/.test(value) && value !== "exec");
  return at < 0 ? [] : words.slice(at);
}

export function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
