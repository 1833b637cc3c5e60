import { digestOf } from "./texts.ts";

export interface FoundSection {
  readonly repo: string;
  readonly digest: string;
  readonly start: number;
  readonly end: number;
  /** Its body stands in a code fence. */
  readonly isFenced: boolean;
}

/**
 * A cache as a reader takes it who knows the contract and nothing of our parser: a section is
 * what stands between two delimiters that name the same repo and digest, where the body has that
 * digest, in its fence or without one.
 */
export interface Reading {
  /** In file order. Offsets in bytes: of the begin delimiter, and behind the end delimiter's line. */
  readonly sections: readonly FoundSection[];
  /** Repos of begin delimiters that certify nothing. */
  readonly damaged: ReadonlySet<string>;
  /** Of these the ones whose delimiters do claim a text: those around an old section claim none. */
  readonly torn: ReadonlySet<string>;
  /** All text that is in no section. */
  readonly outside: string;
  /** The repos that the index names. */
  readonly index: readonly string[];
}

const BEGIN = /^<!-- state-syncd:begin repo="([a-z0-9._-]+)" format="1" sha256="([0-9a-f]{64})" -->\r?\n/gm;
const TITLE = /^# Global State Cache$/gm;

/** What stands around an old section of a repo whose state is not known yet. No text has it. */
const NO_DIGEST = "0".repeat(64);

const TIME = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z`;

const TIMES = new RegExp(
  String.raw`^\*\*Last Synced\*\*: ${TIME}\n\*\*Source\*\*: [^\n]*, changed ${TIME}(?:, \S+ @ [0-9a-f]+)?\n`,
  "m",
);

/** One char a byte. */
const LATIN1 = "latin1";

export function readCache(bytes: Buffer): Reading {
  const text = bytes.toString(LATIN1);
  const sections: FoundSection[] = [];
  const damaged = new Set<string>();
  const torn = new Set<string>();
  const outside: string[] = [];
  let placed = 0;
  BEGIN.lastIndex = 0;
  for (let match = BEGIN.exec(text); match !== null; match = BEGIN.exec(text)) {
    const [line, repo = "", digest = ""] = match;
    const from = match.index + line.length;
    const marker = `<!-- state-syncd:end repo="${repo}" sha256="${digest}" -->`;
    const at = text.indexOf(marker, from);
    // A like begin before that end shows that this one was cut short.
    if (at === -1 || text.slice(from, at).includes(line)) {
      damaged.add(repo);
      torn.add(repo);
      continue;
    }
    outside.push(text.slice(placed, match.index));
    placed = at + marker.length;
    BEGIN.lastIndex = placed;
    const form = formOf(text.slice(from, at), repo, digest);
    if (form !== undefined) {
      sections.push({ repo, digest, start: match.index, end: placed + 1, isFenced: form === "fenced" });
    } else {
      damaged.add(repo);
      if (digest !== NO_DIGEST) torn.add(repo);
    }
  }
  outside.push(text.slice(placed));
  const apart = outside.join("");
  return { sections, damaged, torn, outside: apart, index: indexOf(apart) };
}

/** How many headers of ours stand outside of the sections. */
export function titlesIn({ outside }: Reading): number {
  return [...outside.matchAll(TITLE)].length;
}

/**
 * The form of a section that is certified.
 *
 * @param inner what stands between the delimiters.
 */
function formOf(inner: string, repo: string, digest: string): "plain" | "fenced" | undefined {
  // The heading, an empty line, the metadata, an empty line.
  const head = /^## ([^\n]+) State\n\n(?:\*\*[^\n]+\n)+\n/.exec(inner);
  if (head?.[1] !== repo.toUpperCase()) return undefined;
  // Whoever has written into the times has altered the section, body or no body.
  if (!TIMES.test(head[0])) return undefined;
  const rest = inner.slice(head[0].length);
  if (hasDigest(rest, digest)) return "plain";
  const [, ticks = "", body = ""] = /^(`+)text\n([^]*)(?<=\n)\1\n$/.exec(rest) ?? [];
  const longest = Math.max(2, ...(body.match(/`+|~+/g) ?? []).map((run) => run.length));
  return ticks.length === longest + 1 && hasDigest(body, digest) ? "fenced" : undefined;
}

/** Where a body has no final newline one was put behind it. */
function hasDigest(whole: string, digest: string): boolean {
  const body = Buffer.from(whole, LATIN1);
  return digestOf(body) === digest || digestOf(body.subarray(0, -1)) === digest;
}

function indexOf(outside: string): string[] {
  const table =
    /^<!-- state-syncd:index -->\n([^]*?)^<!-- state-syncd:index:end -->/m.exec(outside)?.[1] ?? "";
  return [...table.matchAll(/^\| ([a-z0-9._-]+) \|/gm)].map(([, repo = ""]) => repo);
}
