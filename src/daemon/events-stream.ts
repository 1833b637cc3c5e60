import type { ServerResponse } from "node:http";
import type { Report } from "../sync/report.ts";

/** A listener that reads slower than this much is behind for good, and is let go. */
const MOST_UNREAD_BYTES = 1024 * 1024;

/** The listeners of `GET /events`: each gets every fact as a line of JSON. */
export class EventsStream {
  readonly #listeners = new Set<ServerResponse>();

  readonly listen = (response: ServerResponse): void => {
    response.writeHead(200, { "content-type": "application/x-ndjson", "cache-control": "no-store" });
    response.socket?.setTimeout(0);
    response.flushHeaders();
    this.#listeners.add(response);
    response.on("close", () => this.#listeners.delete(response));
  };

  readonly report: Report = (event, fields) => {
    if (this.#listeners.size === 0) return;
    const line = `${JSON.stringify({ time: new Date().toISOString(), event, ...fields })}\n`;
    for (const listener of this.#listeners) {
      if (listener.writableLength > MOST_UNREAD_BYTES) listener.destroy();
      else listener.write(line);
    }
  };

  close(): void {
    for (const listener of this.#listeners) listener.end();
  }
}
