import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sectionHeading } from "../../src/core/cache/render.ts";
import type { Snapshot } from "../../src/core/snapshot.ts";
import {
  body,
  foreign,
  foreignOf,
  mergeWith,
  moment,
  parsed,
  plainBody,
  quietBody,
  REPOS,
  sectionsOf,
  snapshot,
  snapshotsWith,
  somePeers,
  synced,
} from "./cache-cases.ts";
import { originalWrite } from "./original-utility.ts";

const RUNS = Number(process.env["FUZZ_RUNS"] ?? 150);
const seed = process.env["FUZZ_SEED"];
const often = { numRuns: RUNS, ...(seed === undefined ? {} : { seed: Number(seed) }) };

const LOCAL_TIME = "2026-11-22T16:54:57.245810";
/** Header, index, and for each section its index row, delimiters, head and rule. */
const HEADER_BYTES = 400;
const SECTION_BYTES = 700;

const text = (bytes: Buffer): string => bytes.toString("latin1");

/** What happens to a cache in its life. */
type Event =
  | {
      readonly kind: "sync";
      readonly snapshots: readonly Snapshot[];
      readonly peers: readonly string[];
      readonly fence: boolean;
    }
  | { readonly kind: "original"; readonly repo: string; readonly state: Buffer }
  | { readonly kind: "note"; readonly place: number; readonly bytes: Buffer }
  | { readonly kind: "delete" | "duplicate"; readonly from: number; readonly length: number }
  | { readonly kind: "flip"; readonly at: number; readonly bit: number };

const syncOf = (bodies: fc.Arbitrary<Buffer>): fc.Arbitrary<Event> =>
  fc.record({
    kind: fc.constant("sync" as const),
    snapshots: snapshotsWith(bodies).chain((all) => fc.subarray(all)),
    peers: somePeers,
    fence: fc.boolean(),
  });
const syncEvent = syncOf(body);
const originalOf = (bodies: fc.Arbitrary<Buffer>): fc.Arbitrary<Event> =>
  fc.record({ kind: fc.constant("original" as const), repo: fc.constantFrom(...REPOS), state: bodies });
const originalEvent = originalOf(plainBody);
const noteEvent: fc.Arbitrary<Event> = fc.record({
  kind: fc.constant("note" as const),
  place: fc.nat({ max: 9 }),
  bytes: foreign,
});
const editEvent: fc.Arbitrary<Event> = fc.oneof(
  fc.record({
    kind: fc.constantFrom("delete" as const, "duplicate" as const),
    from: fc.nat(),
    length: fc.nat({ max: 600 }),
  }),
  fc.record({ kind: fc.constant("flip" as const), at: fc.nat(), bit: fc.nat({ max: 7 }) }),
);

function happen(file: Buffer, event: Event, now: string): Buffer {
  switch (event.kind) {
    case "sync":
      return synced(file, event.snapshots, { peers: event.peers, now, fence: event.fence });
    case "original":
      return originalOrAsItWas(file, event.repo, event.state);
    case "note":
      return withNote(file, event.place, event.bytes);
    case "flip": {
      if (file.length === 0) return file;
      const flipped = Buffer.from(file);
      const at = event.at % file.length;
      flipped[at] = (flipped[at] ?? 0) ^ (1 << event.bit);
      return flipped;
    }
    case "delete":
    case "duplicate": {
      const from = event.from % (file.length + 1);
      const range = file.subarray(from, from + event.length);
      const before = file.subarray(0, from);
      const after = file.subarray(from + range.length);
      return Buffer.concat(event.kind === "delete" ? [before, after] : [before, range, range, after]);
    }
  }
}

/** The original refuses what is not UTF-8, and then leaves the file alone. */
function originalOrAsItWas(file: Buffer, repo: string, state: Buffer): Buffer {
  try {
    return originalWrite(file, repo, state.toString("utf8"), LOCAL_TIME);
  } catch (error) {
    if (error instanceof TypeError) return file;
    throw error;
  }
}

/** Puts a note where people put theirs: behind one of the sections, behind the header, or on top. */
function withNote(file: Buffer, place: number, note: Buffer): Buffer {
  const whole = text(file);
  const spots = [0, ...certifiedEnds(file)];
  const index = /<!-- state-syncd:index:end -->\n\n---\n/.exec(whole);
  if (index !== null) spots.push(index.index + index[0].length);
  const at = spots[place % spots.length] ?? 0;
  return Buffer.concat([file.subarray(0, at), note, file.subarray(at)]);
}

/** Offsets behind each certified section's closing rule. */
function certifiedEnds(file: Buffer): number[] {
  const ends: number[] = [];
  let from = 0;
  for (const { repo, body: held } of sectionsOf(file)) {
    const { sha256 } = snapshot(repo, held);
    const closing = `<!-- state-syncd:end repo="${repo}" sha256="${sha256}" -->\n\n---\n`;
    const at = file.indexOf(closing, from);
    if (at === -1) continue;
    from = at + closing.length;
    ends.push(from);
  }
  return ends;
}

function expectConverged(file: Buffer, snapshots: readonly Snapshot[]): void {
  expect(sectionsOf(file).map((one) => `${one.repo} ${text(one.body)}`)).toEqual(
    snapshots.map((one) => `${one.repo} ${text(one.body)}`),
  );
  expect(parsed(file).parts.every((part) => part.kind === "section" || part.kind === "foreign")).toBe(true);
}

const sizeOf = (snapshots: readonly Snapshot[]): number =>
  snapshots.reduce((sum, one) => sum + one.body.length + SECTION_BYTES, HEADER_BYTES);

describe("a cache that much has happened to", () => {
  it("ends with exactly one certified section a peer, and grows by nothing but those", () => {
    const life = fc.array(fc.oneof(syncEvent, originalEvent, noteEvent, editEvent), { maxLength: 8 });
    fc.assert(
      fc.property(life, snapshotsWith(body), fc.boolean(), (events, snapshots, fence) => {
        let file: Buffer = Buffer.alloc(0);
        for (const [at, event] of events.entries()) file = happen(file, event, moment(at));
        const healed = synced(file, snapshots, { now: moment(20), fence });
        expectConverged(healed, snapshots);
        expect(healed.length).toBeLessThanOrEqual(file.length + sizeOf(snapshots));
        expect(mergeWith(healed, snapshots, { now: moment(21), fence }).changed).toBe(false);
      }),
      often,
    );
  });

  it("is the same file in the end, whichever way the syncs went", () => {
    const life = fc.array(syncEvent, { maxLength: 6 });
    fc.assert(
      fc.property(life, life, snapshotsWith(body), fc.boolean(), (one, other, snapshots, fence) => {
        const [a, b] = [one, other].map((events) => {
          let file: Buffer = Buffer.alloc(0);
          for (const [at, event] of events.entries()) file = happen(file, event, moment(at));
          return synced(file, snapshots, { now: moment(20), fence });
        });
        const timeless = (file: Buffer | undefined): string =>
          text(file ?? Buffer.alloc(0)).replaceAll(/2026-11-22T16:40:\d\d(\.000)?Z/g, "<time>");
        expect(timeless(a)).toBe(timeless(b));
      }),
      often,
    );
  });
});

/** One of our caches, in which each foreign line can be told from every other. */
const NOTE_WORDS = ["word", "## heading", "- item", "### deep", "", "---"];
const somePlaces = { minLength: REPOS.length + 2, maxLength: REPOS.length + 2 };
const notedCacheOf = (bodies: fc.Arbitrary<Buffer>) =>
  fc
    .tuple(
      snapshotsWith(bodies),
      fc.array(fc.array(fc.constantFrom(...NOTE_WORDS), { maxLength: 4 }), somePlaces),
      fc.boolean(),
    )
    .map(([snapshots, notes, fence]) => {
      let file = synced(undefined, snapshots, { fence });
      const lines: string[] = [];
      for (const [place, words] of notes.entries()) {
        const note = words.map((word, at) =>
          word === "" || word === "---" ? word : `${word} of note ${place}.${at}`,
        );
        lines.push(...note.filter((line) => line.includes("of note")));
        file = withNote(file, place, Buffer.from(note.map((line) => `${line}\n`).join("")));
      }
      return { file, snapshots, lines, fence };
    });

/**
 * Two cuts in one write, possible with names that begin alike: the begin marker is gone and the heading
 * is there. No digest tells then which text the body was; its reach is a guess, and a copy is kept.
 */
function isBeheaded(file: Buffer, repo: string): boolean {
  const head = `${sectionHeading(repo)}\n\n**Last Synced**: ${moment(0)}`;
  return file.includes(head) && !file.includes(`state-syncd:begin repo="${repo}"`);
}

const lineCount = (file: Buffer, line: string): number =>
  text(file)
    .split("\n")
    .filter((one) => one === line).length;

describe("beside the original utility", () => {
  it("a note that its write left standing survives the healing", () => {
    fc.assert(
      fc.property(
        notedCacheOf(plainBody),
        fc.constantFrom(...REPOS),
        fc.boolean(),
        ({ file, snapshots, lines, fence }, repo, ahead) => {
          // Where a cut runs through a body that is no longer current, nothing tells its text from a note.
          fc.pre(!ahead || snapshots.every((one) => !one.body.includes("## KAREMATCH")));
          const state = snapshots.find((one) => one.repo === repo)?.body.toString("utf8") ?? "";
          const written = originalWrite(file, repo, state, LOCAL_TIME);
          fc.pre(!snapshots.some((one) => isBeheaded(written, one.repo)));
          const current = ahead
            ? snapshots.map((one) => snapshot(one.repo, `${one.body.toString("utf8")}later\n`))
            : snapshots;
          const healed = synced(written, current, { now: moment(20), fence });
          expectConverged(healed, current);
          // Above the header a note stands below the original's new section, whose end nothing marks
          // once its text is no longer the current one.
          const safe = ahead ? lines.filter((line) => !line.includes("note 0.")) : lines;
          for (const line of safe)
            expect([line, lineCount(healed, line)]).toEqual([line, lineCount(written, line)]);
        },
      ),
      often,
    );
  });

  it("its writes and our healing, in turns, never grow the file", () => {
    fc.assert(
      fc.property(
        notedCacheOf(quietBody),
        fc.array(fc.tuple(fc.constantFrom(...REPOS), fc.nat({ max: 2 })), { minLength: 1, maxLength: 8 }),
        ({ file: start, snapshots, fence }, writes) => {
          let file = start;
          const most = start.length;
          for (const [repo, more] of writes) {
            const state = snapshots.find((one) => one.repo === repo)?.body.toString("utf8") ?? "";
            for (let n = 0; n <= more; n += 1) file = originalWrite(file, repo, state, LOCAL_TIME);
            file = synced(file, snapshots, { now: moment(20), fence });
            expectConverged(file, snapshots);
            expect(file.length).toBeLessThanOrEqual(most);
          }
        },
      ),
      often,
    );
  });

  it("its writes of any state, between ours of any other, leave bodies and notes and no more", () => {
    const life = fc.array(fc.oneof(syncOf(quietBody), originalOf(quietBody)), { maxLength: 8 });
    fc.assert(
      fc.property(life, snapshotsWith(quietBody), fc.boolean(), (events, snapshots, fence) => {
        let file: Buffer = Buffer.alloc(0);
        for (const [at, event] of events.entries()) {
          file = happen(file, event, moment(at));
          // The daemon sees each change of the file.
          if (event.kind === "original") file = synced(file, snapshots, { now: moment(at), fence });
        }
        file = synced(file, snapshots, { now: moment(20), fence });
        expectConverged(file, snapshots);
        expect(text(foreignOf(file)).trim()).toBe("");
      }),
      often,
    );
  });
});
