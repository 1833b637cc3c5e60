import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { CacheDocument, Part } from "../../src/core/cache/document.ts";
import { render } from "../../src/core/cache/render.ts";
import {
  anyBytes,
  body,
  foreign,
  foreignOf,
  mergeWith,
  moment,
  parsed,
  REPOS,
  sectionsOf,
  snapshot,
  snapshotsWith,
  somePeers,
  someSnapshots,
  synced,
} from "./cache-cases.ts";

const RUNS = Number(process.env["FUZZ_RUNS"] ?? 300);
const seed = process.env["FUZZ_SEED"];
const often = { numRuns: RUNS, ...(seed === undefined ? {} : { seed: Number(seed) }) };

/** Latin1 keeps every byte apart and makes a failure readable. */
const text = (bytes: Buffer): string => bytes.toString("latin1");

/** A healthy document: sections in the registry's order with foreign text anywhere between them. */
const healthy: fc.Arbitrary<CacheDocument> = fc
  .tuple(
    fc.option(foreign, { nil: Buffer.alloc(0) }),
    fc.array(fc.option(foreign, { nil: undefined }), {
      minLength: REPOS.length + 1,
      maxLength: REPOS.length + 1,
    }),
    somePeers.chain((peers) => fc.tuple(...peers.map((repo) => body.map((bytes) => snapshot(repo, bytes))))),
    fc.boolean(),
  )
  .map(([preamble, notes, snapshots, fence]) => {
    const parts: Part[] = [];
    const note = (at: number): void => {
      const bytes = notes[at];
      if (bytes !== undefined) parts.push({ kind: "foreign", bytes });
    };
    note(0);
    for (const [at, one] of snapshots.entries()) {
      parts.push({ kind: "section", section: { ...one, syncedAt: moment(3) } });
      note(at + 1);
    }
    return { preamble, updatedAt: moment(4), parts, fence: fence && snapshots.length > 0 };
  });

describe("parsing", () => {
  it("throws on no bytes whatever", () => {
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        expect(() => parsed(bytes)).not.toThrow();
      }),
      often,
    );
  });

  it("gives back the document that was rendered", () => {
    fc.assert(
      fc.property(healthy, (document) => {
        const { debris, joined, marked, ...again } = parsed(Buffer.concat(render(document, moment(4))));
        expect(again).toEqual(document);
        expect(debris).toEqual([]);
        expect(joined).toBe(false);
        expect(marked).toBe(true);
      }),
      often,
    );
  });
});

describe("merging", () => {
  it("settles at once: what it wrote needs no second turn", () => {
    fc.assert(
      fc.property(anyBytes, someSnapshots, somePeers, fc.boolean(), (bytes, snapshots, peers, fence) => {
        const once = mergeWith(bytes, snapshots, { peers, fence });
        const file = synced(bytes, snapshots, { peers, fence });
        const twice = mergeWith(file, snapshots, { peers, now: moment(9), fence });
        expect(text(Buffer.concat(twice.chunks))).toBe(
          twice.changed ? "settled" : text(Buffer.concat(once.chunks)),
        );
        expect(twice.changed).toBe(false);
        expect(twice.purged).toEqual([]);
      }),
      often,
    );
  });

  it("holds one section a peer, in the registry's order, with the body byte for byte", () => {
    fc.assert(
      fc.property(
        anyBytes,
        snapshotsWith(body),
        somePeers,
        fc.boolean(),
        (bytes, snapshots, peers, fence) => {
          const wanted = snapshots.filter((one) => peers.includes(one.repo));
          const file = synced(bytes, snapshots, { peers, fence });
          const held = sectionsOf(file).map(({ repo, body: held }) => `${repo} ${text(held)}`);
          expect(held).toEqual(wanted.map((one) => `${one.repo} ${text(one.body)}`));
          expect(parsed(file).parts.every((part) => part.kind === "section" || part.kind === "foreign")).toBe(
            true,
          );
        },
      ),
      often,
    );
  });

  it("never holds two sections of one repo, whatever stood there and whatever is unknown", () => {
    fc.assert(
      fc.property(anyBytes, someSnapshots, somePeers, fc.boolean(), (bytes, snapshots, peers, fence) => {
        const file = synced(bytes, snapshots, { peers, fence });
        // A file that nothing of ours is in or comes into is left as it is.
        fc.pre(parsed(file).marked);
        const repos = parsed(file).parts.flatMap((part) => {
          if (part.kind === "foreign") return [];
          return part.kind === "section" ? [part.section.repo] : [part.repo];
        });
        expect(repos).toEqual(peers.filter((peer) => repos.includes(peer)));
      }),
      often,
    );
  });

  it("rewrites nothing for a timestamp alone", () => {
    fc.assert(
      fc.property(healthy, fc.nat({ max: 50 }), (document, later) => {
        const file = Buffer.concat(render(document, moment(4)));
        const snapshots = sectionsOf(file).map((one) => ({
          ...snapshot(one.repo, one.body),
          changedAt: moment(later),
        }));
        expect(mergeWith(file, snapshots, { now: moment(later), fence: document.fence }).changed).toBe(false);
      }),
      often,
    );
  });

  it("renews Last Synced where the user asked, and nothing else", () => {
    fc.assert(
      fc.property(healthy, (document) => {
        const file = Buffer.concat(render(document, moment(4)));
        const snapshots = sectionsOf(file).map((one) => snapshot(one.repo, one.body));
        fc.pre(snapshots.length > 0);
        const asked = new Set(snapshots.slice(0, 1).map((one) => one.repo));
        const result = mergeWith(file, snapshots, { now: moment(30), refresh: asked, fence: document.fence });
        expect(result.changed).toBe(true);
        const times = result.document.parts.flatMap((part) =>
          part.kind === "section" ? [[part.section.repo, part.section.syncedAt]] : [],
        );
        expect(times).toEqual(snapshots.map(({ repo }) => [repo, asked.has(repo) ? moment(30) : moment(3)]));
        expect(text(foreignOf(Buffer.concat(result.chunks)))).toBe(text(foreignOf(file)));
      }),
      often,
    );
  });

  it("carries foreign text through any additions, removals and reorderings, byte for byte and in order", () => {
    const turn = fc.tuple(someSnapshots, somePeers, fc.boolean(), fc.boolean());
    const turns = fc.array(turn, { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(healthy, turns, (document, all) => {
        let file: Buffer = Buffer.concat(render(document, moment(4)));
        const notes = text(foreignOf(file));
        for (const [at, [snapshots, chosen, reversed, fence]] of all.entries()) {
          const peers = reversed ? chosen.toReversed() : chosen;
          file = synced(file, snapshots, { peers, now: moment(10 + at), fence });
          expect(text(foreignOf(file))).toBe(notes);
          expect(sectionsOf(file).map((one) => one.repo)).toEqual(
            peers.filter((peer) => sectionsOf(file).some((one) => one.repo === peer)),
          );
        }
      }),
      often,
    );
  });

  it("leaves no byte of a peer that is not allowed any more", () => {
    const secret = "ZQ-only-this-body-holds-these-words";
    const marked = fc.tuple(body, body).map(([a, b]) => Buffer.concat([a, Buffer.from(secret), b]));
    fc.assert(
      fc.property(
        healthy,
        marked,
        fc.constantFrom(...REPOS),
        fc.boolean(),
        (document, bytes, repo, fence) => {
          const before = synced(Buffer.concat(render(document, moment(4))), [snapshot(repo, bytes)], {
            fence,
          });
          expect(before.includes(secret)).toBe(true);
          const result = mergeWith(before, [snapshot(repo, bytes)], {
            peers: REPOS.filter((peer) => peer !== repo),
            fence: document.fence,
          });
          expect(result.purged).toContain(repo);
          expect(Buffer.concat(result.chunks).includes(secret)).toBe(false);
          expect(text(foreignOf(Buffer.concat(result.chunks)))).toBe(text(foreignOf(before)));
        },
      ),
      often,
    );
  });
});
