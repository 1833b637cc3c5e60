import { describe, expect, expectTypeOf, it } from "vitest";
import { EVENTS, FIELDS, fieldsOf, isEventName, isLevel, type EventFields } from "../../src/log/events.ts";

const names = Object.keys(EVENTS).filter(isEventName);

describe("the table of events", () => {
  it.each(names)("%s has a stable dotted name and says what it means", (name) => {
    expect(name).toMatch(/^[a-z]+\.[a-z_]+$/);
    expect(EVENTS[name].about).toMatch(/^[A-Z].+\.$/s);
    expect(EVENTS[name].says).toMatch(/^[a-z]/);
    expect(isLevel(EVENTS[name].level)).toBe(true);
  });

  it("names no field twice in one event", () => {
    for (const name of names) expect(new Set(fieldsOf(name)).size, name).toBe(fieldsOf(name).length);
  });

  it("describes no field that no event has, and none in the way of what every line has", () => {
    expect(new Set(names.flatMap(fieldsOf))).toEqual(new Set(Object.keys(FIELDS)));
    for (const reserved of ["time", "level", "event"]) expect(FIELDS).not.toHaveProperty(reserved);
  });

  it("is no event what only an object's prototype has", () => {
    expect(isEventName("constructor")).toBe(false);
    expect(isEventName("section.written")).toBe(true);
  });

  it("types an event's fields and level by the table", () => {
    expectTypeOf<EventFields<"state.changed">["found"]>().toEqualTypeOf<
      "event" | "rescan" | "start" | "request"
    >();
    expectTypeOf<EventFields<"cache.purged">["repos"]>().toEqualTypeOf<readonly string[]>();
    expectTypeOf<{
      repo: string;
      cache: string;
      sha256: string;
      bytes: number;
      durationMs: number;
    }>().toExtend<EventFields<"section.written">>();
    expectTypeOf<{ repo: string }>().not.toExtend<EventFields<"section.written">>();
  });
});
