import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { leftBy } from "../../src/core/cache/left.ts";
import { giveBackMemory } from "../../src/daemon/memory.ts";
import { merge, type MergeRequest, type MergeResult } from "../../src/core/cache/merge.ts";
import {
  body,
  foreign,
  mergeWith,
  moment,
  REPOS,
  snapshot,
  snapshotsWith,
  somePeers,
  synced,
} from "./cache-cases.ts";

const RUNS = Number(process.env["FUZZ_RUNS"] ?? 300);

const text = (bytes: Buffer): string => bytes.toString("latin1");

const request = (n: number): fc.Arbitrary<MergeRequest> =>
  fc.record({
    peers: somePeers,
    registered: fc.constant(REPOS),
    snapshots: snapshotsWith(body)
      .chain((all) => fc.subarray(all))
      .map((some) => new Map(some.map((one) => [one.repo, one]))),
    refresh: fc.subarray([...REPOS]).map((some) => new Set(some)),
    fence: fc.boolean(),
    now: fc.constant(moment(n)),
  });

/** What counts of a merge. Chunks may be cut in other places. */
function told({ changed, chunks, outcomes, purged, copyFirst }: MergeResult): unknown {
  return { changed, file: text(Buffer.concat(chunks)), outcomes: [...outcomes], purged, copyFirst };
}

/** Bytes that somebody holds. */
function inUse(): number {
  giveBackMemory();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** A file with other people's words around the sections, or none. */
const standing = fc
  .record({
    first: snapshotsWith(body).chain((all) => fc.subarray(all)),
    above: foreign,
    below: foreign,
    none: fc.boolean(),
  })
  .map(({ first, above, below, none }) =>
    none ? undefined : Buffer.concat([above, synced(undefined, first), below]),
  );

describe("a cache that is taken as it was left, unread", () => {
  it("is merged into just as if it had been read", () => {
    let unread = 0;
    fc.assert(
      fc.property(standing, request(1), request(2), request(3), (file, ...requests) => {
        let bytes = file;
        let before: ReturnType<typeof leftBy>;
        for (const each of requests) {
          const read = merge(bytes, each);
          if (before !== undefined) {
            unread += 1;
            expect(told(merge(undefined, each, before))).toStrictEqual(told(read));
          }
          if (read.changed) bytes = Buffer.concat(read.chunks);
          before = leftBy(read, () => undefined);
        }
      }),
      { numRuns: RUNS },
    );
    expect(unread).toBeGreaterThan(RUNS / 2);
  });

  it("keeps nothing of the file before in memory, which would be all caches at once", () => {
    const file = Buffer.concat([
      synced(undefined, [snapshot("karematch", "a\n")]),
      // Large enough not to share its memory with every small buffer.
      Buffer.from("a note\n".repeat(1_000)),
    ]);
    const held = snapshot("credentialmate", "b\n");
    const snapshots = new Map([[held.repo, held]]);
    const result = merge(file, { peers: REPOS, registered: REPOS, snapshots, now: moment(1) });
    const left = leftBy(result, (repo) => snapshots.get(repo));
    const texts = left?.parts.flatMap((part) =>
      part.kind === "section" ? part.section.body : part.kind === "foreign" ? part.bytes : [],
    );
    expect(texts?.map((each) => text(each).slice(0, 7))).toStrictEqual(["a\n", "b\n", "a note\n"]);
    expect(texts?.[1]).toBe(held.body);
    expect(texts?.filter(({ buffer }) => buffer === file.buffer)).toStrictEqual([]);
  });

  it("keeps nothing of it by a string either, which would be a part of all that was read", async () => {
    const snapshots = [snapshot("karematch", "a\n".repeat(500_000))];
    const lefts: unknown[] = [];
    const before = inUse();
    for (let count = 0; count < 20; count += 1) {
      const found = mergeWith(synced(undefined, snapshots), snapshots);
      expect(found.changed).toBe(false);
      const left = leftBy(found, () => snapshots[0]);
      expect(left?.updatedAt).toBe(moment(0));
      lefts.push(left);
    }
    await eventually("what was read to be let go", () => inUse() - before < 4_000_000);
    expect(lefts).toHaveLength(20);
  });

  it("is not, where that takes more memory than it may beside what is held anyway", () => {
    const [held, other] = [
      snapshot("karematch", "a\n".repeat(50_000)),
      snapshot("credentialmate", "b\n".repeat(500)),
    ];
    const result = mergeWith(synced(undefined, [held, other]), [held, other]);
    const knowing = (one: typeof held) => (repo: string) => (repo === one.repo ? one : undefined);
    expect(leftBy(result, knowing(held), 1_000)).toBeDefined();
    expect(leftBy(result, knowing(held), 999)).toBeUndefined();
    expect(leftBy(result, knowing(other), 1_000)).toBeUndefined();
  });

  it("is not, where what stands in it reads otherwise to who knows another text", () => {
    const damaged = Buffer.from(
      text(synced(undefined, [snapshot("karematch", "a\n")])).replace("\na\n", "\nx\n"),
    );
    const snapshots = new Map([["credentialmate", snapshot("credentialmate", "b\n")]]);
    const result = merge(damaged, { peers: REPOS, registered: REPOS, snapshots, now: moment(1) });
    expect(result.document.parts.map(({ kind }) => kind)).toStrictEqual(["damaged", "section"]);
    expect(leftBy(result, () => undefined)).toBeUndefined();
  });
});
