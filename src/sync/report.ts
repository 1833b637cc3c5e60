import type { EventFields, EventName } from "../log/events.ts";

/**
 * Where the work tells what happened, one call a fact. The daemon hands it to the log, the
 * metrics and whoever listens on the socket; a one-off command to nobody.
 */
export type Report = <E extends EventName>(event: E, fields: EventFields<E>) => void;

export const silent: Report = () => undefined;
