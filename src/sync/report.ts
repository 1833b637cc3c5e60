import type { EventFields, EventName } from "../log/events.ts";

/**
 * Where the work tells what happened, one call a fact. The daemon hands it to the log, the
 * metrics and whoever listens on the socket; a one-off command to nobody.
 */
export type Report = <E extends EventName>(event: E, fields: EventFields<E>) => void;

/**
 * Tells a defect of the program.
 *
 * @returns its message.
 */
export function reportDefect(report: Report, error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  report("internal.error", { message, stack: error instanceof Error ? error.stack : undefined });
  return message;
}

export const silent: Report = () => undefined;
