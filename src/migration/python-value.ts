import { posix } from "node:path";
import { logicalLines, type Token } from "./python-tokens.ts";

/** What an expression of a script comes to, as far as that can be told without running it. */
export type Value =
  | { readonly kind: "text" | "path"; readonly text: string }
  /** The words finish "...: ". */
  | { readonly kind: "unknown"; readonly why: string };

export interface Known {
  /** The user's home. */
  readonly home: string;
  /** What the script's own names stand for. */
  readonly names: ReadonlyMap<string, Value>;
}

/** Expressions in expressions; no map is written like that. */
const MOST_DEPTH = 40;

export function unknown(why: string): Value {
  return { kind: "unknown", why };
}

class Unknown extends Error {}

/**
 * What an expression of literals, paths and the home comes to. Everything else is unknown, with the reason.
 */
export function evaluate(tokens: readonly Token[], known: Known): Value {
  return evaluateIn(tokens, known, 0);
}

function evaluateIn(tokens: readonly Token[], known: Known, depth: number): Value {
  const reader = new Reader(tokens, known, depth);
  try {
    return reader.whole();
  } catch (error) {
    if (!(error instanceof Unknown)) throw error;
    return unknown(error.message);
  }
}

const JOINS = new Set(["os.path.join", "path.join", "posixpath.join"]);
const PATHS = new Set([
  "Path",
  "pathlib.Path",
  "PurePath",
  "pathlib.PurePath",
  "PosixPath",
  "pathlib.PosixPath",
]);
const NORMALS = new Set(["abspath", "normpath", "realpath"].map((name) => `os.path.${name}`));
/** Of a path: what leaves it the same place. */
const SAME_PLACE = new Set(["resolve", "absolute", "as_posix", "expanduser", "__str__"]);

class Reader {
  readonly #tokens: readonly Token[];
  readonly #known: Known;
  readonly #depth: number;
  #at = 0;
  #nested = 0;

  constructor(tokens: readonly Token[], known: Known, depth: number) {
    this.#tokens = tokens;
    this.#known = known;
    this.#depth = depth;
  }

  whole(): Value {
    if (this.#tokens.length === 0) throw new Unknown("nothing stands there");
    const value = this.#expression();
    const next = this.#tokens[this.#at];
    if (next !== undefined) throw new Unknown(`\`${shown(next)}\` is not understood there`);
    return value;
  }

  #expression(): Value {
    this.#nested += 1;
    if (this.#nested + this.#depth > MOST_DEPTH) throw new Unknown("it is nested too deeply");
    let left = this.#operand();
    for (;;) {
      if (this.#takes("+")) left = added(left, this.#operand());
      else if (this.#takes("/")) left = divided(left, this.#operand());
      else break;
    }
    this.#nested -= 1;
    return left;
  }

  #operand(): Value {
    let value = this.#primary();
    while (this.#takes(".")) value = this.#member(value);
    return value;
  }

  #primary(): Value {
    const token = this.#tokens[this.#at];
    if (token === undefined) throw new Unknown("something is missing there");
    if (token.kind === "text") return { kind: "text", text: this.#texts() };
    if (token.kind === "name") return this.#named();
    if (this.#takes("(")) {
      const value = this.#expression();
      if (!this.#takes(")")) throw new Unknown("it is a tuple, or the bracket is not closed");
      return value;
    }
    if (token.kind === "sign" && "[{".includes(token.text))
      throw new Unknown("it is a list or a dict, and no path");
    if (token.kind === "odd") throw new Unknown("the string does not end");
    throw new Unknown(`\`${shown(token)}\` is not understood there`);
  }

  /** Strings that stand side by side are one. */
  #texts(): string {
    let text = "";
    for (let token = this.#tokens[this.#at]; token?.kind === "text"; token = this.#tokens[this.#at]) {
      this.#at += 1;
      text += this.#text(token);
    }
    return text;
  }

  #text({ prefix, text }: Token): string {
    if (!/^(?:|[ruf]|rf|fr)$/.test(prefix)) throw new Unknown(`a string with ${prefix} in front is no text`);
    const decode = (part: string): string => (prefix.includes("r") ? part : unescaped(part));
    if (!prefix.includes("f")) return decode(text);
    let made = "";
    for (let at = 0; at < text.length;) {
      if (text.startsWith("{{", at) || text.startsWith("}}", at)) {
        made += text[at];
        at += 2;
      } else if (text[at] === "{") {
        const inside = fieldAt(text, at + 1);
        made += this.#field(inside);
        at += inside.length + 2;
      } else {
        const plain = /[^{}]+|\}/y;
        plain.lastIndex = at;
        const part = plain.exec(text)?.[0] ?? "";
        made += decode(part);
        at += part.length;
      }
    }
    return made;
  }

  #field(inside: string): string {
    const tokens = logicalLines(`(${inside.replace(/!s$/, "")})`).flatMap((line) => line.tokens);
    const value = evaluateIn(tokens, this.#known, this.#depth + this.#nested + 1);
    if (value.kind === "unknown") throw new Unknown(value.why);
    return value.text;
  }

  /** A name with what follows it: a variable, a call, an entry of the environment. */
  #named(): Value {
    const name = this.#dotted();
    if (this.#takes("(")) return this.#call(name);
    if (this.#takes("[")) {
      const [key] = this.#arguments("]");
      if (name !== "os.environ" && name !== "environ")
        throw new Unknown(`${name}[...] is known only when it runs`);
      return this.#variable(key);
    }
    const value = this.#known.names.get(name);
    if (value === undefined) throw new Unknown(`${name} is known only when it runs`);
    if (value.kind === "unknown") throw new Unknown(value.why);
    return value;
  }

  /** `os.path.join`; of a variable only its own name, for what follows is a member of its value. */
  #dotted(): string {
    let name = this.#tokens[this.#at]?.text ?? "";
    this.#at += 1;
    if (this.#known.names.has(name)) return name;
    while (this.#isSign(".") && this.#tokens[this.#at + 1]?.kind === "name") {
      name += `.${this.#tokens[this.#at + 1]?.text ?? ""}`;
      this.#at += 2;
    }
    return name;
  }

  #call(name: string): Value {
    const given = this.#arguments(")");
    const [first] = given;
    const { home } = this.#known;
    if (PATHS.has(name)) return { kind: "path", text: joined(given.length === 0 ? ["."] : textsOf(given)) };
    if (JOINS.has(name) && first !== undefined) return { kind: "text", text: joined(textsOf(given)) };
    if (/^(?:pathlib\.)?(?:Posix)?Path\.home$/.test(name) && first === undefined)
      return { kind: "path", text: home };
    if (/^os\.(?:getenv|environ\.get)$/.test(name)) return this.#variable(first);
    if (first === undefined || given.length > 1) throw new Unknown(`${name}(...) is known only when it runs`);
    if (name === "os.path.expanduser" || name === "expanduser")
      return { kind: "text", text: withHome(first.text, home) };
    if (name === "os.path.expandvars")
      return { kind: "text", text: first.text.replace(/^\$(?:HOME\b|\{HOME\})/, () => home) };
    if (NORMALS.has(name) && first.text.startsWith("/"))
      return { kind: "text", text: posix.normalize(first.text) };
    if (name === "str" || name === "os.fspath") return { kind: "text", text: first.text };
    throw new Unknown(`${name}(...) is known only when it runs`);
  }

  #variable(name: Told | undefined): Value {
    if (name?.text === "HOME") return { kind: "text", text: this.#known.home };
    throw new Unknown(`it takes the variable ${name?.text ?? ""} from the environment`);
  }

  /** `.expanduser()`, `.parent`. */
  #member(value: Value): Value {
    const name = this.#tokens[this.#at];
    this.#at += 1;
    if (name?.kind !== "name" || value.kind === "unknown") throw new Unknown("something is missing there");
    const isCall = this.#takes("(");
    const given = isCall ? this.#arguments(")") : [];
    if (value.kind === "path") {
      if (!isCall && name.text === "parent") return { kind: "path", text: posix.dirname(value.text) };
      if (isCall && name.text === "joinpath")
        return { kind: "path", text: joined([value.text, ...textsOf(given)]) };
      if (isCall && SAME_PLACE.has(name.text)) {
        const text = name.text === "expanduser" ? withHome(value.text, this.#known.home) : value.text;
        return { kind: name.text === "as_posix" || name.text === "__str__" ? "text" : "path", text };
      }
    }
    throw new Unknown(`.${name.text}${isCall ? "(...)" : ""} is known only when it runs`);
  }

  #arguments(closing: string): Told[] {
    const given: Told[] = [];
    while (!this.#takes(closing)) {
      const value = this.#expression();
      if (value.kind === "unknown") throw new Unknown(value.why);
      given.push(value);
      if (!this.#takes(",") && !this.#isSign(closing)) throw new Unknown("the arguments are not understood");
    }
    return given;
  }

  #isSign(text: string): boolean {
    const token = this.#tokens[this.#at];
    return token?.kind === "sign" && token.text === text;
  }

  #takes(text: string): boolean {
    if (!this.#isSign(text)) return false;
    this.#at += 1;
    return true;
  }
}

type Told = Exclude<Value, { readonly kind: "unknown" }>;

function textsOf(values: readonly Told[]): string[] {
  return values.map(({ text }) => text);
}

function added(left: Value, right: Value): Value {
  if (left.kind === "text" && right.kind === "text") return { kind: "text", text: left.text + right.text };
  throw new Unknown("only strings can be added");
}

function divided(left: Value, right: Value): Value {
  if (left.kind === "unknown" || right.kind === "unknown" || (left.kind === "text" && right.kind === "text"))
    throw new Unknown("only a Path has something below it by `/`");
  return { kind: "path", text: joined([left.text, right.text]) };
}

/** What is absolute begins anew, as both `os.path.join` and `/` have it. */
function joined(parts: readonly string[]): string {
  return parts.reduce((before, part) =>
    part.startsWith("/") || before === "" ? part : `${before.replace(/\/+$/, "")}/${part}`,
  );
}

/** @throws Unknown for the home of somebody else. */
function withHome(text: string, home: string): string {
  if (/^~[^/]/.test(text)) throw new Unknown("it is in the home of another user");
  return text.startsWith("~") ? home + text.slice(1) : text;
}

/** What stands between the braces at an offset of an f-string. */
function fieldAt(text: string, from: number): string {
  let depth = 0;
  for (let at = from; at < text.length; at += 1) {
    if ("([{".includes(text[at] ?? "")) depth += 1;
    else if (text[at] === "}" && depth === 0) return text.slice(from, at);
    else if (")]}".includes(text[at] ?? "")) depth -= 1;
  }
  throw new Unknown("a brace in it is not closed");
}

const ESCAPES: Readonly<Record<string, string>> = {
  "\\": "\\",
  "'": "'",
  '"': '"',
  a: "\u0007",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\n": "",
};

function unescaped(text: string): string {
  return text.replaceAll(
    /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{1,3})|(N)|(\r?\n|[^]))/g,
    (all, x?: string, u?: string, long?: string, octal?: string, named?: string, other = "") => {
      if (named !== undefined) throw new Unknown("it names a character by \\N");
      const hex = x ?? u ?? long;
      if (hex !== undefined || octal !== undefined) {
        const point = hex === undefined ? Number.parseInt(octal ?? "0", 8) : Number.parseInt(hex, 16);
        if (point > 0x10_ffff) throw new Unknown("there is no such character");
        return String.fromCodePoint(point);
      }
      return ESCAPES[other.replace("\r", "")] ?? all;
    },
  );
}

function shown({ kind, text }: Token): string {
  return kind === "text" ? "..." : text.slice(0, 40);
}
