import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { contextFor, readEvent } from "../../src/hooks/event.ts";

const defaults = { cwd: "/work", name: "SessionStart" };

describe("an event of a coding agent", () => {
  it("is read from its JSON", () => {
    const text = JSON.stringify({
      session_id: "s",
      cwd: "/repo",
      hook_event_name: "PostToolUse",
      tool_name: "Bash",
      tool_input: { command: "ls" },
    });
    expect(readEvent(text, defaults)).toEqual({
      event: { sessionId: "s", cwd: "/repo", name: "PostToolUse", source: undefined, toolUseId: undefined },
      mistake: undefined,
    });
  });

  it.each([
    ["nothing", "", false],
    ["no JSON", "hello", true],
    ["no object", "[1", true],
    ["a list", "[]", false],
    ["fields of other kinds", '{"session_id":1,"cwd":{},"hook_event_name":["x"]}', false],
    ["empty fields", '{"session_id":"","cwd":"","hook_event_name":""}', false],
    ["a name that would be a line of its own", '{"hook_event_name":"A\\nB"}', false],
  ])("counts as the usual one where it is %s", (_, text, isMistake) => {
    const { event, mistake } = readEvent(text, defaults);
    expect(event).toMatchObject({ sessionId: undefined, ...defaults });
    expect(mistake !== undefined).toBe(isMistake);
  });

  it("is read whatever comes", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        const { event } = readEvent(text, defaults);
        expect(JSON.parse(contextFor(event, text))).toEqual({
          hookSpecificOutput: { hookEventName: event.name, additionalContext: text },
        });
      }),
    );
  });
});
