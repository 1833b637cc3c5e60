import { describe, expect, it } from "vitest";
import { PURPOSE } from "../../src/core/cache/render.ts";
import type { Snapshot } from "../../src/core/snapshot.ts";
import {
  foreignOf,
  mergeWith as mergeWithAny,
  moment,
  parsed,
  REPOS,
  sectionsOf,
  snapshot,
  type Sync,
  synced as syncedAny,
} from "./cache-cases.ts";
import { originalWrite } from "./original-utility.ts";

const LOCAL_TIME = "2026-11-22T16:54:57.245810";
const BODY_A = "# A\n\n## Status\nfine\n";
const BODY_B = "no heading, no newline";
const EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

const latin1 = (bytes: Buffer): string => bytes.toString("latin1");
const withIndexRows = (rows: readonly string[]): string =>
  [
    "# Global State Cache",
    "",
    PURPOSE,
    "",
    `**Last Updated**: ${moment(0)}`,
    "",
    "<!-- state-syncd:index -->",
    "| Repo | State changed | Last synced | Branch | Size |",
    "|---|---|---|---|---|",
    ...rows,
    "<!-- state-syncd:index:end -->",
    "",
    "---",
    "",
  ].join("\n");

/** The same for a cache of either form. */
describe.each([{ fence: false }, { fence: true }])("fence: $fence", ({ fence }) => {
  const synced = (bytes: Buffer | undefined, snapshots: readonly Snapshot[], sync: Sync = {}): Buffer =>
    syncedAny(bytes, snapshots, { fence, ...sync });
  const mergeWith = (
    bytes: Buffer | undefined,
    snapshots: readonly Snapshot[],
    sync: Sync = {},
  ): ReturnType<typeof mergeWithAny> => mergeWithAny(bytes, snapshots, { fence, ...sync });

  function expectHealed(file: Buffer, snapshots: readonly Snapshot[]): void {
    expect(sectionsOf(file)).toHaveLength(snapshots.length);
    for (const [at, one] of snapshots.entries())
      expect(sectionsOf(file)[at]).toMatchObject({ repo: one.repo, body: one.body });
    expect(mergeWith(file, snapshots).changed).toBe(false);
  }

  describe("format 1", () => {
    const karematch: Snapshot = { ...snapshot("karematch", "# State\r\n\nnow"), commit: "1a2b3c4d" };

    it("is written to the byte as it is agreed", () => {
      const detached: Snapshot = { ...snapshot("ai_orchestrator", ""), origin: "/a, b/STATE.md" };
      const { branch: _, ...bare } = detached;
      expect(latin1(syncedAny(undefined, [karematch, bare]))).toBe(
        `${withIndexRows([
          "| ai_orchestrator | 2026-11-22T16:39:59Z | 2026-11-22T16:40:00Z | detached @ 1a2b3c4 | 0 B |",
          "| karematch | 2026-11-22T16:39:59Z | 2026-11-22T16:40:00Z | main @ 1a2b3c4d | 13 B |",
        ])}
<!-- state-syncd:begin repo="ai_orchestrator" format="1" sha256="${EMPTY}" -->
## AI_ORCHESTRATOR State

**Last Synced**: 2026-11-22T16:40:00.000Z
**Source**: /a, b/STATE.md, changed 2026-11-22T16:39:59.123Z, detached @ 1a2b3c4

<!-- state-syncd:end repo="ai_orchestrator" sha256="${EMPTY}" -->

---

<!-- state-syncd:begin repo="karematch" format="1" sha256="${karematch.sha256}" -->
## KAREMATCH State

**Last Synced**: 2026-11-22T16:40:00.000Z
**Source**: /home/me/1_REPOS/karematch/STATE.md, changed 2026-11-22T16:39:59.123Z, main @ 1a2b3c4d

# State\r

now
<!-- state-syncd:end repo="karematch" sha256="${karematch.sha256}" -->

---
`,
      );
    });

    it.each([
      ["999 B", 999],
      ["1,000 B", 1000],
      ["36,920 B", 36_920],
      ["1,048,576 B", 1_048_576],
    ])("tells sizes as %s", (size, bytes) => {
      const file = synced(undefined, [snapshot("karematch", "x".repeat(bytes))]);
      expect(latin1(file)).toMatch(new RegExp(`\\| .?main.? @ 1a2b3c4 \\| ${size} \\|\n`));
    });

    it.each([
      "",
      "\n",
      "a",
      "a\n",
      "a\n\n",
      "\r\n",
      "a\r",
      "\uFEFFa\n",
      "\0",
      "---\n",
      "\n---\n",
      "\n\n---\n\n",
    ])("carries the body %j byte for byte", (body) => {
      expect(sectionsOf(synced(undefined, [snapshot("karematch", body)]))).toMatchObject([
        { body: Buffer.from(body) },
      ]);
    });

    it("carries a whole cache as a body, with the markers of its own and of other sections", () => {
      const inner = synced(undefined, [snapshot("karematch", BODY_A), snapshot("credentialmate", BODY_B)]);
      const snapshots = [snapshot("karematch", inner), snapshot("credentialmate", BODY_B)];
      expectHealed(synced(inner, snapshots), snapshots);
      expectHealed(synced(undefined, snapshots), snapshots);
    });

    it("is not thrown off by a body that quotes the end of the section before it", () => {
      const first = snapshot("karematch", BODY_A);
      const quote = `<!-- state-syncd:end repo="karematch" sha256="${first.sha256}" -->\n`;
      const snapshots = [first, snapshot("credentialmate", quote)];
      expectHealed(synced(undefined, snapshots), snapshots);
    });

    it("is not thrown off by a body that quotes the head of the section after it", () => {
      const next = snapshot("credentialmate", BODY_B);
      const quote = `<!-- state-syncd:begin repo="credentialmate" format="1" sha256="${next.sha256}" -->\n`;
      const snapshots = [snapshot("karematch", quote), next];
      expectHealed(synced(undefined, snapshots), snapshots);
    });

    it("makes no file of nothing, and leaves a stranger's file alone", () => {
      expect(mergeWith(undefined, []).changed).toBe(false);
      expect(mergeWith(Buffer.from("# Mine\n"), []).changed).toBe(false);
    });

    it("keeps a byte order mark first, with the title behind it", () => {
      const snapshots = [snapshot("karematch", BODY_A)];
      const file = Buffer.concat([Buffer.from("\uFEFF"), synced(undefined, snapshots)]);
      expect(mergeWith(file, snapshots).changed).toBe(false);
      const next = synced(file, [snapshot("karematch", BODY_B)]);
      expect(next.toString("utf8").match(/# Global State Cache/g)).toHaveLength(1);
      expect(next.subarray(0, 5).toString("utf8")).toBe("\uFEFF# ");
    });
  });

  const SNAPSHOTS = [snapshot("karematch", BODY_A), snapshot("credentialmate", BODY_B)];
  const CLEAN = latin1(synced(undefined, SNAPSHOTS));
  const BEGIN_B = CLEAN.indexOf('<!-- state-syncd:begin repo="credentialmate"');
  /** A note on top, one behind the index, one between the sections, one at the end. */
  const NOTED = `top\n\n${CLEAN.slice(0, CLEAN.indexOf("\n<!-- state-syncd:begin"))}below the index\n${CLEAN.slice(
    CLEAN.indexOf("\n<!-- state-syncd:begin"),
    BEGIN_B - 1,
  )}between\n${CLEAN.slice(BEGIN_B - 1)}the end\n`;
  const NOTES = ["top", "below the index", "between", "the end"];

  const healed = (text: string, snapshots = SNAPSHOTS): string => {
    const file = synced(Buffer.from(text, "latin1"), snapshots);
    expectHealed(file, snapshots);
    return latin1(file);
  };
  const timeless = (text: string): string => text.replaceAll(/2026-11-22T16:40:\d\d(\.000)?Z/g, "<time>");

  describe("a torn file", () => {
    it("heals wherever it was cut, and keeps the notes above the cut", () => {
      for (let cut = 0; cut <= NOTED.length; cut += 1) {
        const torn = NOTED.slice(0, cut);
        const file = healed(torn);
        for (const note of NOTES)
          if (torn.includes(`${note}\n`))
            expect([cut, file]).toEqual([cut, expect.stringContaining(`${note}\n`)]);
        expect(file.length).toBeLessThanOrEqual(CLEAN.length + cut);
      }
    });

    it("heals wherever its beginning was lost, and keeps the notes below the cut", () => {
      for (let cut = 0; cut <= NOTED.length; cut += 1) {
        const torn = NOTED.slice(cut);
        const file = healed(torn);
        for (const note of NOTES)
          if (torn.includes(`\n${note}\n`))
            expect([cut, file]).toEqual([cut, expect.stringContaining(`${note}\n`)]);
      }
    });
  });

  const END_A = /<!-- state-syncd:end repo="karematch"[^\n]*\n/;
  const BEGIN_A = /<!-- state-syncd:begin repo="karematch"[^\n]*\n/;

  describe("damage", () => {
    it.each<[hazard: string, harm: (text: string) => string]>([
      ["a word changed in a body", (text) => text.replace("fine\n", "fine!\n")],
      ["a body emptied", (text) => text.replace(BODY_A, "")],
      ["a line put before the end marker", (text) => text.replace(END_A, "added\n$&")],
      ["the end marker gone", (text) => text.replace(END_A, "")],
      ["the begin marker gone", (text) => text.replace(BEGIN_A, "")],
      [
        "another digest at the end",
        (text) => text.replace(END_A, (line) => line.replace(/sha256="../, 'sha256="00')),
      ],
      [
        "another digest at the beginning",
        (text) => text.replace(BEGIN_A, (line) => line.replace(/sha256="../, 'sha256="00')),
      ],
      ["a format of the future", (text) => text.replace('format="1"', 'format="2"')],
      ["the heading gone", (text) => text.replace("## KAREMATCH State\n", "")],
      [
        "the metadata gone",
        (text) => text.replace(/\*\*Source\*\*: \/home\/me\/1_REPOS\/karematch[^\n]*\n/, ""),
      ],
      ["the closing rule gone", (text) => text.replace(/(end repo="karematch"[^\n]*\n)\n---\n/, "$1")],
      [
        "the section twice",
        (text) =>
          text.replace(
            /\n<!-- state-syncd:begin repo="karematch"[\s\S]*?<!-- state-syncd:end repo="karematch"[^\n]*\n\n---\n/,
            "$&$&",
          ),
      ],
      [
        "the header twice",
        (text) => text.replace(/# Global State Cache[\s\S]*?index:end -->\n\n---\n/, "$&$&"),
      ],
      ["the title gone", (text) => text.replace("# Global State Cache\n", "")],
      ["the index gone", (text) => text.replace(/<!-- state-syncd:index -->[\s\S]*?index:end -->\n/, "")],
      ["the index's end gone", (text) => text.replace("<!-- state-syncd:index:end -->\n", "")],
      [
        "the index's beginning gone",
        (text) => text.replace("<!-- state-syncd:index -->\n", "<!-- state-syncd:index -->\n"),
      ],
      ["a row of the index changed", (text) => text.replace("| karematch |", "| nobody |")],
      [
        "the index twice",
        (text) => text.replace(/<!-- state-syncd:index -->[\s\S]*?index:end -->\n/, "$&$&"),
      ],
      [
        "the sections in another order",
        (text) => {
          const [first = "", second = ""] = text.match(/\n<!-- state-syncd:begin[\s\S]*?\n---\n/g) ?? [];
          return text.replace(first, "<1>").replace(second, first).replace("<1>", second);
        },
      ],
    ])("%s: healed, every note kept, nothing left over", (_hazard, harm) => {
      expect(timeless(healed(harm(NOTED)))).toBe(timeless(NOTED));
    });

    it("puts a lost header on top, above the notes that stood above it", () => {
      const headless = NOTED.replace(/# Global State Cache[\s\S]*?(?=<!-- state-syncd:index -->)/, "");
      const file = healed(headless);
      expect(latin1(foreignOf(Buffer.from(file)))).toBe("top\n\nbelow the index\nbetween\nthe end\n");
    });

    it("keeps what both sides of a git conflict wrote around the sections", () => {
      const conflicted = `<<<<<<< HEAD\nours\n=======\ntheirs\n>>>>>>> branch\n${CLEAN}`;
      const file = healed(conflicted);
      expect(file.startsWith("<<<<<<< HEAD\nours\n=======\ntheirs\n>>>>>>> branch\n# Global")).toBe(true);
    });

    it("heals a conflict that runs through a body", () => {
      const conflicted = CLEAN.replace("fine\n", "<<<<<<< HEAD\nfine\n=======\nbad\n>>>>>>> branch\n");
      expect(timeless(healed(conflicted))).toBe(timeless(CLEAN));
    });

    it("keeps what a damaged section still says while its peer is out of reach, and lets no note into it", () => {
      const torn = Buffer.from(
        `${CLEAN.replace(END_A, "").replace(/\n<!-- state-syncd:begin repo="credentialmate"/, '\n<!-- state-syncd:begin repo="gone"')}note\n`,
      );
      const once = synced(torn, []);
      expect(latin1(once)).toContain(BODY_A);
      expect(latin1(foreignOf(once))).toContain("note\n");
      expect(mergeWith(once, []).changed).toBe(false);
      expect(latin1(foreignOf(synced(once, SNAPSHOTS)))).toContain("note\n");
    });

    it("asks for a copy before text of a damaged section is replaced", () => {
      const result = mergeWith(Buffer.from(CLEAN.replace("fine\n", "fine!\n")), SNAPSHOTS);
      expect(result.copyFirst).toBe("damaged");
      expect(mergeWith(Buffer.from(CLEAN), [snapshot("karematch", "new\n")]).copyFirst).toBeUndefined();
    });
  });

  describe("git's line endings", () => {
    it("flipping back and forth never grows the file and keeps every note", () => {
      const snapshots = [snapshot("karematch", "a\nb\n"), snapshot("credentialmate", "c\r\nd")];
      let file = synced(Buffer.from(NOTED), snapshots);
      const length = file.length;
      for (let round = 0; round < 6; round += 1) {
        const lf = latin1(file).replaceAll("\r\n", "\n");
        const flipped = Buffer.from(round % 2 === 0 ? lf.replaceAll("\n", "\r\n") : lf, "latin1");
        file = synced(flipped, snapshots);
        expectHealed(file, snapshots);
        expect(file.length).toBeLessThanOrEqual(length + 2 * NOTES.length + 2);
        const notes = latin1(foreignOf(file)).replaceAll("\r\n", "\n");
        expect(notes).toBe("top\n\nbelow the index\nbetween\nthe end\n");
      }
    });
  });

  describe("text that meets where something of ours is taken out", () => {
    const header = `# Global State Cache\n\n${PURPOSE}\n\n**Last Updated**: ${LOCAL_TIME}\n\n---\n`;
    const stray = `<!-- state-syncd:begin repo="gone" format="1" sha256="${EMPTY}" -->\n`;

    it.each([
      [
        "a heading and its line, around a section of a stranger",
        `## KAREMATCH2 State\n${stray}**Last Synced**: Never\n`,
      ],
      [
        "the same, around a second header",
        `${header}${stray}## KAREMATCH2 State\n${header}**Last Synced**: Never\n`,
      ],
      [
        "the same, above the header",
        `## KAREMATCH2 State\n<!-- state-syncd:index -->\n**Last Synced**: Never\n${header}`,
      ],
      [
        "two placeholders side by side",
        "## KAREMATCH State\n**Last Synced**: Never\n\n*No state cached yet.*\n\n---\n".repeat(2),
      ],
    ])("settles in one turn: %s", (_what, text) => {
      for (const snapshots of [[], SNAPSHOTS]) {
        const once = synced(Buffer.from(text), snapshots);
        expect(mergeWith(once, snapshots, { now: moment(9) }).changed).toBe(false);
      }
      healed(text);
    });
  });

  describe("names that begin alike", () => {
    it("are told apart, although the original confuses them", () => {
      const snapshots = [snapshot("karematch", "one\n"), snapshot("karematch2", "two\n## Own\nthree\n")];
      const clean = synced(undefined, snapshots);
      const written = originalWrite(clean, "karematch", "one\n", LOCAL_TIME);
      expect(latin1(written)).not.toContain("## KAREMATCH2 State");
      expect(timeless(latin1(synced(written, snapshots)))).toBe(timeless(latin1(clean)));
    });
  });

  describe("a note below a section that the original cut open", () => {
    it("is told from the section's body by the body itself", () => {
      const snapshots = [
        snapshot("ai_orchestrator", "a\n## KAREMATCH todo\nb\n"),
        snapshot("karematch", "one\n"),
      ];
      const clean = latin1(synced(undefined, snapshots));
      const noted = clean.replace(/(repo="ai_orchestrator" sha256="[^\n]*\n\n---\n)/, "$1## My note\nmine\n");
      const written = originalWrite(Buffer.from(noted), "karematch", "one\n", LOCAL_TIME);
      expect(latin1(written)).not.toContain('end repo="ai_orchestrator"');
      expect(timeless(latin1(synced(written, snapshots)))).toBe(timeless(noted));
    });
  });

  describe("adoption", () => {
    const HANDMADE = `# Cross-Repo State Cache (OTHER)

**Purpose**: Cache state from other repos.

**Last Updated**: 2026-01-18

---

## Instructions

Pull with the script.

---

## KAREMATCH State
**Last Synced**: Never

*No state cached yet. Run sync from KareMatch to populate.*

---

## CREDENTIALMATE State
**Last Synced**: Never

*No state cached yet. Run sync from CredentialMate to populate.*

---

**Note**: This file enables agents working here to see the others.
`;

    it("of a hand-made cache replaces the placeholders and keeps every other word", () => {
      const result = mergeWith(Buffer.from(HANDMADE), SNAPSHOTS);
      expect(result.copyFirst).toBe("adopted");
      const file = healed(HANDMADE);
      expect(file).not.toContain("No state cached yet");
      const kept = HANDMADE.replaceAll(/## (KAREMATCH|CREDENTIALMATE) State\n[\s\S]*?\n---\n\n?/g, "");
      expect(latin1(foreignOf(Buffer.from(file))).replaceAll(/\n+/g, "\n")).toBe(
        kept.replaceAll(/\n+/g, "\n"),
      );
      const sections = CLEAN.length;
      expect(file.length).toBeLessThanOrEqual(sections + kept.length + 4);
    });

    it.each([2, 10])("of what %i syncs of the original piled up leaves one section a repo", (rounds) => {
      let pile: Buffer | undefined;
      for (let round = 0; round < rounds; round += 1) {
        pile = originalWrite(pile, "karematch", `${BODY_A}old ${round}\n`, LOCAL_TIME);
        pile = originalWrite(pile, "credentialmate", `# B\n\n## Mine\nold ${round}\n`, LOCAL_TIME);
      }
      const file = healed(latin1(pile ?? Buffer.alloc(0)));
      expect(timeless(file)).toBe(timeless(CLEAN));
      expect(mergeWith(pile, SNAPSHOTS).copyFirst).toBe("adopted");
    });

    it("keeps a copy of the whole also where the first turn knows of no state yet, and marks the file", () => {
      const pile = originalWrite(undefined, "karematch", BODY_A, LOCAL_TIME);
      const first = mergeWith(pile, []);
      expect([first.changed, first.copyFirst]).toEqual([true, "adopted"]);
      // What that turn has left is ours, and of it no second copy is needed.
      const second = mergeWith(Buffer.concat(first.chunks), SNAPSHOTS);
      expect(second.copyFirst).not.toBe("adopted");
    });

    it("of a fresh write by the original keeps the note below it", () => {
      const pile = originalWrite(Buffer.from("my note\n"), "karematch", BODY_A, LOCAL_TIME);
      expect(latin1(foreignOf(synced(pile, SNAPSHOTS)))).toBe("my note");
    });
  });

  describe("beside the original utility", () => {
    it("a hundred of its writes, healed each time, leave the file that was there", () => {
      let file = synced(undefined, SNAPSHOTS);
      for (let round = 0; round < 100; round += 1) {
        const one = SNAPSHOTS[round % 2];
        file = originalWrite(file, one?.repo ?? "", one?.body.toString("utf8") ?? "", LOCAL_TIME);
        if (round % 3 !== 0) file = synced(file, SNAPSHOTS);
      }
      expect(timeless(latin1(synced(file, SNAPSHOTS)))).toBe(timeless(CLEAN));
    });

    it("ends with no section of a repo that may not be there, though the original put it there", () => {
      const written = originalWrite(
        Buffer.from(CLEAN),
        "ai_orchestrator",
        "ZQ-secret\n## In\nZQ-secret\n",
        LOCAL_TIME,
      );
      const peers = REPOS.filter((repo) => repo !== "ai_orchestrator");
      const file = synced(written, SNAPSHOTS, { peers });
      expect(latin1(file)).not.toContain("ZQ-secret");
      expect(parsed(file).parts).toHaveLength(2);
    });
  });
});
