import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { merge, type MergeRequest } from "../../src/core/cache/merge.ts";
import { PURPOSE, TITLE } from "../../src/core/cache/render.ts";
import { sha256, type Snapshot } from "../../src/core/snapshot.ts";

const RUNS = Number(process.env["FUZZ_RUNS"] ?? 4_000);
const NOW = "2026-02-01T00:00:00.000Z";
const NAMES = ["a", "b", "c"];

/** What an agent that has read a cache may paste into its state file. */
const QUOTED = [
  `<!-- state-syncd:begin repo="b" format="1" sha256="${"1".repeat(64)}" -->`,
  `<!-- state-syncd:end repo="b" sha256="${"1".repeat(64)}" -->`,
  `<!-- state-syncd:begin repo="a" format="1" sha256="${"3".repeat(64)}" -->`,
  `<!-- state-syncd:end repo="a" sha256="${"2".repeat(64)}" -->`,
  "## C State\n\n**Last Synced**: 2026-01-01T00:00:00",
  "## A State\n\n**Last Synced**: 2026-01-01T00:00:00",
  `${TITLE}\n\n${PURPOSE}\n\n**Last Updated**: 2026-01-01T00:00:00\n\n---`,
  "---",
  "<!-- state-syncd:index -->\n| a |\n<!-- state-syncd:index:end -->",
  "**Note**: This file enables agents to know.",
  "# Cross-Repo State Cache (x)",
  "```text",
  "```",
  "````",
];
const quotations = fc.array(fc.constantFrom(...QUOTED), { maxLength: 5 });
/** Of a cache's three turns, whether it is fenced. */
const forms = fc.tuple(fc.boolean(), fc.boolean(), fc.boolean());
const places = fc.double({ min: 0, max: 1, noNaN: true });

function snapshot(repo: string, quoting: readonly string[]): Snapshot {
  const line = `planted-in-${repo}-1`;
  const body = Buffer.from(`# ${repo}\n\n${[line, ...quoting.flatMap((what) => [what, line])].join("\n")}\n`);
  return { repo, body, sha256: sha256(body), changedAt: NOW, origin: "/x" };
}

function merged(bytes: Buffer | undefined, request: Omit<MergeRequest, "registered" | "now">): Buffer {
  return Buffer.concat([...merge(bytes, { ...request, registered: NAMES, now: NOW }).chunks]);
}

describe("a cache that quotes caches, and is cut", () => {
  it("heals so that nothing of a repo that leaves later is left of it", () => {
    fc.assert(
      fc.property(
        fc.tuple(quotations, quotations, quotations),
        places,
        places,
        forms,
        (quoting, x, y, fences) => {
          const all = NAMES.map((name, index) => snapshot(name, quoting[index] ?? []));
          const snapshots = new Map(all.map((one) => [one.repo, one]));
          const [atFirst, then, atLast] = fences;
          const whole = merged(undefined, { peers: NAMES, snapshots, fence: atFirst });
          const [from = 0, to = 0] = [x, y].map((at) => Math.floor(at * whole.length)).sort((p, q) => p - q);
          const cut = Buffer.concat([whole.subarray(0, from), whole.subarray(to)]);
          const healed = merged(cut, { peers: NAMES, snapshots, fence: then });
          const others = new Map([...snapshots].filter(([name]) => name === "b"));
          const purged = merged(healed, { peers: ["b"], snapshots: others, fence: atLast }).toString();
          for (const gone of ["a", "c"])
            expect(purged, `cut from ${from} to ${to}`).not.toContain(`planted-in-${gone}`);
        },
      ),
      { numRuns: RUNS },
    );
  });
});
