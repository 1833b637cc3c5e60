import * as fc from "fast-check";
import type { ParsedCache } from "../../src/core/cache/document.ts";
import { beginMarker, endMarker } from "../../src/core/cache/markers.ts";
import { merge, type MergeResult } from "../../src/core/cache/merge.ts";
import { parse } from "../../src/core/cache/parse.ts";
import { PURPOSE, sectionHeading, TITLE } from "../../src/core/cache/render.ts";
import { sha256, type Snapshot } from "../../src/core/snapshot.ts";

/** In the order of the registry. One name is another's beginning: the original confuses such two. */
export const REPOS = ["ai_orchestrator", "karematch", "karematch2", "credentialmate"] as const;

export const CHANGED = "2026-11-22T16:39:59.123Z";

/** The n-th moment of a test, ISO 8601. */
export function moment(n: number): string {
  return new Date(Date.UTC(2026, 10, 22, 16, 40, n)).toISOString();
}

export function snapshot(repo: string, body: Buffer | string): Snapshot {
  const bytes = Buffer.from(body);
  return {
    repo,
    body: bytes,
    sha256: sha256(bytes),
    changedAt: CHANGED,
    origin: `/home/me/1_REPOS/${repo}/STATE.md`,
    branch: "main",
    commit: "1a2b3c4",
  };
}

export interface Sync {
  /** The peers allowed; all of REPOS where it is not said. */
  readonly peers?: readonly string[];
  readonly now?: string;
  readonly refresh?: ReadonlySet<string>;
  readonly fence?: boolean;
}

export function mergeWith(
  bytes: Buffer | undefined,
  snapshots: Iterable<Snapshot>,
  { peers = REPOS, now = moment(0), refresh = new Set(), fence = false }: Sync = {},
): MergeResult {
  const known = new Map(Array.from(snapshots, (one) => [one.repo, one]));
  return merge(bytes, { peers, registered: REPOS, snapshots: known, now, refresh, fence });
}

/** The file as it stands after one turn. */
export function synced(bytes: Buffer | undefined, snapshots: Iterable<Snapshot>, sync: Sync = {}): Buffer {
  const result = mergeWith(bytes, snapshots, sync);
  return result.changed ? Buffer.concat(result.chunks) : (bytes ?? Buffer.alloc(0));
}

export function parsed(bytes: Buffer): ParsedCache {
  return parse(bytes, { registered: REPOS });
}

/** The certified sections of a cache, in file order. */
export function sectionsOf(bytes: Buffer): { readonly repo: string; readonly body: Buffer }[] {
  return parsed(bytes).parts.flatMap((part) => (part.kind === "section" ? [part.section] : []));
}

/** All text of a cache that belongs to people, in file order. */
export function foreignOf(bytes: Buffer): Buffer {
  const { preamble, parts } = parsed(bytes);
  return Buffer.concat([preamble, ...parts.flatMap((part) => (part.kind === "foreign" ? [part.bytes] : []))]);
}

const line = (text: string): string => `${text}\n`;
const digest = sha256(Buffer.from("a\n"));

/** Lines that look like ours and like the original's. */
export const oursLike: fc.Arbitrary<string> = fc.oneof(
  fc
    .constantFrom(...REPOS)
    .chain((repo) =>
      fc.constantFrom(
        line(beginMarker(repo, digest)),
        line(endMarker(repo, digest)),
        line(sectionHeading(repo)),
        `${sectionHeading(repo)}\n\n**Last Synced**: 2026-11-22T16:54:57.245810\n\n`,
        `${sectionHeading(repo)}\n**Last Synced**: Never\n\n*No state cached yet. Run sync.*\n\n---\n`,
        `${beginMarker(repo, digest)}\n${sectionHeading(repo)}\n\n**Last Synced**: ${moment(0)}\n**Source**: /x, changed ${CHANGED}\n\na\n${endMarker(repo, digest)}\n\n---\n`,
        `${beginMarker(repo, digest)}\n${sectionHeading(repo)}\n\n**Last Synced**: ${moment(0)}\n**Source**: /x, changed ${CHANGED}\n\nb\n`,
        `${beginMarker(repo, digest)}\n${sectionHeading(repo)}\n\n**Last Synced**: ${moment(0)}\n**Source**: \`/x\`, changed ${CHANGED}\n\n\`\`\`text\na\n\`\`\`\n${endMarker(repo, digest)}\n\n---\n`,
        `${beginMarker(repo, digest)}\n${sectionHeading(repo)}\n\n**Last Synced**: ${moment(0)}\n**Source**: \`/x\`, changed ${CHANGED}\n\n\`\`\`text\na\n`,
        `a\n\`\`\`\n${endMarker(repo, digest)}\n`,
      ),
    ),
  fc.constantFrom(
    `${TITLE}\n\n${PURPOSE}\n\n**Last Updated**: 2026-11-22T16:54:57.245810\n\n---\n`,
    `${TITLE}\n\n`,
    `${TITLE}\r\n\r\n${PURPOSE}\r\n\r\n**Last Updated**: ${moment(1)}\r\n`,
    `${PURPOSE}\n\n**Last Updated**: ${moment(1)}\n\n---\n`,
    line(PURPOSE),
    line(`**Last Updated**: ${moment(2)}`),
    "**Last Synced**: Never\n",
    "<!-- state-syncd:index -->\n| Repo |\n|---|\n| karematch |\n<!-- state-syncd:index:end -->\n\n---\n",
    line("<!-- state-syncd:index -->"),
    line("<!-- state-syncd:index:end -->"),
    "# Cross-Repo State Cache (KAREMATCH)\n\n",
    "**Note**: This file enables agents to see.\n",
  ),
);

/** Lines that are nobody's but the user's. */
export const ordinary: fc.Arbitrary<string> = fc.constantFrom(
  "\n",
  "\r\n",
  "---\n",
  "\n---\n",
  "word\n",
  "a line\r\n",
  "## My notes\n",
  "### Inner\n",
  "## KAREMATCH State of things\n",
  "```md\n",
  "```text\n",
  "```\n",
  "````\n",
  "~~~~~~\n",
  "| a | table |\n",
  "\0\n",
  "\u{1f680} \u{1d11e} é\n",
  "<!-- a comment -->\n",
  "lone\rcarriage return\n",
  "﻿\n",
  " ## KAREMATCH State\n",
  "<<<<<<< HEAD\n",
  "=======\n",
);

const asBuffer = (pieces: readonly string[]): Buffer => Buffer.from(pieces.join(""));

/** A body: whatever may stand in a state file. */
export const body: fc.Arbitrary<Buffer> = fc.oneof(
  fc.array(fc.oneof(ordinary, oursLike, fc.constant("no newline")), { maxLength: 8 }).map(asBuffer),
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  fc.string({ maxLength: 30, unit: "binary" }).map((text) => Buffer.from(text)),
  fc
    .tuple(fc.array(ordinary, { maxLength: 4 }), fc.boolean())
    .map(([pieces, fence]) => synced(undefined, [snapshot("karematch", pieces.join(""))], { fence })),
);

/** A body as the original can read and write it: text, with nothing in it that looks like ours. */
export const plainBody: fc.Arbitrary<Buffer> = fc
  .tuple(fc.array(ordinary, { maxLength: 6 }), fc.constantFrom("", "no newline", "end\n"))
  .map(([pieces, end]) => asBuffer([...pieces, end]));

/**
 * One with no heading that lets the original cut a second time in the same write, and no rule that
 * could pass for the end of another, shorter body.
 */
export const quietBody: fc.Arbitrary<Buffer> = plainBody.filter(
  (bytes) => !bytes.includes("## KAREMATCH") && !bytes.includes("---"),
);

/** Foreign text that ends with its line, so that something may follow it. */
export const foreign: fc.Arbitrary<Buffer> = fc.array(ordinary, { minLength: 1, maxLength: 5 }).map(asBuffer);

/** A current snapshot of every repo. */
export function snapshotsWith(of: fc.Arbitrary<Buffer>): fc.Arbitrary<Snapshot[]> {
  return fc.tuple(...REPOS.map((repo) => of.map((bytes) => snapshot(repo, bytes))));
}

/** Snapshots of some of the repos only. */
export const someSnapshots: fc.Arbitrary<Snapshot[]> = snapshotsWith(body).chain((all) => fc.subarray(all));

/** Any peers, in the order of the registry. */
export const somePeers: fc.Arbitrary<string[]> = fc.subarray([...REPOS]);

/** Any bytes whatever, with a liking for what comes near to a cache. */
export const anyBytes: fc.Arbitrary<Buffer> = fc.oneof(
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)) },
  {
    weight: 5,
    arbitrary: fc
      .tuple(
        fc.constantFrom("", "﻿"),
        fc.array(fc.oneof(ordinary, oursLike, oursLike), { maxLength: 14 }),
        fc.constantFrom("", "no newline", "---", "\r"),
      )
      .map(([bom, pieces, end]) => asBuffer([bom, ...pieces, end])),
  },
  {
    weight: 4,
    arbitrary: fc
      .array(
        fc
          .tuple(someSnapshots, fc.nat(), fc.nat(), fc.option(ordinary, { nil: "" }), fc.boolean())
          .map(([snapshots, a, b, note, fence]) => {
            const whole = synced(undefined, snapshots, { fence });
            const [from = 0, to = 0] = [a, b].map((at) => at % (whole.length + 1)).toSorted((x, y) => x - y);
            return Buffer.concat([whole.subarray(from, to), Buffer.from(note)]);
          }),
        { maxLength: 4 },
      )
      .map((pieces) => Buffer.concat(pieces)),
  },
);
