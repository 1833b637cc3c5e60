import { resolve } from "node:path";

/**
 * What a coding agent's harness says and hears at an event: one JSON object on stdin, one on stdout.
 * After Claude Code's contract for hooks, https://code.claude.com/docs/en/hooks.
 */

/** What of an event's JSON is of use here. */
export interface HookEvent {
  /** Undefined where nobody said. */
  readonly sessionId: string | undefined;
  /** Where the agent works, absolute. */
  readonly cwd: string;
  /** What the harness calls the event: `SessionStart`. */
  readonly name: string;
  /** Why a session starts: `startup`, `compact`. */
  readonly source: string | undefined;
  /** Of the tool call that the event is about. */
  readonly toolUseId: string | undefined;
}

/** A name goes back to the harness as it came; anything else does not. */
const NAME = /^[A-Za-z]{1,64}$/;

/**
 * Reads an event.
 *
 * @param defaults what counts where the text says nothing, or nothing that could be meant.
 * @returns `mistake` where the text is no event at all: then the defaults stand for it.
 */
export function readEvent(
  text: string,
  defaults: { readonly cwd: string; readonly name: string },
): { readonly event: HookEvent; readonly mistake: string | undefined } {
  const value = parsed(text);
  const fields = typeof value === "object" && value !== null ? new Map(Object.entries(value)) : undefined;
  const said = (field: string): string | undefined => {
    const found: unknown = fields?.get(field);
    return typeof found === "string" && found !== "" ? found : undefined;
  };
  const name = said("hook_event_name");
  const source = said("source");
  const event = {
    sessionId: said("session_id"),
    // Who answers may be another process, which is elsewhere.
    cwd: resolve(defaults.cwd, said("cwd") ?? ""),
    name: name !== undefined && NAME.test(name) ? name : defaults.name,
    source: source !== undefined && NAME.test(source) ? source : undefined,
    toolUseId: said("tool_use_id"),
  };
  const mistake =
    fields === undefined && text.trim() !== ""
      ? "what came on standard input is no event in JSON"
      : undefined;
  return { event, mistake };
}

/** Whether all of an event is here. Not every harness closes what it has written it to. */
export function isWholeEvent(text: string): boolean {
  return text.trimEnd().endsWith("}") && parsed(text) !== undefined;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What hands a text to the model, at any event whose answer reaches it. */
export function contextFor(event: HookEvent, text: string): string {
  return `${JSON.stringify({ hookSpecificOutput: { hookEventName: event.name, additionalContext: text } })}\n`;
}
