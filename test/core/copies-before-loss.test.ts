import { describe, expect, it } from "vitest";
import { endMarker, INDEX_BEGIN, INDEX_END } from "../../src/core/cache/markers.ts";
import { PURPOSE, TITLE } from "../../src/core/cache/render.ts";
import { mergeWith, moment, REPOS, snapshot, synced } from "./cache-cases.ts";

const NOW = snapshot("karematch", "body\nlast line\n");
const NEWS = snapshot("karematch", "another body\n");

/** Text that people put into a cache; every line of theirs says "my". */
const writtenInto = (file: string): readonly (readonly [string, string])[] => [
  [
    "an example of a header, in notes",
    `${file}\nmy notes:\n\`\`\`\n${TITLE}\n\n${PURPOSE}\n\n**Last Updated**: my example\n\`\`\`\nmy last\n`,
  ],
  [
    "a header that looks real, in notes",
    `${file}\nmy notes:\n${TITLE}\n\n${PURPOSE}\n\n**Last Updated**: ${moment(3)} by my clock\n\n---\nmy last\n`,
  ],
  [
    "an index of their own, in notes",
    `${file}\nmy notes:\n${INDEX_BEGIN}\n| my | own | table |\n| my | 2nd | row |\nmy last\n`,
  ],
  [
    "a closed index of their own, in notes",
    `${file}\nmy notes:\n${INDEX_BEGIN}\n| my | own | table | of | five |\n${INDEX_END}\nmy last\n`,
  ],
  ["a row more in the index", file.replace(INDEX_END, `| my row | - | - | - | - |\n${INDEX_END}`)],
  ["a sentence in the index", file.replace(INDEX_END, `my sentence\n${INDEX_END}`)],
  [
    "an end marker, copied below their notes",
    `${file}\nmy notes\n${endMarker("karematch", NOW.sha256)}\nmy last\n`,
  ],
  [
    "an old section, in notes",
    `${file}\nmy notes\n## AI_ORCHESTRATOR State\n\n**Last Synced**: my yesterday\n\nmy last\n`,
  ],
];

const PLAIN = writtenInto(synced(undefined, [NOW]).toString());
const FENCED = writtenInto(synced(undefined, [NOW], { fence: true }).toString());
const WRITTEN = PLAIN.flatMap(([title, text], at) =>
  [false, true].flatMap((fence) => [
    { title, text, fence },
    { title: `${title}, in a fenced cache`, text: FENCED[at]?.[1] ?? "", fence },
  ]),
);

/** Lines of people that the new file lacks. */
function lostFrom(text: string, output: string): string[] {
  const lines = new Set(output.split("\n"));
  return text.split("\n").filter((line) => /\bmy\b/.test(line) && !lines.has(line));
}

describe("no text of people is left out of a cache before the old file was copied", () => {
  describe.each([
    ["nothing else changed", [NOW]],
    ["a new state came", [NEWS]],
    ["another repo came", [NOW, snapshot("ai_orchestrator", "the first\n")]],
  ])("%s", (_what, snapshots) => {
    it.each(WRITTEN)("$title, to be fenced: $fence", ({ text, fence }) => {
      const result = mergeWith(Buffer.from(text), snapshots, { now: moment(9), fence });
      if (!result.changed) return;
      const lost = lostFrom(text, Buffer.concat(result.chunks).toString());
      if (result.copyFirst === undefined) expect(lost).toEqual([]);
      // A file that keeps everything needs no copy each time that something new comes.
      const again = mergeWith(Buffer.concat(result.chunks), [snapshot("karematch", "and more\n")], {
        peers: REPOS,
        now: moment(12),
        fence,
      });
      expect(again.copyFirst, "a copy at every turn").toBeUndefined();
    });
  });

  it.each(WRITTEN)("the example holds lines of people: $title", ({ text }) => {
    expect(lostFrom(text, "")).not.toEqual([]);
  });
});
