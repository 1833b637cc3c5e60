import { isUtf8 } from "node:buffer";
import { createHash } from "node:crypto";

/** What stands in a state file. Every text but the blank ones says whose it is, and which. */
export interface Text {
  readonly shape: Shape;
  readonly serial: number;
}

export const GOOD_SHAPES = [
  "a line",
  "headings",
  "CRLF",
  "a byte order mark",
  "no final newline",
  "unicode",
  "our own marks",
  "long",
] as const;
export const BAD_SHAPES = ["empty", "blank", "in conflict", "not UTF-8"] as const;
export type Shape = (typeof GOOD_SHAPES)[number] | (typeof BAD_SHAPES)[number];

/** Names a text wherever it turns up: `[ash#17]`. */
export function tokenOf(repo: string, serial: number): string {
  return `[${repo}#${serial}]`;
}

const TOKEN = /\[([a-z0-9]+)#\d+\]/g;

export function tokensIn(text: string): { readonly token: string; readonly repo: string }[] {
  return [...text.matchAll(TOKEN)].map(([token, repo = ""]) => ({ token, repo }));
}

export function bytesOf(repo: string, { shape, serial }: Text): Buffer {
  const token = tokenOf(repo, serial);
  const text = `# State ${token}\n\n## Status ${token}\n\nworking on ${serial}\n\n## Next\n\n- ${token}\n`;
  switch (shape) {
    case "a line":
      return Buffer.from(`${token}\n`);
    case "headings":
      return Buffer.from(text);
    case "CRLF":
      return Buffer.from(text.replaceAll("\n", "\r\n"));
    case "a byte order mark":
      return Buffer.from(`\uFEFF${text}`);
    case "no final newline":
      return Buffer.from(`${text}the end of ${token}`);
    case "unicode":
      return Buffer.from(`${token} größer, 状態, \u{1F469}\u200D\u{1F4BB}, e\u0301\n`);
    case "our own marks":
      return Buffer.from(`${text}${likeACache(repo, token)}${text}`);
    case "long":
      return Buffer.from(`${text}${`- ${token} and so on\n`.repeat(150 + ((serial * 37) % 2_500))}`);
    case "empty":
      return Buffer.alloc(0);
    case "blank":
      return Buffer.from(" \n".repeat(1 + (serial % 9)));
    case "in conflict":
      return Buffer.from(`${text}<<<<<<< ours\n${token} a\n=======\n${token} b\n>>>>>>> theirs\n`);
    case "not UTF-8":
      return Buffer.concat([Buffer.from(text), Buffer.from([0xe4, 0xf6, 0x0a])]);
  }
}

/** Headers, an index, and sections of other repos, one of them with delimiters that certify it. */
function likeACache(repo: string, token: string): string {
  const other = repo === "ash" ? "birch" : "ash";
  const body = `what ${other} never said ${token}\n`;
  const head = `## ${other.toUpperCase()} State\n\n**Last Synced**: 2026-11-22T16:40:00.000Z\n`;
  const source = "**Source**: /x/STATE.md, changed 2026-11-22T16:39:59.123Z\n";
  const section = (digest: string): string =>
    `<!-- state-syncd:begin repo="${other}" format="1" sha256="${digest}" -->\n${head}${source}\n${body}` +
    `<!-- state-syncd:end repo="${other}" sha256="${digest}" -->\n\n---\n`;
  return (
    "# Global State Cache\n\n" +
    "**Purpose**: Cached state from other repos for cross-repo context awareness.\n\n" +
    "**Last Updated**: 2026-11-22T16:54:57.245810\n\n---\n" +
    "<!-- state-syncd:index -->\n| Repo |\n|---|\n<!-- state-syncd:index:end -->\n\n---\n\n" +
    `${section(digestOf(Buffer.from(body)))}${section("0".repeat(64))}${head}\n${body}`
  );
}

export function digestOf(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** What the contract makes of a regular file's content. */
export type Verdict = "good" | "empty" | "conflict" | "refused";

/** @param maxBytes of the config. */
export function verdictOn(bytes: Buffer, maxBytes: number): Verdict {
  if (bytes.length > maxBytes || !isUtf8(bytes)) return "refused";
  const text = bytes.toString("utf8");
  if (/^[ \t\r\n]*$/.test(text)) return "empty";
  return /^<<<<<<< [^]*^=======[^]*^>>>>>>> /m.test(text) ? "conflict" : "good";
}
