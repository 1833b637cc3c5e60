/** Where something was found, and by which rule; never what. */
export interface Finding {
  readonly rule: string;
  /** 1-based, in the text that came in. */
  readonly line: number;
}

export interface Guarded {
  /** What may travel. The same Buffer as came in where nothing was found. */
  readonly body: Buffer;
  /** The first thousand, in their order in the text. */
  readonly secrets: readonly Finding[];
  /** How many there are in all. */
  readonly secretCount: number;
  /** Places where something would have been hidden, and was made visible. */
  readonly hidden: number;
}

export interface GuardOptions {
  /** The user's own rules, by name. RE2; `^` and `$` stand for the start and end of a line. */
  readonly patterns: Readonly<Record<string, string>>;
  /** What looks like a secret and is none: RE2 patterns that must match the whole of what a rule found. */
  readonly allow: readonly string[];
}
