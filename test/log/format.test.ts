import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EVENTS, LEVELS } from "../../src/log/events.ts";
import { createListing, formatLine, parseLine, wantsColour } from "../../src/log/format.ts";
import { visible } from "../../src/visible.ts";

const zone = process.env["TZ"];
beforeAll(() => {
  process.env["TZ"] = "Asia/Kolkata"; // Five and a half hours ahead, all the year.
});
afterAll(() => {
  if (zone === undefined) delete process.env["TZ"];
  else process.env["TZ"] = zone;
});

function raw(event: string, fields: Record<string, unknown> = {}, time = "2026-11-22T11:10:00.123Z"): string {
  const level = event in EVENTS ? EVENTS[event as keyof typeof EVENTS].level : "info";
  return JSON.stringify({ level, time, event, ...fields });
}

function plain(line: string): string {
  return formatLine(parseLine(line), { colour: false, date: false });
}

const sha256 = "a".repeat(64);

describe("formatLine", () => {
  it.each([
    [
      raw("section.written", {
        repo: "karematch",
        cache: "ai_orchestrator",
        sha256,
        bytes: 36920,
        durationMs: 4.3,
      }),
      "16:40:00.123 info  karematch -> ai_orchestrator  section written  36,920 B  in 4 ms",
    ],
    [
      raw("section.written", {
        repo: "a",
        cache: "b",
        sha256,
        bytes: 1,
        durationMs: 999.7,
        lagMs: 61_000,
      }),
      "16:40:00.123 info  a -> b  section written  1 B  in 1.0 s  lag 1 min",
    ],
    [
      raw("state.changed", {
        repo: "a",
        sha256,
        bytes: 0,
        changedAt: "2026-11-22T11:10:00.000Z",
        found: "rescan",
      }),
      "16:40:00.123 info  a  state changed  0 B  by rescan",
    ],
    [
      raw("cache.failed", {
        cache: "b",
        code: "CACHE_DISK_FULL",
        message: "the disk is full",
        retryInMs: 2500,
      }),
      "16:40:00.123 error b  cache not written  CACHE_DISK_FULL  the disk is full  next try in 2.5 s",
    ],
    [
      raw("config.changed", { added: ["a", "b"], removed: [], moved: ["c"] }),
      "16:40:00.123 info  config changed  added a, b  moved c",
    ],
    [
      raw("rescan.done", { repoCount: 1, changeCount: 0, durationMs: 3 }),
      "16:40:00.123 debug rescan done  1 repo  0 changes  in 3 ms",
    ],
    [
      raw("wake.detected", { sleptMs: 9_000_000 }),
      "16:40:00.123 info  machine was asleep, or its clock was set  for 2 h 30 min",
    ],
    [raw("daemon.stopping"), "16:40:00.123 info  daemon stopping"],
    [raw("daemon.stopping", { signal: null }), "16:40:00.123 info  daemon stopping"],
    [
      raw("pause.changed", { repo: "a", until: "2026-11-22T12:00:00.000Z" }),
      "16:40:00.123 info  a  paused  until 2026-11-22 17:30:00",
    ],
    [
      raw("internal.error", { message: "no\nway", stack: "Error: no\n at x" }),
      "16:40:00.123 error internal error  no\\nway",
    ],
    [
      raw("watch.lost", { path: "/r/\u001b[31mred", code: "ENOSPC", message: "m" }),
      "16:40:00.123 warn  watch lost  /r/\\x1b[31mred  ENOSPC  m",
    ],
    [
      raw("section.written", { repo: 7, cache: { x: 1 }, bytes: "many" }),
      '16:40:00.123 info  7 -> {"x":1}  section written  many B',
    ],
  ])("%s", (line, expected) => {
    expect(plain(line)).toBe(expected);
  });

  it.each([
    ["not JSON", "Killed"],
    ["a torn line", '{"level":"info","time":"2026-'],
    ["JSON that is no object", "null"],
    ["an array", "[1]"],
    ["an event of a later version", raw("moon.landed", { repo: "a" })],
    ["the name of a method of all objects", raw("toString")],
    ["a level of another logger", '{"level":30,"time":"2026-11-22T11:10:00.123Z","event":"daemon.stopping"}'],
    ["a time that is none", '{"level":"info","time":"soon","event":"daemon.stopping"}'],
    ["nothing", ""],
  ])("shows %s as it stands", (_case, line) => {
    expect(plain(line)).toBe(line);
  });

  it("colours the level alone, and only when told", () => {
    const line = parseLine(raw("daemon.stopping"));
    expect(formatLine(line, { colour: true, date: false })).toBe(
      "16:40:00.123 \u001b[32minfo \u001b[39m daemon stopping",
    );
  });

  it("never throws and never lets a control character through, whatever the line is", () => {
    const field = fc.constantFrom(
      "repo",
      "cache",
      "bytes",
      "message",
      "path",
      "repos",
      "until",
      "durationMs",
    );
    const record = fc.record({
      level: fc.constantFrom(...LEVELS),
      time: fc.constant("2026-11-22T11:10:00.123Z"),
      event: fc.oneof(fc.constantFrom(...Object.keys(EVENTS)), fc.string({ unit: "binary" })),
    });
    const known = fc
      .tuple(record, fc.dictionary(field, fc.oneof(fc.jsonValue(), fc.string({ unit: "binary" }))))
      .map(([head, fields]) => JSON.stringify({ ...fields, ...head }));
    fc.assert(
      fc.property(fc.oneof(known, fc.string({ unit: "binary" })), (line) => {
        expect(plain(line)).not.toMatch(/[\p{Cc}\p{Cs}\u202a-\u202e\u2066-\u2069]/u);
      }),
    );
  });
});

describe("visible", () => {
  it.each([
    ["\u001b]0;title\u0007", "\\x1b]0;title\\x07"],
    ["\u009b31m", "\\x9b31m"],
    ["a\r\n\tb", "a\\r\\n\\tb"],
    ["\u202egpj.exe", "\\u202egpj.exe"],
    ["\u{e0041}", "\\u{e0041}"],
    ["\ud800", "\\ud800"],
  ])("%j", (text, expected) => {
    expect(visible(text)).toBe(expected);
  });

  it("leaves emoji, joiners and every script alone", () => {
    for (const text of ["👩‍👩‍👧", "नमस्ते", "שלום", "日本語", "é", "می‌خواهم"]) expect(visible(text)).toBe(text);
  });
});

describe("createListing", () => {
  const now = new Date("2026-11-22T12:00:00Z");
  const at = (time: string) => parseLine(raw("daemon.stopping", {}, time));

  it("shows the date of the first line of another day, and where the day changes at local midnight", () => {
    const show = createListing({ colour: false, now });
    expect(
      ["2026-11-21T18:29:59.999Z", "2026-11-21T18:30:00.000Z", "2026-11-22T11:00:00.000Z"].map((time) =>
        show(at(time)),
      ),
    ).toEqual([
      "2026-11-21 23:59:59.999 info  daemon stopping",
      "2026-11-22 00:00:00.000 info  daemon stopping",
      "16:30:00.000 info  daemon stopping",
    ]);
  });

  it("shows every date where the listing begins on another day", () => {
    const show = createListing({ colour: false, now, since: new Date("2026-11-20T12:00:00Z") });
    expect(show(at("2026-11-22T11:00:00Z"))).toBe("2026-11-22 16:30:00.000 info  daemon stopping");
    expect(show(at("2026-11-22T11:00:00Z"))).toBe("2026-11-22 16:30:00.000 info  daemon stopping");
  });
});

it.each([
  [true, {}, true],
  [true, { NO_COLOR: "" }, true],
  [true, { NO_COLOR: "1" }, false],
  [false, {}, false],
  [undefined, {}, false],
])("colour on a terminal (%s) with %j: %s", (isTTY, env, expected) => {
  expect(wantsColour({ isTTY }, env)).toBe(expected);
});
