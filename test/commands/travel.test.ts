import { describe, expect, it } from "vitest";
import { Travellers } from "../../src/commands/travel.ts";

const at = (ms: number): string => new Date(Date.parse("2026-11-22T16:40:00Z") + ms).toISOString();
const written = (repo: string, cache: string, ms: number, lagMs?: number) => ({
  time: at(ms),
  event: "section.written",
  repo,
  cache,
  lagMs,
});

/** Without the times, which are those of this machine's zone. */
function lines(...facts: readonly Parameters<Travellers["add"]>[0][]): string[] {
  const travellers = new Travellers();
  for (const fact of facts) travellers.add(fact);
  return travellers.last(50, 60).map((line) => line.replace(/^\d\d:\d\d:\d\d /, ""));
}

describe("what travels, as somebody sees it who looks on", () => {
  it("one save that reaches many is one line, with the time of the slowest", () => {
    expect(lines(written("a", "b", 0, 12), written("a", "c", 3, 15))).toEqual(["a -> b, c  15 ms"]);
    const many = ["b", "c", "d", "e", "f"].map((to, index) => written("a", to, index, 10));
    expect(lines(...many)).toEqual(["a -> b, c, d and 2 more  10 ms"]);
    const long = ["b".repeat(40), "c".repeat(40)].map((to) => written("a", to, 0, 10));
    expect(lines(...long)).toEqual(["a -> 2 peers  10 ms"]);
  });

  it("the next save is a line of its own, be it right behind the first", () => {
    expect(lines(written("a", "b", 0, 12), written("a", "b", 300, 9))).toEqual([
      "a -> b  12 ms",
      "a -> b  9 ms",
    ]);
    expect(lines(written("a", "b", 0, 12), written("a", "c", 5_000, 9))).toHaveLength(2);
    expect(lines(written("a", "b", 0, 12), written("c", "b", 1, 9))).toHaveLength(2);
  });

  it("what no watch saw has no time that it took", () => {
    expect(lines(written("a", "b", 0))).toEqual(["a -> b"]);
  });

  it("neither the daemon's own proof, nor what only a debugger wants, nor what is not known", () => {
    const time = at(0);
    expect(
      lines(
        written("state-syncd.source", "state-syncd.target", 0, 3),
        { time, event: "request.handled", path: "/status" },
        { time, event: "state.changed", repo: "a" },
        { time, event: "of.a.later.version", repo: "a" },
      ),
    ).toEqual([]);
  });

  it("a fault by its code, and no character that acts on a terminal", () => {
    expect(lines({ time: at(0), event: "state.held", repo: "a", code: "STATE_FILE_EMPTY" })).toEqual([
      "a: state held back: STATE_FILE_EMPTY",
    ]);
    expect(lines(written("a\u001b[2J", "b", 0))).toEqual([String.raw`a\x1b[2J -> b`]);
  });
});
